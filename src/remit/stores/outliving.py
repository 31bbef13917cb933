"""A cancelled commit is not an aborted one: who waits for it hears of the cancellation when the outcome is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from remit.errors import OutcomeUnknown

__all__ = ["PATIENCE", "outlive"]

PATIENCE = 5.0
"""Seconds a cancelled caller waits for the outcome of its commit."""


async def outlive(written: asyncio.Future[None], where: str, withdraw: Callable[[], bool] | None = None) -> None:
    """Waits for the outcome of a commit, and raises it. A cancellation waits for it as well, unless the commit can be
    withdrawn; after 5 s it raises `OutcomeUnknown`.
    """
    try:
        await asyncio.shield(written)
    except asyncio.CancelledError:
        # Nobody waits for it any more, so a conflict found later is no exception that was overlooked.
        written.add_done_callback(_heard)
        if withdraw is None or not withdraw():
            await _known(written, where)
        raise


def _heard(written: asyncio.Future[Any]) -> None:
    if not written.cancelled():
        written.exception()


async def _known(written: asyncio.Future[None], where: str) -> None:
    """Waits for the outcome of a commit, however often the caller is cancelled. Raises `OutcomeUnknown` after 5 s."""
    loop = asyncio.get_running_loop()
    latest = loop.time() + PATIENCE
    while not written.done():
        if (left := latest - loop.time()) <= 0:
            raise OutcomeUnknown(
                f"the call was cancelled while its commit took more than {PATIENCE:g} s",
                where=where,
                expected="a commit within that time",
                next="call again with the same key; see what keeps the store",
            )
        try:
            await asyncio.wait([written], timeout=left)
        except asyncio.CancelledError:
            continue
