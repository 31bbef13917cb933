"""The size limit of a unit of work, the same for all stores."""

from __future__ import annotations

from remit.errors import TooLarge
from remit.stores.port import Unit

LARGEST_UNIT = 16 * 1024 * 1024
"""The most bytes that a unit of work may write: its messages, its state, and the outcome of its command."""


def require_fit(unit: Unit, where: str) -> int:
    """Returns the size of a unit in bytes. Raises `TooLarge` above the limit. `where` names the store in the error.

    Letters are not counted: they are messages that were accepted before.
    """
    try:
        size = 0 if unit.claim is None else len(unit.claim.outcome)
        for _, _, _, body in unit.changes:
            size += len(body)
        for row in unit.rows:
            size += len(row.body)
        for entry in unit.entries:
            size += len(entry[-1]) + len(entry[-2])  # headers too: they hold newer versions of an event
    except TypeError:
        return 0  # the store reports values of a wrong type
    if size > LARGEST_UNIT:
        raise too_large(size, "a unit of work writes", where)
    return size


def too_large(size: int, what: str, where: str) -> TooLarge:
    """The error for a size above the limit."""
    return TooLarge(
        f"{what} {size / 2**20:.1f} MiB", where=where,
        expected=f"at most {LARGEST_UNIT // 2**20} MiB of messages, state and outcome together",
        next="keep large data elsewhere, and store where it is; or split what has grown",
    )  # fmt: skip
