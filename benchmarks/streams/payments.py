"""The commands that everybody is given, by number: payments into accounts, each of which gets twenty."""

from typing import NamedTuple

_BLOCK = 256
PER_ACCOUNT = 20
LONG = 10_000
"""How many events the long stream has."""


class Payment(NamedTuple):
    """One payment: `key` is the idempotency key of the call, a new one for each."""

    key: str
    account: str
    cents: int
    note: str


def payment(number: int) -> Payment:
    """A command by number. No two of 256 in a row are for one account."""
    block, inside = divmod(number, PER_ACCOUNT * _BLOCK)
    account = block * _BLOCK + inside % _BLOCK
    return Payment(f"request-{number:010d}", f"account-{account:010d}", 100 + number % 900, f"invoice {number:010d}")
