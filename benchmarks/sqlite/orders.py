"""The commands that everybody is given: by number, the same for ours, peers and limit.

In blocks of 512 commands the first half makes 256 orders and the second half changes them: half of the loads find
something to decode, and no two commands in flight want the same order.
"""

from typing import NamedTuple

_BLOCK = 256
_KINDS = 500


class Line(NamedTuple):
    sku: str
    quantity: int
    price: int


class Placement(NamedTuple):
    """One 'place order': `key` is the idempotency key of the call, a new one for each."""

    key: str
    order: str
    customer: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        return sum(line.quantity * line.price for line in self.lines)


def _lines(number: int) -> tuple[Line, ...]:
    return tuple(Line(f"SKU-{(number + n) % _KINDS:05d}", 1 + (number + n) % 4, 1990 + n * 100) for n in range(3))


# Made before anything is measured: to think up an order is nobody's work here.
_LINES = [_lines(number) for number in range(_KINDS)]


def placement(number: int, size: int = 0) -> Placement:
    """A command by number; its customer is a text of at least so many bytes."""
    block, inside = divmod(number, 2 * _BLOCK)
    return Placement(
        key=f"request-{number:010d}",
        order=f"order-{block * _BLOCK + inside % _BLOCK:010d}",
        customer=f"customer-{number % 1000:06d}".ljust(size, "x"),
        lines=_LINES[number % _KINDS],
    )
