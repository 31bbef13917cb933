"""The commands that everybody is given: by number, the same for ours, peers and limit.

In blocks of 512 commands the first half makes 256 orders and the second half changes them: half of the loads find
something to decode, and no two commands in flight want the same order.
"""

from typing import NamedTuple

_BLOCK = 256


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


def placement(number: int) -> Placement:
    block, inside = divmod(number, 2 * _BLOCK)
    return Placement(
        key=f"request-{number:010d}",
        order=f"order-{block * _BLOCK + inside % _BLOCK:010d}",
        customer=f"customer-{number % 1000:06d}",
        lines=tuple(Line(f"SKU-{(number + n) % 500:05d}", 1 + (number + n) % 4, 1990 + n * 100) for n in range(3)),
    )
