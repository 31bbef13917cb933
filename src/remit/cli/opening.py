"""Opening stores beside a running service, without the system's code."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from remit.cli.failures import Failure
from remit.stores import Store
from remit.topology import is_made, open_store

__all__ = ["opened", "require_some"]


@asynccontextmanager
async def opened(place: str, contexts: Iterable[str], *, read_only: bool = False) -> AsyncGenerator[dict[str, Store]]:
    """The stores of these contexts by name, open; closed at the end. Raises `StoreError`, `StoreUnavailable`."""
    async with AsyncExitStack() as stack:
        stores: dict[str, Store] = {}
        for context in contexts:
            stores[context] = store = open_store(place, context)
            stack.push_async_callback(store.close)
            await store.open(read_only=read_only)
        yield stores


def require_some(place: str, contexts: Sequence[str]) -> list[str]:
    """Those of the contexts that have a store already. Raises `Failure` when none has: looking must not make them."""
    made = [context for context in contexts if is_made(place, context)]
    if not made:
        raise Failure(
            "store.missing", "nothing has run here: there is no store", where=place,
            expected="the stores of a system that runs or has run",
            next="give its --data or --store, or start it: remit run",
        )  # fmt: skip
    return made
