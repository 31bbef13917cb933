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

__all__ = ["Ledger", "Verdict", "judge", "unfinished"]

_CONTEXTS = ("orders", "billing", "shipping")


class Verdict(NamedTuple):
    """Something that must not be. `judge` is lost, doubled, reordered, stuck or false (an answer that is not true)."""

    judge: str
    what: str


@dataclass
class Ledger:
    """What clients know: which orders and credits they were promised, as (customer, name) and the number answered."""

    orders: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    credits: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])


class _Files:
    """The stores of the shop, read only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def rows(self, context: str, sql: str, *values: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._folder / context}.db?mode=ro", uri=True)) as connection:
            return connection.execute(sql, values).fetchall()

    def lists(self, kind: str, name: str = "orders") -> dict[str, list[str]]:
        """The list that each customer has in this kind of document."""
        rows = self.rows(kind.split(".")[0], "SELECT id, body FROM state WHERE kind = ?", kind)
        return {id: json.loads(body)[name] for id, body in rows}


def judge(folder: Path, ledger: Ledger) -> list[Verdict]:
    """Everything that is wrong with the stores in this folder."""
    files = _Files(folder)
    return [*_answers(files, ledger), *_consequences(files), *_logs(files)]


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


def _consequences(files: _Files) -> Iterator[Verdict]:
    """Each placed order has each of its consequences, once, in the order of placing."""
    placed = files.lists("orders.Book")
    for kind in ("orders.History", "billing.Account", "shipping.Stock", "shipping.Dock", "shipping.Notices"):
        for customer, names in files.lists(kind).items():
            yield from _once(f"{kind} of {customer}", names)
        found = files.lists(kind)
        for customer, expected in placed.items():
            if kind == "shipping.Stock":
                expected = [order for order in expected if "sold-out" not in order]
            names = found.get(customer, [])
            yield from (
                Verdict("lost", f"{name} is not in {kind} of {customer}") for name in set(expected) - set(names)
            )
            yield from (
                Verdict("lost", f"{kind} has {name}, which was not placed") for name in set(names) - set(expected)
            )
            if list(dict.fromkeys(names)) != [name for name in expected if name in names]:
                yield Verdict("reordered", f"{kind} of {customer}: {names} for {expected}")


def _once(where: str, names: list[str]) -> Iterator[Verdict]:
    for name, times in Counter(names).items():
        if times > 1:
            yield Verdict("doubled", f"{name} is {times} times in {where}")


def _logs(files: _Files) -> Iterator[Verdict]:
    """Positions without holes, each message naming the one before, checkpoints standing on messages that exist."""
    messages: dict[tuple[str, int, int, int], str] = {}
    for context in _CONTEXTS:
        last: dict[tuple[int, int], tuple[int, str]] = {}
        log = "SELECT channel, part, pos, id, prev FROM log ORDER BY channel, part, pos"
        for channel, part, pos, id, prev in files.rows(context, log):
            if last.get((channel, part), (0, "")) != (pos - 1, prev):
                yield Verdict("lost", f"the log of {context} has a hole before {channel}/{part}/{pos}")
            last[channel, part] = (pos, id)
            messages[context, channel, part, pos] = id
    for context in _CONTEXTS:
        for name, source, channel, part, pos, id in files.rows(context, _CHECKPOINTS):
            if messages.get((source, channel, part, pos)) != id:
                yield Verdict("lost", f"the checkpoint of {name} on {source} {channel}/{part} stands on nothing")


_CHECKPOINTS = "SELECT subscription, source, channel, part, pos, id FROM checkpoint"


def unfinished(folder: Path, subscriptions: set[tuple[str, str, int]]) -> list[str]:
    """What is still to be done: messages after a checkpoint, parked keys. Empty when the shop is at rest.

    `subscriptions` are (name, source, channel).
    """
    files = _Files(folder)
    heads = {
        (context, channel, part): pos
        for context in _CONTEXTS
        for channel, part, pos in files.rows(context, "SELECT channel, part, max(pos) FROM log GROUP BY channel, part")
    }
    left: list[str] = []
    checkpoints = {row[:4]: row[4] for context in _CONTEXTS for row in files.rows(context, _CHECKPOINTS)}
    for name, source, channel in sorted(subscriptions):
        for (of, on, part), head in heads.items():
            pos = checkpoints.get((name, source, channel, part), 0)
            if (of, on) == (source, channel) and pos < head:
                left.append(f"{name} stands at {pos} of {head} in {source} {channel}/{part}")
    for context in _CONTEXTS:
        left += [
            f"{name} has parked {key}" for name, key in files.rows(context, "SELECT subscription, key FROM parked")
        ]
    return left
