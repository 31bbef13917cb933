"""Rewrites old states in the form of the newest version, beside live traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from remit.errors import BadMessage, BadValue, Conflict, RemitError
from remit.messages import UNWRITABLE, VersionedCodec, version_of
from remit.stores import Change, RowTable, Selection, Store, Unit

PAGE = 500
"""States that are read, and written, at a time."""
MOST_BYTES = 1_000_000
"""About how much is written in one transaction."""
FEW = 20
"""The most failures that are told one by one."""


class OldRows(RemitError):
    """Rows of a row model have an older version. They are not rewritten in bulk: a rebuild makes them anew."""

    code = "upcast.rows"


class Unreadable(msgspec.Struct, frozen=True):
    """A state that could not be rewritten, and why. It stays as it is."""

    id: str
    why: str


class Rewritten(msgspec.Struct):
    """What was done with the states of one kind."""

    kind: str
    version: int
    states: int = 0
    """How many there are, without removed ones."""
    rewritten: int = 0
    failed: int = 0
    failures: list[Unreadable] = []
    """The first failures."""


async def rewrite(
    store: Store, kind: str, codec: VersionedCodec[Any], *, step: Callable[[Rewritten], None] = lambda _: None
) -> Rewritten:
    """Rewrites the states of a kind that have an older version. `step` is called after each page.

    Each state is written only if it is as it was read; one that was written meanwhile is read again. A run that was
    interrupted is repeated: it skips what has the newest version. Raises `StoreError` and `StoreUnavailable`.
    """
    done = Rewritten(kind, codec.version)
    after: str | None = None
    while rows := await store.page(kind, after, PAGE):
        old = [each for each in rows if version_of(each[2]) != codec.version]
        await _write(store, done, codec, old)
        done.states += len(rows)
        step(done)
        after = rows[-1][0]
    return done


async def refuse_old_rows(store: Store, model: str, table: RowTable, version: int) -> None:
    """Raises `OldRows` if rows of `<context>.<Name>` have an older version than this. `table` is that of its live
    version. Raises `StoreError` and `StoreUnavailable`."""
    await store.prepare_rows([table])
    old, after = 0, None
    while rows := await store.select_rows(Selection(table, ()), after, PAGE):
        bodies = (each[1] for each in rows)
        old += sum(version_of(body if isinstance(body, bytes) else body.encode()) < version for body in bodies)
        after = (), rows[-1][0]
    if old:
        raise OldRows(
            f"{old} rows have an older version than {version}: rows are made anew, and not rewritten",
            where=model, expected="a read model that was rebuilt since", next=f"remit rebuild SYSTEM {model}",
        )  # fmt: skip


async def _write(
    store: Store, done: Rewritten, codec: VersionedCodec[Any], rows: Sequence[tuple[str, int, bytes]]
) -> None:
    """Writes states in transactions of about `MOST_BYTES`."""
    changes: list[Change] = []
    size = 0
    for row in rows:
        change = _change(done, codec, *row)
        if change is not None:
            changes.append(change)
            size += len(change.body)
        if size > MOST_BYTES:
            await _commit(store, done, codec, changes)
            changes, size = [], 0
    if changes:
        await _commit(store, done, codec, changes)


async def _commit(store: Store, done: Rewritten, codec: VersionedCodec[Any], changes: Sequence[Change]) -> None:
    """Writes states in one transaction; after a conflict, each in one of its own."""
    try:
        await store.commit(Unit(changes=changes))
    except Conflict:
        for change in changes:
            done.rewritten += await _write_one(store, done, codec, change)
        return
    done.rewritten += len(changes)


async def _write_one(store: Store, done: Rewritten, codec: VersionedCodec[Any], change: Change | None) -> int:
    """Writes one state, however often others write it meanwhile. Returns 0 if they have written the newest version."""
    while change is not None:
        try:
            await store.commit(Unit(changes=[change]))
        except Conflict:
            row = await store.load(done.kind, change.id)
            if row is None or not row[1] or version_of(row[1]) == codec.version:
                return 0
            change = _change(done, codec, change.id, *row)
        else:
            return 1
    return 0


def _change(done: Rewritten, codec: VersionedCodec[Any], id: str, version: int, body: bytes) -> Change | None:
    """The state in its newest form, to be written over this version of the row; None if it cannot be read."""
    try:
        value, rest = codec.restore(body)
        made = codec.write(value)
        return Change(done.kind, id, version, made if rest is None else rest.completed(made))
    except (BadMessage, BadValue, *UNWRITABLE) as error:
        done.failed += 1
        if len(done.failures) < FEW:
            done.failures.append(Unreadable(id, error.what if isinstance(error, BadMessage) else str(error)))
        return None
