"""The assembly: makes the parts of a process, not yet open, and puts them together."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from remit.checks.statements import check_statements
from remit.contexts import Model, Sender
from remit.findings import Findings
from remit.hosting.placing import CALLER, placed_in, placed_on
from remit.hosting.technologies import make_channels, open_published, open_store
from remit.runtime import Host, LoopWatch, Ports
from remit.stores import Store
from remit.topology.channels import FOR_CALLS
from remit.topology.file import read_topology
from remit.topology.placement import PlacedService, Placement, reads_directly
from remit.topology.secrets import settle
from remit.topology.stores import DEFAULT_STORE, store_at

__all__ = ["assemble", "assemble_service", "connect_to_services"]


def assemble(
    model: Model,
    *,
    store: str = DEFAULT_STORE,
    ports: Ports | None = None,
    parity: bool = False,
    stores: Mapping[str, Store] | None = None,
) -> Host:
    """A process that runs the whole system, not yet started.

    Raises `ModelError` for stores that lack what is asked of them, and `StoreError`.
    """
    names = [context.name for context in model.contexts]
    stores = stores or {name: open_store(store_at(store, name), name) for name in names}
    findings = Findings()
    check_statements(model, {name: each.capabilities.sql for name, each in stores.items()}, findings)
    findings.settle()
    return Host(model, stores, ports or Ports(watch=LoopWatch()), parity=parity)


def assemble_service(model: Model, placement: Placement, service: PlacedService = CALLER, *, replica: int = 0) -> Host:
    """A process of a service, not yet started. `model` holds the contexts of which it runs anything.

    Raises `ModelError` with every secret that is missing, `StoreError` and `ChannelError` for a driver that is not
    installed.
    """
    topology = placement.topology
    settle(topology, service)
    stores = {context: open_store(place, context) for context, place in service.stores.items()}
    channels = make_channels(model.name, placement, service.service, replica)
    if reads_directly(topology):
        published = {context: open_published(place, context) for context, place in service.stores.items()}
        schemas = {context: topology.store_of(context).schema for context in placement.contexts}
        channels = replace(channels, published=published, schemas=schemas)
    return Host(model, stores, Ports(watch=LoopWatch()), placed=placed_in(placement, service), channels=channels)


@asynccontextmanager
async def connect_to_services(model: Model, path: str) -> AsyncGenerator[Sender]:
    """A `Sender` over the call channel of a topology file. Raises `ModelError`, `ChannelError`."""
    topology = read_topology(path, whole=False)
    if topology.calls is None:
        findings = Findings()
        findings.report(
            "topology.no-calls", f"{path} [channels] calls", "its service cannot be called from another process",
            expected="a channel for calls",
            next=f'calls = "{FOR_CALLS.form}", or connect(store=...) to the stores it names',
        )  # fmt: skip
        findings.settle()
    caller = assemble_service(model, placed_on(topology, model))
    try:
        await caller.start()
        yield caller
    finally:
        await caller.stop()
