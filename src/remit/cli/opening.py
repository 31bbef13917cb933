"""Opening stores beside a running service, without the system's code."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from remit.cli.failures import Failure
from remit.cli.options import DEFAULT_STORE
from remit.stores import Store
from remit.topology import is_made, made_stores, open_store
from remit.topology.file import Topology, read_topology

__all__ = ["Places", "opened", "require_some"]


class Places(NamedTuple):
    """Where the stores are: one place with `{context}` in it, and others for some contexts."""

    default: str
    others: Mapping[str, str] = {}

    @classmethod
    def at(cls, store: str) -> Places:
        """What an option names: a place, or a topology file that names them. Raises `ModelError`."""
        return cls.by(read_topology(store)) if store.endswith(".toml") else cls(store)

    @classmethod
    def by(cls, topology: Topology) -> Places:
        """The places that a topology names."""
        others = {context: place for context, place in topology.stores.items() if context != "default"}
        return cls(topology.stores.get("default", DEFAULT_STORE), others)

    def of(self, context: str) -> str:
        """The place of a context's store."""
        return self.others.get(context, self.default)

    def made(self) -> list[str]:
        """The contexts that have a store, as far as the places tell."""
        return sorted({*made_stores(self.default), *(name for name in self.others if is_made(self.of(name), name))})


@asynccontextmanager
async def opened(
    places: Places, contexts: Iterable[str], *, read_only: bool = False
) -> AsyncGenerator[dict[str, Store]]:
    """The stores of these contexts by name, open; closed at the end. Raises `StoreError`, `StoreUnavailable`."""
    async with AsyncExitStack() as stack:
        stores: dict[str, Store] = {}
        for context in contexts:
            stores[context] = store = open_store(places.of(context), context)
            stack.push_async_callback(store.close)
            await store.open(read_only=read_only)
        yield stores


def require_some(places: Places, contexts: Sequence[str]) -> list[str]:
    """Those of the contexts that have a store already. Raises `Failure` when none has: looking must not make them."""
    made = [context for context in contexts if is_made(places.of(context), context)]
    if not made:
        raise Failure(
            "store.missing", "nothing has run here: there is no store", where=places.default,
            expected="the stores of a system that runs or has run",
            next="give its --data or --store, or start it: remit run",
        )  # fmt: skip
    return made
