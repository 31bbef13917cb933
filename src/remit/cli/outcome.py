"""One call from the command line: to the services of a topology, or to the system run in this process for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from remit.cli.exit_codes import REFUSED
from remit.cli.options import is_topology, place_of, refuse_places
from remit.cli.screen import say
from remit.contexts import Sender
from remit.hosting import System
from remit.hosting.finding import load_system
from remit.messages import Refusal, encode_reply
from remit.topology.file import read_topology
from remit.topology.stores import DEFAULT_STORE

__all__ = ["Callee", "print_outcome"]


class Callee(NamedTuple):
    """Whom a call goes to: a system that is run for it on these stores, or the services of a topology."""

    system: System
    store: str = DEFAULT_STORE
    topology: str | None = None

    @classmethod
    def named(cls, system: str, store: str | None, data: str | None) -> Callee:
        """What the arguments name. Raises `Failure`, `ModelError`."""
        if not is_topology(system):
            return cls(load_system(system), place_of(store, data))
        refuse_places(store=store, data=data)
        return cls(load_system(read_topology(system, whole=False).system), topology=system)


def print_outcome(callee: Callee, call: Callable[[Sender], Awaitable[Any]]) -> int:
    """Makes the call and prints its answer, or its refusal, as JSON. Returns the exit code."""
    try:
        answer = asyncio.run(_connected(callee, call))
    except Refusal as refusal:
        say(encode_reply(refusal).decode())
        return REFUSED
    say(msgspec.json.encode(answer).decode())
    return 0


async def _connected(callee: Callee, call: Callable[[Sender], Awaitable[Any]]) -> Any:
    async with callee.system.connect(store=callee.store, topology=callee.topology) as app:
        return await call(app)
