"""One call from the command line: the system runs in this process until the outcome is there, which is printed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from remit.cli.failures import REFUSED
from remit.contexts import Sender
from remit.messages import Refusal, encode_reply
from remit.topology import System

__all__ = ["print_outcome"]


def print_outcome(model: System, place: str, call: Callable[[Sender], Awaitable[Any]]) -> int:
    """Makes the call and prints its answer, or its refusal, as JSON. Returns the exit code."""
    try:
        answer = asyncio.run(_connected(model, place, call))
    except Refusal as refusal:
        print(encode_reply(refusal).decode())
        return REFUSED
    print(msgspec.json.encode(answer).decode())
    return 0


async def _connected(model: System, place: str, call: Callable[[Sender], Awaitable[Any]]) -> Any:
    async with model.connect(store=place) as app:
        return await call(app)
