"""`remit log archive`, `verify` and `restore`: moves old messages of a log to files, checks these, puts them back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.table import Table

from remit import operations
from remit.cli.options import AsJson, Data, Store, SystemName, located
from remit.cli.screen import cell, say, show
from remit.contexts import Context
from remit.errors import one_of
from remit.hosting.failures import Failure
from remit.hosting.opening import Places, opened, require_all
from remit.operations import Archived
from remit.stores.archive import Archive

ContextName = Annotated[str, Parameter(name="CONTEXT", help="The context whose log it is.")]
To = Annotated[
    Path, Parameter(name="--to", help="Folder of the archive. It is made; each context has a folder of its own in it.")
]
Pause = Annotated[
    float,
    Parameter(
        validator=Number(gte=0.0, lte=0.99), help="The share of the time in which it rests while it writes to the log."
    ),
]
From = Annotated[Path, Parameter(name="--from", help="Folder of the archive, as remit log archive --to has named it.")]


def archive(
    system: SystemName,
    context: ContextName,
    /,
    *,
    to: To,
    pause: Pause = 0.5,
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """Move old messages of a log to compressed files with checksums. SYSTEM may be a topology file.

    Old are messages that the context keeps no longer (keep=...) and that every subscription has handled. A message is
    deleted from the log after its file was read back. Safe beside services; run it again if it was interrupted.
    """
    of, places = _named(system, context, store, data)
    channels = operations.archived_channels(of)
    done = asyncio.run(_archive(places, of, channels, to, pause))
    _tell(done, "ARCHIVED", json=json)
    for each in done:
        if each.begins_late and not json:
            say(f"{each.channel}: {each.begins_late} partitions begin late: their first messages were deleted before")
    if not json and not any(each.done for each in done):
        say(
            f"nothing was moved: a message is moved once keep={of.keep} has passed since, by the time on which the "
            "services agree, and once every subscription has reported it as handled; remit status shows who is late"
        )
    return 0


def verify(
    system: SystemName,
    context: ContextName,
    /,
    *,
    begin: From,
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """Check all files of an archive against their checksums, and that the log goes on where the archive ends."""
    of, places = _named(system, context, store, data)
    _tell(asyncio.run(_verify(places, of, begin)), "CHECKED", json=json)
    return 0


def restore(
    system: SystemName,
    context: ContextName,
    /,
    *,
    begin: From,
    pause: Pause = 0.5,
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """Put archived messages back into the log, where they were. The archive stays. Run it again if it was interrupted.

    Subscriptions that were away for so long that their log was archived then go on by themselves.
    """
    of, places = _named(system, context, store, data)
    done = asyncio.run(_restore(places, of, operations.archived_channels(of), begin, pause))
    _tell(done, "RESTORED", json=json)
    return 0


async def _archive(
    places: Places, of: Context[Any], channels: Collection[Any], to: Path, pause: float
) -> list[Archived]:
    assert of.keep is not None  # noqa: S101  # such a context has no archived channels
    async with opened(places, require_all(places, [of.name])) as stores:
        with _shown("deleted") as step:
            return await operations.archive_log(
                stores[of.name], Archive(to, of.name), channels, of.keep, pause=pause, step=step
            )  # fmt: skip


async def _verify(places: Places, of: Context[Any], folder: Path) -> list[Archived]:
    async with opened(places, require_all(places, [of.name]), read_only=True) as stores:
        with _shown("done") as step:
            return await operations.verify_archive(Archive(folder, of.name), stores[of.name], step=step)


async def _restore(
    places: Places, of: Context[Any], channels: Collection[Any], folder: Path, pause: float
) -> list[Archived]:
    async with opened(places, require_all(places, [of.name])) as stores:
        with _shown("done") as step:
            return await operations.restore_log(
                stores[of.name], Archive(folder, of.name), channels, pause=pause, step=step
            )


def _named(system: str, context: str, store: str | None, data: str | None) -> tuple[Context[Any], Places]:
    found, places, _ = located(system, store, data)
    known = {each.name: each for each in found.contexts}
    if context not in known:
        raise Failure("cli.usage", f"the system has no context {context!r}", where="remit log",
                      expected=one_of(known), next="name one of them")  # fmt: skip
    return known[context], places


@contextmanager
def _shown(counted: Literal["done", "deleted"]) -> Generator[Callable[[Archived], None]]:
    """Shows the progress on a terminal: how many messages, how many per second, and the time that is left."""
    from rich.console import Console  # slow to import, and needed by these commands only
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    rate, console = TextColumn("{task.fields[rate]}"), Console(stderr=True)
    with Progress(*columns, rate, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def step(done: Archived) -> None:
            if done.channel not in tasks:
                tasks[done.channel] = bar.add_task(cell(f"{done.context} {done.channel}"), total=None, rate="")
            at = tasks[done.channel]
            speed = next(each.speed for each in bar.tasks if each.id == at)
            count = getattr(done, counted)
            bar.update(at, total=done.total, completed=count, rate=f"{speed:,.0f}/s" if speed else "")

        yield step


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
