"""`remit examples`: keeps an example of each version of what is stored, and checks that this release reads them all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from remit.cli.options import AsJson, SystemName
from remit.cli.screen import UNWELL, say
from remit.hosting.examples import check_examples, update_examples
from remit.hosting.failures import Failure
from remit.hosting.finding import HERE, load_system

app = App(name="examples", help="Keep an example of each version of what is stored; check that all can be read.")

Folder = Annotated[Path, Parameter(name="--folder", help="Where the examples are. Default: examples")]


@app.command
def update(
    system: SystemName = HERE,
    /,
    *,
    folder: Folder = Path("examples"),
    force: Annotated[bool, Parameter(negative="", help="Write the examples of the present versions anew.")] = False,
    json: AsJson = False,
) -> int:
    """Write an example of each version that has none yet. Examples that exist stay as they are."""
    try:
        done = update_examples(load_system(system).model(), folder, force=force)
    except OSError as error:
        raise Failure("cli.output", f"an example cannot be written: {error.strerror}", where=str(folder),
                      expected="a folder that can be written", next="--folder OTHER") from error  # fmt: skip
    if json:
        print(msgspec.json.encode(done._asdict()).decode())
    else:
        for file in done.written:
            say(f"{file} is written")
        for file, why in done.by_hand:
            say(f"{file} has to be written by hand, because its type allows few values: {why}", error=True)
        say(f"{len(done.written)} written, {len(done.kept)} kept as they are")
    return UNWELL if done.by_hand else 0


@app.command
def check(system: SystemName = HERE, /, *, folder: Folder = Path("examples"), json: AsJson = False) -> int:
    """Read all examples with the classes and upcasters of this release."""
    faults = check_examples(load_system(system).model(), folder)
    if json:
        print(msgspec.json.encode([each._asdict() for each in faults]).decode())
    else:
        for file, why in faults:
            say(f"{file}: {why}", error=True)
        say("all examples can be read" if not faults else f"{len(faults)} fault{'s' if len(faults) > 1 else ''}")
    return UNWELL if faults else 0
