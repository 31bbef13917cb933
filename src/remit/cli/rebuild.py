"""`remit rebuild`: makes a read model anew from the logs, beside the live one, and switches to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from remit.cli.options import AsJson, Data, Store, SystemName, located
from remit.cli.screen import cell, say
from remit.hosting import System
from remit.hosting.opening import Places, opened, require_all
from remit.operations import Rebuild, Rebuilt, archived_logs, sources_of


def rebuild(
    system: SystemName,
    model: Annotated[str, Parameter(name="MODEL", help="The read model: CONTEXT.NAME of a projection or row model.")],
    /,
    *,
    pause: Annotated[
        float, Parameter(validator=Number(gte=0.0, lte=0.99), help="The share of the time in which it rests.")
    ] = 0.5,
    anew: Annotated[
        bool, Parameter(negative="", help="Begin another version, instead of going on with an interrupted one.")
    ] = False,
    changed: Annotated[
        bool, Parameter(negative="", help="Switch although documents differ from those of the live version.")
    ] = False,
    archive: Annotated[
        Path | None, Parameter(help="Folder of the archives of its sources, as remit log archive --to has named it.")
    ] = None,
    back: Annotated[
        bool, Parameter(negative="", help="Switch back to the version that was live before, once it has caught up.")
    ] = False,
    retire: Annotated[
        bool, Parameter(negative="", help="Delete the version that was live before, and what was interrupted.")
    ] = False,
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """Make a read model anew from the logs, beside the live one, and switch to it. SYSTEM may be a topology file.

    Safe beside running services: they go on with the live version. Run it again if it was interrupted: it goes on where
    it stopped. A running service notices the switch within about a second.
    """
    found, places, _ = located(system, store, data)
    if retire:
        deleted = asyncio.run(_retire(found, places, model))
        said = msgspec.json.encode({"model": model, "deleted": deleted}).decode()
        print(said) if json else say(f"{model}: versions that were deleted: {deleted}")
        return 0
    done = asyncio.run(_rebuild(found, places, model, archive, pause=pause, anew=anew, changed=changed, back=back))
    if json:
        print(msgspec.json.encode(done).decode())
    else:
        say(f"{done.model}: version {done.version} is live, with {done.documents} documents; before, {done.before}")
        for each in done.differences:
            say(each)
        if done.undecided:
            say(f"documents that live messages were changing, or that the live version had not brought up to date, so"
                f" that they could not be compared: {done.undecided}")  # fmt: skip
    return 0


async def _rebuild(
    system: System, places: Places, name: str, archive: Path | None, *, back: bool, pause: float, **options: bool
) -> Rebuilt:
    async with _opened(system, places, name, archive) as work:
        with _shown(name) as step:
            if back:
                return await work.back(pause=pause, step=step)
            return await work.build(pause=pause, step=step, **options)


async def _retire(system: System, places: Places, name: str) -> int:
    async with _opened(system, places, name) as work:
        return await work.retire()


@asynccontextmanager
async def _opened(system: System, places: Places, name: str, archive: Path | None = None) -> AsyncGenerator[Rebuild]:
    model = system.hosting().model()
    async with opened(places, require_all(places, sources_of(model, name))) as stores:
        yield Rebuild(model, name, stores, logs=None if archive is None else archived_logs(stores, archive))


@contextmanager
def _shown(name: str) -> Generator[Callable[[Rebuilt], None]]:
    """Shows the progress on a terminal: messages and states, how many per second, and the time left."""
    from rich.console import Console  # slow to import, and needed by few commands only
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("messages"))
    rate = TextColumn("{task.fields[rate]}")
    console = Console(stderr=True)
    with Progress(*columns, rate, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(cell(name), total=None, rate="")

        def step(done: Rebuilt) -> None:
            speed = bar.tasks[0].speed
            said, there = done.handled + done.states, done.messages + done.all_states
            bar.update(task, completed=said, total=there, rate=f"{speed:,.0f}/s" if speed else "")

        yield step
