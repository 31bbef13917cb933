"""`remit rebuild`: makes a read model anew from the logs, beside the live one, and switches to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from remit.cli.options import AsJson, Data, Store, SystemName, located
from remit.cli.progress import progress
from remit.cli.screen import say
from remit.hosting import System
from remit.hosting.opening import Places, opened, require_all
from remit.log import Log
from remit.operations import Rebuild, Rebuilt, archived_logs, sources_of, with_archives
from remit.stores import Store as OpenStore
from remit.topology.file import Topology

_Logs = Callable[[Mapping[str, OpenStore]], Mapping[str, Log]]
"""Gives the logs from which a read model is made, with their archives."""


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
        Path | None,
        Parameter(
            help="Folder of the archives of its sources. Default: archives in the topology file, if it is there."
        ),
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
    found, places, topology = located(system, store, data)
    if retire:
        deleted = asyncio.run(_retire(found, places, model))
        said = msgspec.json.encode({"model": model, "deleted": deleted}).decode()
        print(said) if json else say(f"{model}: versions that were deleted: {deleted}")
        return 0
    done = asyncio.run(
        _rebuild(found, places, model, _logs(archive, topology), pause=pause, anew=anew, changed=changed, back=back)
    )
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


def _logs(archive: Path | None, topology: Topology | None) -> _Logs | None:
    """An archive that is named by the option has to be there. The folder in the topology may not have one yet."""
    if archive is not None:
        return partial(archived_logs, folder=archive)
    if topology is None or topology.archives is None:
        return None
    return partial(with_archives, folder=topology.archives)


async def _rebuild(
    system: System, places: Places, name: str, logs: _Logs | None, *, back: bool, pause: float, **options: bool
) -> Rebuilt:
    async with _opened(system, places, name, logs) as work:
        with progress("messages") as show:

            def step(done: Rebuilt) -> None:
                if done.all_states:
                    show(f"{name}: states", done.states, done.all_states)
                if done.messages:
                    show(name, done.handled, done.messages)

            if back:
                return await work.back(pause=pause, step=step)
            return await work.build(pause=pause, step=step, **options)


async def _retire(system: System, places: Places, name: str) -> int:
    async with _opened(system, places, name) as work:
        return await work.retire()


@asynccontextmanager
async def _opened(system: System, places: Places, name: str, logs: _Logs | None = None) -> AsyncGenerator[Rebuild]:
    model = system.hosting().model()
    async with opened(places, require_all(places, sources_of(model, name))) as stores:
        yield Rebuild(model, name, stores, logs=None if logs is None else logs(stores))
