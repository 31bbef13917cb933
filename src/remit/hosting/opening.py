"""Opens stores beside a running service, without the code of the system."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from remit.errors import nearest
from remit.hosting.failures import Failure
from remit.hosting.finding import find_system
from remit.hosting.technologies import is_made, made_stores, open_store
from remit.stores import Store
from remit.topology.file import Topology, read_topology
from remit.topology.secret import Secret
from remit.topology.stores import StorePlace, store_at, store_technology


class Places(NamedTuple):
    """The places of the stores, by context. "default" is the place of all others, with `{context}` in it."""

    stores: Mapping[str, Secret]
    named: Sequence[str] = ()
    """The contexts, if the places name them. Used if there are no files to search."""

    @classmethod
    def at(cls, store: str) -> Places:
        """The places that an option gives: one place, or a topology file. Raises `ModelError` and `Failure`."""
        if not store.endswith(".toml"):
            return cls({"default": Secret(store)})
        topology = read_topology(store, whole=False)
        return cls(topology.stores, _named(topology))

    def of(self, context: str) -> StorePlace:
        """The place of the store of a context. Raises `StoreError` for an address that cannot be parsed."""
        return store_at(self.stores.get(context, self.stores["default"]), context)

    async def made(self) -> list[str]:
        """The contexts that have a store, as far as the places tell. Raises `Failure` if they do not tell, and the
        errors of stores."""
        technology = store_technology(self.stores["default"].value)
        if not self.named and technology is not None and technology.schemas:
            return await self._in_database()
        named = {*self.stores, *self.named} - {"default"}
        return sorted({*made_stores(self.of("{context}")), *(name for name in named if is_made(self.of(name)))})

    async def _in_database(self) -> list[str]:
        if "{context}" in self.stores["default"].value:
            raise Failure(
                "cli.usage", "the address does not tell which contexts exist", where=self.of("{context}").shown,
                expected="a topology file, or the name of a subscription", next="--store FILE.toml",
            )  # fmt: skip
        place = self.of("any")
        open_store(place, "any")  # raises an error that names a missing driver
        from remit.hosting.databases import contexts_in

        return await contexts_in(place)


def _named(topology: Topology) -> Sequence[str]:
    """The contexts that a topology names. For `*`, the contexts of its system."""
    names = {entry.context for service in topology.services.values() for entry in service.runs}
    return find_system(topology.system).names if "*" in names else sorted(names)


@asynccontextmanager
async def opened(
    places: Places, contexts: Iterable[str], *, read_only: bool = False
) -> AsyncGenerator[dict[str, Store]]:
    """The open stores of these contexts, by name. They are closed at the end. Raises `StoreError` and
    `StoreUnavailable`."""
    async with AsyncExitStack() as stack:
        stores: dict[str, Store] = {}
        for context in contexts:
            stores[context] = store = open_store(places.of(context), context)
            stack.push_async_callback(store.close)
            await store.open(read_only=read_only)
        yield stores


def require_all(places: Places, contexts: Sequence[str]) -> list[str]:
    """These contexts, each once. Raises `Failure` if one has no store, because opening would make it."""
    for context in contexts:
        if not is_made(places.of(context)):
            raise Failure(
                "store.missing", f"there is no store of {context}", where=places.of(context).shown,
                expected="the name of a context that runs or has run here", next="remit log subscribers",
            )  # fmt: skip
    return list(dict.fromkeys(contexts))


def require_some(places: Places, contexts: Sequence[str]) -> list[str]:
    """The contexts that have a store. Raises `Failure` if none has, because opening would make it."""
    made = [context for context in contexts if is_made(places.of(context))]
    others = [] if made else made_stores(places.of("{context}"))
    if others:
        near = next(filter(None, (nearest(context, others) for context in contexts)), None)
        raise Failure(
            "store.missing", f"there is no store of {' or '.join(contexts)}", where=places.of("{context}").shown,
            expected=f"one of the contexts that have a store here: {', '.join(others)}",
            next=f"did you mean {near}?" if near else "name one of them, or give the option --data or --store",
        )  # fmt: skip
    if not made:
        raise Failure(
            "store.missing", "there is no store: nothing has run here yet", where=places.of("{context}").shown,
            expected="the stores of a system that runs or has run",
            next="give the option --data or --store of the running system, or start it: remit run",
        )  # fmt: skip
    return made
