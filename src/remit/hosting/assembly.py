"""The assembly: from a checked model to a runtime over real stores."""

from __future__ import annotations

from remit.checks.statements import check_statements
from remit.contexts import Model
from remit.findings import Findings
from remit.hosting.technologies import open_store
from remit.runtime import LoopWatch, Ports, Runtime, compile_system
from remit.stores import Store
from remit.topology.stores import DEFAULT_STORE, store_at

__all__ = ["assemble"]


def assemble(
    model: Model,
    *,
    store: str = DEFAULT_STORE,
    ports: Ports | None = None,
    parity: bool = False,
    stores: dict[str, Store] | None = None,
) -> Runtime:
    """A runtime for the whole system, not yet started. Raises `ModelError` for stores that lack what is asked for."""
    ports = ports or Ports(watch=LoopWatch())
    plans = compile_system(model, ports)
    names = [context.name for context in model.contexts]
    stores = stores or {name: open_store(store_at(store, name), name) for name in names}
    findings = Findings()
    check_statements(model, {name: each.capabilities.sql for name, each in stores.items()}, findings)
    findings.settle()
    return Runtime(model, plans, stores, ports, parity=parity)
