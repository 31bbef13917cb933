"""Units of work as columns: what `remit_commit` takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter

import msgspec

from remit.stores.port import Unit, partition_of

__all__ = ["WIDTH", "apart", "columns", "is_plain"]

_MOVE, _CHANGE, _CLAIM, _ENTRY = 11, 5, 6, 10
"""How many columns each kind of row has."""
WIDTH = _MOVE + _CHANGE + _CLAIM + _ENTRY


def is_plain(unit: Unit) -> bool:
    """Whether `remit_commit` can write all of it."""
    return not unit.parks and unit.settle is None and unit.discard is None


def apart(units: Iterable[tuple[int, Unit]]) -> tuple[list[tuple[int, Unit]], list[tuple[int, Unit]]]:
    """Splits off those that can be written by one call: they share no row. The others come next."""
    now: list[tuple[int, Unit]] = []
    later: list[tuple[int, Unit]] = []
    taken: set[tuple[object, ...]] = set()
    for number, unit in units:
        rows: set[tuple[object, ...]] = {("state", change.kind, change.id) for change in unit.changes}
        if unit.claim is not None:
            rows.add(("claim", unit.claim.caller, unit.claim.key))
        if unit.advance is not None:
            rows.add(("checkpoint", *unit.advance[:4]))
        if taken.isdisjoint(rows):
            taken |= rows
            now.append((number, unit))
        else:
            later.append((number, unit))
    return now, later


def columns(units: Sequence[Unit], partitions: int) -> list[Sequence[object]]:
    """The values of a call, rows of each kind in the order in which everybody locks them.

    Raises `ValueError` and others for what is no text.
    """
    moves: list[tuple[object, ...]] = []
    changes: list[tuple[object, ...]] = []
    claims: list[tuple[object, ...]] = []
    entries: list[tuple[object, ...]] = []
    for number, unit in enumerate(units):
        if unit.advance is not None:
            *move, parked = unit.advance
            moves.append((number, *move, msgspec.json.encode(sorted(parked)).decode()))
        for kind, id, expected, body in unit.changes:
            changes.append((number, kind, id, expected, str(body, "utf-8")))
        if (claim := unit.claim) is not None:
            claims.append((number, claim.caller, claim.key, claim.fingerprint, str(claim.outcome, "utf-8"), claim.at))
        for channel, key, id, type, version, at, headers, payload in unit.entries:
            part = partition_of(key, partitions)
            entries.append((number, channel, part, key, id, type, version, at, headers, str(payload, "utf-8")))
    # All processes must agree on the order; no more is asked of it.
    moves.sort(key=itemgetter(1, 2, 3, 4))
    changes.sort(key=itemgetter(1, 2))
    claims.sort(key=itemgetter(1, 2))
    return [
        *_columns(moves, _MOVE),
        *_columns(changes, _CHANGE),
        *_columns(claims, _CLAIM),
        *_columns(entries, _ENTRY),
    ]


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> Sequence[Sequence[object]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width
