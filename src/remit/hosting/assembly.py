"""The assembly: from a checked model to a runtime over real stores."""

from __future__ import annotations

from collections.abc import Mapping

from remit.contexts import ContextMap
from remit.contexts.annotations import asks_for_sql
from remit.contexts.declarations import where
from remit.findings import Findings
from remit.hosting.technologies import open_store
from remit.runtime import LoopWatch, Ports, Runtime, compile_system
from remit.stores import Store
from remit.topology.technologies import DEFAULT_STORE

__all__ = ["assemble"]


def _check_stores(model: ContextMap, stores: Mapping[str, Store]) -> Findings:
    """Whether each store can do what the handlers of its context ask of it."""
    findings = Findings()
    for context in model.contexts:
        store = stores.get(context.name)
        for handler in asks_for_sql(context) if store is not None and not store.capabilities.sql else ():
            findings.report(
                "store.no-sql",
                where(handler.function),
                f"{handler.name} asks for Sql, and the store of {context.name!r} takes no statements",
                expected="a store in PostgreSQL",
                next='connect(store="postgresql://USER@HOST/DATABASE")',
            )
    return findings


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
    _check_stores(model, stores).settle()
    return Runtime(model, plans, stores, ports, parity=parity)
