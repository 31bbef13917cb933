"""Units of work written by one statement, and what became of them. Others begin and end its transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import asyncpg

from remit.errors import Conflict
from remit.stores.port import Unit
from remit.stores.postgres.columns import call_for
from remit.stores.postgres.session import Link

__all__ = ["Written", "write_rows"]

_LOST = "RM002"
"""Found lost after something was written: the transaction is of no use any more."""


class Written(NamedTuple):
    """The number of the transaction, if anything was written; a conflict for each unit that is lost; and channel,
    partition, last position before and count of what was appended.
    """

    transaction: str | None
    lost: Mapping[int, Conflict]
    heads: Sequence[tuple[int, int, int, int]]


async def write_rows(link: Link, units: Sequence[Unit], partitions: int) -> Written:
    """Writes what `remit_commit` writes of units that share no row. Raises what the driver raises.

    Raises `Conflict` for a unit that is alone, if that was found out late.
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
