"""The assembly: from a checked model to a runtime over real stores. The only place that names a driver."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from remit.contexts import ContextMap
from remit.errors import StoreError
from remit.runtime import LoopWatch, Ports, Runtime, compile_system
from remit.stores import Store
from remit.stores.memory import MemoryStore

__all__ = ["DEFAULT_STORE", "assemble", "is_made", "made_stores", "open_store"]

DEFAULT_STORE = "sqlite:data/{context}.db"


def open_store(place: str, context: str) -> Store:
    """The store of a context, not yet opened: `memory:` or `sqlite:PATH`, where `{context}` stands for its name.

    Raises `StoreError` for anything else.
    """
    technology, _, path = place.partition(":")
    if technology == "memory":
        return MemoryStore()
    if technology == "sqlite" and path:
        from remit.stores.sqlite import SqliteStore

        return SqliteStore(path.replace("{context}", context), context)
    raise StoreError(
        f"{place!r} names no store", where="store", expected="memory: or sqlite:PATH", next=f'store="{DEFAULT_STORE}"'
    )


def is_made(place: str, context: str) -> bool:
    """Whether the context has a store at this place already. A store in memory is never found from outside."""
    technology, _, path = place.partition(":")
    try:
        return technology == "sqlite" and Path(path.replace("{context}", context)).is_file()
    except PermissionError:
        return True  # opening it says what is wrong


def made_stores(place: str) -> list[str]:
    """The contexts that have a store at this place, as far as `{context}` in it tells."""
    technology, _, path = place.partition(":")
    if technology != "sqlite" or "{context}" not in path:
        return []
    pattern = "([a-z][a-z0-9_-]*)".join(re.escape(part) for part in path.split("{context}", 1))
    anywhere = "*".join(glob.escape(part) for part in path.split("{context}", 1))
    found = glob.glob(anywhere)  # noqa: PTH207  # that of Path takes no absolute pattern
    return sorted(match[1] for file in found if (match := re.fullmatch(pattern, file)))


def assemble(
    model: ContextMap,
    *,
    store: str = DEFAULT_STORE,
    ports: Ports | None = None,
    parity: bool = False,
    stores: dict[str, Store] | None = None,
) -> Runtime:
    """A runtime for the whole system, not yet started. Raises `ModelError` with every finding."""
    ports = ports or Ports(watch=LoopWatch())
    model.check().settle()
    plans = compile_system(model, ports)
    stores = stores or {context.name: open_store(store, context.name) for context in model.contexts}
    return Runtime(model, plans, stores, ports, parity=parity)
