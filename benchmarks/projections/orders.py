"""The events that everybody folds: four for each order, of 64 orders at a time, about 300 bytes each as JSON."""

from collections.abc import Iterator
from typing import Any, NamedTuple

EACH, _SIDE_BY_SIDE = 4, 64
_STREET = "Unter den Linden 77, 10117 Berlin, second courtyard, third floor on the left, ring twice"
_NOTE = "please deliver between eight and ten in the morning, and do not leave it with the neighbours"


class Step(NamedTuple):
    """One event: the name of its class, its order, and all of its fields."""

    name: str
    order: str
    fields: dict[str, Any]


def steps(count: int) -> Iterator[Step]:
    """The first `count` events."""
    for number in range(count):
        block, inside = divmod(number, EACH * _SIDE_BY_SIDE)
        kind, nth = divmod(inside, _SIDE_BY_SIDE)
        order = f"order-{block * _SIDE_BY_SIDE + nth:08d}"
        yield _KINDS[kind](order, number)


def _placed(order: str, number: int) -> Step:
    fields = {"order": order, "customer": f"customer-{number % 997:06d}", "street": _STREET, "note": _NOTE}
    return Step("Placed", order, fields)


def _added(order: str, number: int) -> Step:
    fields = {"order": order, "sku": f"sku-{number % 89:06d}", "cents": 100 + number % 900, "note": _NOTE + _STREET}
    return Step("Added", order, fields)


def _paid(order: str, number: int) -> Step:
    return Step(
        "Paid", order, {"order": order, "by": "transfer", "reference": f"{number:012d}", "note": _NOTE + _STREET}
    )


def _shipped(order: str, number: int) -> Step:
    fields = {"order": order, "parcel": f"parcel-{number:012d}", "street": _STREET, "note": _NOTE}
    return Step("Shipped", order, fields)


_KINDS = (_placed, _added, _paid, _shipped)


def last_order(count: int) -> str:
    """The order of the last of `count` events; a count that `events` has returned."""
    return f"order-{count // EACH - 1:08d}"


def events(rows: int, quick: bool) -> int:
    """How many events are folded: a fifth of the rows that a log grows to."""
    return EACH * _SIDE_BY_SIDE * (4 if quick else max(4, rows // 5 // EACH // _SIDE_BY_SIDE))
