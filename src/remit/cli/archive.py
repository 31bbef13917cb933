"""`remit log archive`, `verify` and `restore`: moves old messages of a log to files, checks these, puts them back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.table import Table

from remit import operations
from remit.cli.options import AsJson, Data, Store, SystemName, located
from remit.cli.progress import progress
from remit.cli.screen import cell, say, show
from remit.contexts import Context
from remit.errors import one_of
from remit.hosting.failures import Failure
from remit.hosting.opening import Places, opened, require_all
from remit.operations import Archived
from remit.stores import Store as OpenStore
from remit.stores.archive import Archive

Step = Callable[[Archived], None]
_Act = Callable[[OpenStore, Step], Awaitable[list[Archived]]]

ContextName = Annotated[str, Parameter(name="CONTEXT", help="The context whose log it is.")]
_HELP = "Default: archives in the topology file. Each context has a folder of its own in it."
To = Annotated[Path | None, Parameter(name="--to", help=f"Folder of the archive, which is made. {_HELP}")]
From = Annotated[Path | None, Parameter(name="--from", help=f"Folder of the archive. {_HELP}")]
Pause = Annotated[
    float,
    Parameter(
        validator=Number(gte=0.0, lte=0.99), help="The share of the time in which it rests while it writes to the log."
    ),
]


def archive(
    system: SystemName,
    context: ContextName,
    /,
    *,
    to: To = None,
    pause: Pause = 0.5,
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """Move old messages of a log to compressed files with checksums. SYSTEM may be a topology file.

    Old are messages that the context keeps no longer (keep=...) and that every subscription has handled. A message is
    deleted from the log after its file was read back. Safe beside services; run it again if it was interrupted.
    """
    work = _Work.at(system, context, to, "--to", store, data)
    channels, keep = operations.archived_channels(work.of), work.of.keep
    assert keep is not None  # noqa: S101  # such a context has no archived channels

    async def moved(store: OpenStore, step: Step) -> list[Archived]:
        return await operations.archive_log(store, work.archive, channels, keep, pause=pause, step=step)

    done = work.run(moved, "deleted")
    _tell(done, "ARCHIVED", json=json)
    for each in done:
        if each.begins_late and not json:
            say(f"{each.channel}: {each.begins_late} partitions begin late: their first messages were deleted before")
        if each.waits_for and not json:
            say(f"{each.channel}: {each.waits_for}")
    if not json and not any(each.done or each.waits_for for each in done):
        say(
            f"nothing was moved: a message is moved once {keep=!s} has passed since, by the time on which the "
            "services agree, and once every subscription has reported it as handled; remit status shows who is late"
        )
    return 0


def verify(
    system: SystemName,
    context: ContextName,
    /,
    *,
    begin: From = None,
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """Check all files of an archive against their checksums, and that the log goes on where the archive ends."""
    work = _Work.at(system, context, begin, "--from", store, data)

    async def checked(store: OpenStore, step: Step) -> list[Archived]:
        return await operations.verify_archive(work.archive, store, step=step)

    _tell(work.run(checked, "done", read_only=True), "CHECKED", json=json)
    return 0


def restore(
    system: SystemName,
    context: ContextName,
    /,
    *,
    begin: From = None,
    pause: Pause = 0.5,
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """Put archived messages back into the log, where they were. The archive stays. Run it again if it was interrupted.

    Subscriptions that were away for so long that their log was archived then go on by themselves.
    """
    work = _Work.at(system, context, begin, "--from", store, data)
    channels = operations.archived_channels(work.of)

    async def restored(store: OpenStore, step: Step) -> list[Archived]:
        return await operations.restore_log(store, work.archive, channels, pause=pause, step=step)

    _tell(work.run(restored, "done"), "RESTORED", json=json)
    return 0


class _Work(NamedTuple):
    """What a command works on: a context, its archive, and where its store is."""

    of: Context[Any]
    archive: Archive
    places: Places

    @classmethod
    def at(
        cls, system: str, context: str, folder: Path | None, option: str, store: str | None, data: str | None
    ) -> _Work:
        """Raises `Failure` for an unknown context, and if neither the option nor the topology names a folder."""
        found, places, topology = located(system, store, data)
        known = {each.name: each for each in found.contexts}
        if context not in known:
            raise Failure("cli.usage", f"the system has no context {context!r}", where="remit log",
                          expected=one_of(known), next="name one of them")  # fmt: skip
        if folder is None and topology is not None:
            folder = topology.archives
        if folder is None:
            raise Failure("cli.usage", "no folder of an archive was given", where="remit log",
                          expected=f'{option} FOLDER, or archives = "FOLDER" in the topology file',
                          next="give one of them")  # fmt: skip
        return cls(known[context], Archive(folder, context), places)

    def run(self, act: _Act, counted: Literal["done", "deleted"], *, read_only: bool = False) -> list[Archived]:
        """Opens the store, and shows the progress."""

        async def running() -> list[Archived]:
            name = self.of.name
            async with opened(self.places, require_all(self.places, [name]), read_only=read_only) as stores:
                with progress("messages") as shown:
                    return await act(
                        stores[name],
                        lambda done: shown(f"{name} {done.channel}", getattr(done, counted), done.total),
                    )

        return asyncio.run(running())


def _tell(done: Collection[Archived], what: str, *, json: bool) -> None:
    if json:
        print(msgspec.json.encode(done).decode())
        return
    table = Table("CONTEXT", "CHANNEL", box=None, pad_edge=False)
    for title in (what, "DELETED", "IN ARCHIVE", "SEGMENTS", "BYTES", "RATIO"):
        table.add_column(title, justify="right")
    for each in done:
        ratio = f"{each.raw / each.bytes:.1f}" if each.bytes else ""
        numbers = (each.done, each.deleted, each.messages, each.segments, each.bytes)
        table.add_row(cell(each.context), each.channel, *map(str, numbers), ratio)
    show(table)
