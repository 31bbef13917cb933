"""What must hold in the end, read from the stores' files with plain `sqlite3`: lost, doubled, reordered, stuck.

Nothing here asks the runtime or its stores. What clients were told is compared with what the files say.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from remit.log import SubscriptionId

__all__ = ["Ledger", "Verdict", "deleted", "judge", "placed_orders", "torn_off", "unfinished"]

_CONTEXTS = ("orders", "billing", "shipping")


class Verdict(NamedTuple):
    """Something that must not be.

    `judge` is lost, doubled, reordered, stuck, false (an answer that is not true) or silent (a source has another
    history than its follower, which does not say so).
    """

    judge: str
    what: str


@dataclass
class Ledger:
    """What is known outside: promised orders and credits, as (customer, name) and the number answered; and mishaps."""

    orders: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    credits: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    forgotten: set[str] = field(default_factory=set[str])
    """Orders that a restored store has lost. Their consequences may be there or not."""
    stopped: set[str] = field(default_factory=set[str])
    """Subscriptions that have stopped, because their source's history is another one, and say so."""


class _Files:
    """The stores of the shop, read only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def rows(self, context: str, sql: str, *values: str | int) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._folder / context}.db?mode=ro", uri=True)) as connection:
            return connection.execute(sql, values).fetchall()

    def lists(self, kind: str, name: str = "orders") -> dict[str, list[str]]:
        """The list that each customer has in this kind of document."""
        rows = self.rows(kind.split(".")[0], "SELECT id, body FROM state WHERE kind = ?", kind)
        return {id: json.loads(body)[name] for id, body in rows}


def judge(folder: Path, ledger: Ledger) -> list[Verdict]:
    """Everything that is wrong with the stores in this folder."""
    files = _Files(folder)
    torn = (Verdict("lost", what) for name, what in _torn_off(files) if name not in ledger.stopped)
    return [*_answers(files, ledger), *_consequences(files, ledger), *_holes(files), *torn]


def placed_orders(folder: Path) -> set[str]:
    """The names of all orders that are stored as placed."""
    return {name for names in _Files(folder).lists("orders.Book").values() for name in names}


def deleted(folder: Path) -> int:
    """How many messages have been deleted of all logs."""
    return sum(pos for context in _CONTEXTS for _, _, pos, _ in _Files(folder).rows(context, _FLOORS))


def torn_off(folder: Path) -> set[str]:
    """The subscriptions with a checkpoint that stands on no message of its source, or before the first one."""
    return {name for name, _ in _torn_off(_Files(folder))}


def _answers(files: _Files, ledger: Ledger) -> Iterator[Verdict]:
    """What a client was answered is so: there, once, at the place that the answer named."""
    told = [(ledger.orders, files.lists("orders.Book")), (ledger.credits, files.lists("billing.Account", "credits"))]
    for answers, lists in told:
        for (customer, name), number in answers.items():
            names = lists.get(customer, [])
            if name not in names:
                yield Verdict("lost", f"{name}, acknowledged to {customer}, is not stored")
            elif names[number - 1 : number] != [name]:
                yield Verdict("false", f"{name} was answered as number {number}, and is not")
        for customer, names in lists.items():
            yield from _once(customer, names)


_CAUSES = {
    "orders.History": {"orders.History"},
    "billing.Account": {"billing.charge"},
    "shipping.Stock": {"billing.charge"},
    "shipping.Dock": {"billing.charge", "shipping.commands"},
    "shipping.Notices": {"billing.charge", "shipping.notify"},
}
"""Where each placed order has a consequence, and the subscriptions that bring it there."""


def _consequences(files: _Files, ledger: Ledger) -> Iterator[Verdict]:
    """Each placed order has each of its consequences, once, in the order of placing."""
    placed = files.lists("orders.Book")
    for kind, causes in _CAUSES.items():
        found = files.lists(kind)
        for customer, names in found.items():
            yield from _once(f"{kind} of {customer}", names)
        for customer, expected in placed.items():
            if kind == "shipping.Stock":
                expected = [order for order in expected if "sold-out" not in order]
            expected = [order for order in expected if order not in ledger.forgotten]
            names = [name for name in found.get(customer, []) if name not in ledger.forgotten]
            if not causes & ledger.stopped:
                for name in (name for name in expected if name not in names):
                    yield Verdict("lost", f"{name} is not in {kind} of {customer}")
            for name in (name for name in names if name not in expected):
                yield Verdict("lost", f"{kind} has {name}, which was not placed")
            if list(dict.fromkeys(names)) != [name for name in expected if name in names]:
                yield Verdict("reordered", f"{kind} of {customer}: {names} for {expected}")


def _once(where: str, names: list[str]) -> Iterator[Verdict]:
    for name, times in Counter(names).items():
        if times > 1:
            yield Verdict("doubled", f"{name} is {times} times in {where}")


def _holes(files: _Files) -> Iterator[Verdict]:
    """Positions without holes, each message naming the one before."""
    for context in _CONTEXTS:
        last = {(channel, part): (pos, id) for channel, part, pos, id in files.rows(context, _FLOORS)}
        for channel, part, pos, id, prev in files.rows(context, _LOG):
            if last.get((channel, part), (0, "")) != (pos - 1, prev):
                yield Verdict("lost", f"the log of {context} has a hole before {channel}/{part}/{pos}")
            last[channel, part] = (pos, id)


def _torn_off(files: _Files) -> Iterator[tuple[str, str]]:
    """Checkpoints that stand on no message: the name of the subscription, and what is wrong."""
    messages: dict[tuple[str, int, int, int], str] = {}
    beginnings: set[tuple[str, str, int, int]] = set()
    """Of partitions that begin later than with their first message, for each who follows."""
    for context in _CONTEXTS:
        messages |= {(context, *place): id for *place, id, _ in files.rows(context, _LOG)}
        for channel, part, pos, id in files.rows(context, _FLOORS):
            messages[context, channel, part, pos] = id
            followers = files.rows(context, "SELECT subscription FROM subscriber WHERE channel = ?", channel)
            beginnings |= {(name, context, channel, part) for (name,) in followers if name.split(".")[0] in _CONTEXTS}
    written = {(source, channel) for source, channel, _, _ in messages}  # an empty log is another one once it is not
    for context in _CONTEXTS:
        for name, source, channel, part, pos, id in files.rows(context, _CHECKPOINTS):
            beginnings.discard((name, source, channel, part))
            if messages.get((source, channel, part, pos)) != id and (source, channel) in written:
                yield name, f"the checkpoint of {name} on {source} {channel}/{part} stands on nothing"
    for name, source, channel, part in sorted(beginnings):
        yield name, f"{name} stands before the beginning of {source} {channel}/{part}"


_LOG = "SELECT channel, part, pos, id, prev FROM log ORDER BY channel, part, pos"
_HEADS = """
    SELECT channel, part, max(pos) FROM (SELECT channel, part, pos FROM log UNION SELECT channel, part, pos FROM floor)
    GROUP BY channel, part
"""
_FLOORS = "SELECT channel, part, pos, id FROM floor"
# What a projection has missed is kept as a checkpoint too, which stands where the log once began.
_CHECKPOINTS = (
    "SELECT subscription, source, channel, part, pos, id FROM checkpoint WHERE subscription NOT LIKE '% missed'"
)


def unfinished(folder: Path, subscriptions: set[SubscriptionId]) -> list[str]:
    """What these subscriptions have to do: messages after a checkpoint, parked keys. Empty when they are at rest."""
    files = _Files(folder)
    heads = {
        (context, channel, part): pos for context in _CONTEXTS for channel, part, pos in files.rows(context, _HEADS)
    }
    left: list[str] = []
    checkpoints = {row[:4]: row[4] for context in _CONTEXTS for row in files.rows(context, _CHECKPOINTS)}
    for name, source, channel in sorted(subscriptions):
        for (of, on, part), head in heads.items():
            pos = checkpoints.get((name, source, channel, part), 0)
            if (of, on) == (source, channel) and pos < head:
                left.append(f"{name} stands at {pos} of {head} in {source} {channel}/{part}")
    names = {name for name, _, _ in subscriptions}
    for context in _CONTEXTS:
        parked = files.rows(context, "SELECT subscription, key FROM parked")
        left += [f"{name} has parked {key}" for name, key in parked if name in names]
    return left
