"""Judges whether the shop's lists keep what its clients were promised."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.judges.verdict import in_order, once

__all__ = ["Ledger", "judge_lists", "placed_orders"]

_CAUSES = {
    "orders.History": {"orders.History"},
    "billing.Account": {"billing.charge"},
    "shipping.Stock": {"billing.charge"},
    "shipping.Dock": {"billing.charge", "shipping.commands"},
    "shipping.Notices": {"billing.charge", "shipping.notify"},
}
"""The documents that list each placed order, and the subscriptions that fill them."""


@dataclass
class Ledger:
    """What clients know: answered orders and credits, as (customer, name), with the number in the answer."""

    orders: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    credits: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    forgotten: set[str] = field(default_factory=set[str])
    """Orders that a restored store has lost. Their effects may exist or not."""


def _lists(files: Files, kind: str, name: str = "orders") -> dict[str, list[str]]:
    """The list of each customer in this kind of document."""
    return {customer: body[name] for customer, body in files.state(kind).items()}


def placed_orders(files: Files) -> set[str]:
    """The names of all orders that are stored as placed."""
    return {name for names in _lists(files, "orders.Book").values() for name in names}


def judge_lists(files: Files, ledger: Ledger, stopped: Collection[str]) -> Iterator[Verdict]:
    """Yields broken promises, and orders that are missing, doubled or out of order in a list."""
    yield from _answers(ledger.orders, _lists(files, "orders.Book"))
    yield from _answers(ledger.credits, _lists(files, "billing.Account", "credits"))
    placed = _lists(files, "orders.Book")
    for kind, causes in _CAUSES.items():
        found = _lists(files, kind)
        for customer, names in found.items():
            yield from once(f"{kind} of {customer}", names)
        for customer, orders in placed.items():
            expected = [order for order in orders if kind != "shipping.Stock" or "sold-out" not in order]
            expected = [order for order in expected if order not in ledger.forgotten]
            names = [name for name in found.get(customer, []) if name not in ledger.forgotten]
            if causes.isdisjoint(stopped):
                for name in (name for name in expected if name not in names):
                    yield Verdict("lost", f"{name} is not in {kind} of {customer}")
            for name in (name for name in names if name not in expected):
                yield Verdict("lost", f"{kind} has {name}, which was not placed")
            yield from in_order(f"{kind} of {customer}", names, expected)


def _answers(answers: dict[tuple[str, str], int], lists: dict[str, list[str]]) -> Iterator[Verdict]:
    """Each answer is true: the name is stored once, at the number of the answer."""
    for (customer, name), number in answers.items():
        names = lists.get(customer, [])
        if name not in names:
            yield Verdict("lost", f"{name}, acknowledged to {customer}, is not stored")
        elif names[number - 1 : number] != [name]:
            yield Verdict("false", f"{name} was answered as number {number}, and is not")
    for customer, names in lists.items():
        yield from once(customer, names)
