"""Units of work as columns for one statement: the arguments and results of `remit_commit` and `remit_commit_one`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain, count
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg

from remit.errors import Conflict
from remit.stores.port import Entry, Unit, partition_of
from remit.stores.postgres.session import Link

_MOVE = ("int", "text", "text", "int", "int", "bigint", "text", "bigint", "text", "float8")
_CHANGE = ("int", "text", "text", "bigint", "text")
_CLAIM = ("int", "text", "text", "bytea", "text", "float8")
_PLACE = ("int", "int")
_ENTRY = ("int", "int", "text", "text", "text", "int", "float8", "text", "text")
"""The columns of each kind of row."""
_FEW = 4
"""The most messages of a unit that `remit_commit_one` writes: each number of messages needs a statement of its own."""
_UNIT_SEPARATOR = "\x1f"
_LOST = "RM002"
"""The SQLSTATE of a conflict found after something was written: the transaction has to be rolled back."""


class Call(NamedTuple):
    """A statement that writes units, and the places where it appends to the log."""

    statement: str
    values: Sequence[object]
    places: Sequence[tuple[int, int]]
    """Channel and partition."""
    rows: Sequence[tuple[Any, ...]]

    def heads(self, before: Sequence[int], lost: Collection[int]) -> list[tuple[int, int, int, int]]:
        """Channel, partition, last position before, and the number of messages appended by units that are not lost."""
        counts: dict[int, int] = {}
        for row in self.rows:
            if row[0] not in lost:
                counts[row[1]] = counts.get(row[1], 0) + 1
        places = enumerate(zip(self.places, before, strict=False), 1)
        return [(channel, part, pos, counts.get(nth, 0)) for nth, ((channel, part), pos) in places]


def is_plain(unit: Unit) -> bool:
    """Whether `remit_commit` can write all of it."""
    return not unit.parks and unit.settle is None and unit.discard is None and not unit.forgets and not unit.rows


def apart(units: Iterable[tuple[int, Unit]]) -> tuple[list[tuple[int, Unit]], list[tuple[int, Unit]]]:
    """Selects units that share no row, so that one call can write them. Returns these, and the others."""
    now: list[tuple[int, Unit]] = []
    later: list[tuple[int, Unit]] = []
    taken: set[tuple[object, ...]] = set()
    for number, unit in units:
        rows: set[tuple[object, ...]] = {("state", change.kind, change.id) for change in unit.changes}
        if unit.claim is not None:
            rows.add(("claim", unit.claim.caller, unit.claim.key))
        if unit.advance is not None:
            rows.add(("checkpoint", *unit.advance[:2]))
        for advance in unit.further:
            rows.add(("checkpoint", *advance[:2]))
        if taken.isdisjoint(rows):
            taken |= rows
            now.append((number, unit))
        else:
            later.append((number, unit))
    return now, later


def call_for(units: Sequence[Unit], partitions: int) -> Call:
    """The call that writes these units, which share no row.

    Raises `ValueError` and others for values that are not valid text.
    """
    if len(units) == 1 and (one := units[0]).advance is None and len(one.changes) < 2 and len(one.entries) <= _FEW:
        return _call_for_one(one, partitions)
    moves: list[tuple[object, ...]] = []
    changes: list[tuple[object, ...]] = []
    claims: list[tuple[object, ...]] = []
    entries: list[tuple[int, int, int, Entry]] = []
    for number, unit in enumerate(units):
        if unit.advance is not None:
            moves.append((number, *unit.advance.subscription, *unit.advance[1:]))
        moves += [(number, *advance.subscription, *advance[1:]) for advance in unit.further]
        for kind, id, expected, body in unit.changes:
            changes.append((number, kind, id, expected, str(body, "utf-8")))
        if (claim := unit.claim) is not None:
            fingerprint, outcome = f"\\x{claim.fingerprint.hex()}", str(claim.outcome, "utf-8")
            claims.append((number, claim.caller, claim.key, fingerprint, outcome, claim.at))
        entries += [(entry.channel, partition_of(entry.key, partitions), number, entry) for entry in unit.entries]
    # The same order in all processes prevents deadlocks; the order itself does not matter.
    moves.sort(key=itemgetter(1, 2, 3, 4))
    changes.sort(key=itemgetter(1, 2))
    claims.sort(key=itemgetter(1, 2))
    places, rows = _placed(entries)
    parts = ((moves, _MOVE), (changes, _CHANGE), (claims, _CLAIM), (places, _PLACE), (rows, _ENTRY))
    columns = [column for part, _ in parts if part for column in zip(*part, strict=True)]
    return Call(_statement(*[bool(part) for part, _ in parts]), joined(columns) if columns else (), places, rows)


def joined(columns: Iterable[Iterable[object]]) -> list[str]:
    """Joins each column to one text, with a separator behind each value. The first text is the separator.

    The server splits a text faster than the driver encodes an array.
    """
    written = [[*map(str, column), ""] for column in columns]
    separator = _UNIT_SEPARATOR
    while True:
        texts = [separator.join(column) for column in written]
        if all(text.count(separator) == len(column) - 1 for text, column in zip(texts, written, strict=True)):
            return [separator, *texts]
        separator = uuid4().hex


def _array(number: int, type: str) -> str:
    """SQL that splits a joined column into an array."""
    return f"trim_array(string_to_array(${number}, $1), 1)::{type}[]"


@cache
def _statement(*present: bool) -> str:
    """The SQL of a call, without parameters for absent kinds of rows."""
    numbers = count(2)
    kinds = zip((_MOVE, _CHANGE, _CLAIM, _PLACE, _ENTRY), present, strict=True)
    values = [_array(next(numbers), type) if there else "'{}'" for kind, there in kinds for type in kind]
    return f"SELECT * FROM remit_commit({', '.join(values)})"  # noqa: S608  it holds nothing but numbers and types


def _placed(entries: list[tuple[int, int, int, Entry]]) -> tuple[list[tuple[int, int]], list[tuple[Any, ...]]]:
    """The partitions written to, in order, and the rows in the same order."""
    entries.sort(key=itemgetter(0, 1))
    places: list[tuple[int, int]] = []
    rows: list[tuple[Any, ...]] = []
    for channel, part, number, (_, key, id, type, version, at, headers, payload) in entries:
        if not places or places[-1] != (channel, part):
            places.append((channel, part))
        rows.append((number, len(places), key, id, type, version, at, headers, str(payload, "utf-8")))
    return places, rows


_SCALARS = ("text", "text", "bigint", "text", "text", "text", "bytea", "text", "float8")
_NO_CHANGE = (None,) * 4
_NO_CLAIM = (None,) * 5


@cache
def _statement_for_one(places: int, entries: int) -> str:
    numbers = count(1)
    values = [f"${next(numbers)}::{type}" for type in _SCALARS]
    for types, rows in ((_PLACE, places), (_ENTRY[1:], entries)):
        values += [f"ARRAY[{', '.join(f'${next(numbers)}' for _ in range(rows))}]::{type}[]" for type in types]
    return f"SELECT * FROM remit_commit_one({', '.join(values)})"  # noqa: S608  it holds nothing but numbers and types


def _call_for_one(unit: Unit, partitions: int) -> Call:
    change: tuple[object, ...] = _NO_CHANGE
    claim: tuple[object, ...] = _NO_CLAIM
    if unit.changes:
        ((kind, id, expected, body),) = unit.changes
        change = (kind, id, expected, str(body, "utf-8"))
    if unit.claim is not None:
        caller, key, fingerprint, outcome, at = unit.claim
        claim = (caller, key, fingerprint, str(outcome, "utf-8"), at)
    places, rows = _placed([(entry.channel, partition_of(entry.key, partitions), 0, entry) for entry in unit.entries])
    _, *columns = zip(*rows, strict=True) if rows else ((),)
    values = [*change, *claim, *chain(*zip(*places, strict=True), *columns)]
    return Call(_statement_for_one(len(places), len(rows)), values, places, rows)


class Written(NamedTuple):
    """The number of the transaction if anything was written; the conflict of each lost unit; and channel, partition,
    last position before, and number of appended messages."""

    transaction: str | None
    lost: Mapping[int, Conflict]
    heads: Sequence[tuple[int, int, int, int]]


async def write_rows(link: Link, units: Sequence[Unit], partitions: int) -> Written:
    """Writes units that share no row, as far as `remit_commit` can. Raises the driver's errors.

    Raises `Conflict` for a single unit if the conflict was found late.
    """
    call = call_for(units, partitions)
    try:
        (row,) = await link.fetch(call.statement, *call.values)
    except asyncpg.PostgresError as error:
        if error.sqlstate == _LOST:
            raise Conflict(error.args[0], where=error.detail or "") from None
        raise
    transaction, lost_unit, lost_what, lost_where, before = row
    lost: dict[int, Conflict] = {}
    for unit, what, where in zip(lost_unit or (), lost_what or (), lost_where or (), strict=True):
        lost.setdefault(unit, Conflict(what, where=where))
    return Written(transaction, lost, call.heads(before or (), lost))
