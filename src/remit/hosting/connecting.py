"""Calling the services of a topology from a process that is none of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from remit.contexts import Model, Sender
from remit.findings import Findings

__all__ = ["connect_to_services"]


@asynccontextmanager
async def connect_to_services(model: Model, path: str) -> AsyncGenerator[Sender]:
    """A `Sender` over the call channel of a topology file. Raises `ModelError`, `ChannelError`."""
    # Imported here, because who runs the whole system in one process needs none of it.
    from remit.hosting.assembly import assemble_service
    from remit.hosting.placing import placed_on
    from remit.topology.channels import FOR_CALLS
    from remit.topology.file import read_topology

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
