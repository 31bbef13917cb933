"""What the services of a topology may do, from the whole map: for the file of grants, and for brokers."""

from __future__ import annotations

from remit.contexts import Model, Usage
from remit.errors import Finding, ModelError
from remit.hosting import System
from remit.log import Channel
from remit.messages.component import Component
from remit.runtime import compile_system
from remit.topology.file import Topology
from remit.topology.grants import GrantsFile, grants_file, grants_of, grants_text
from remit.topology.keys import is_keyed
from remit.topology.placement import Placement, hosted_by, place
from remit.topology.shapes import shapes_of
from remit.topology.users import relayed
from remit.transports import Grant


def granted(system: System, model: Model, placement: Placement) -> dict[str, Grant]:
    """The grant of each service of a placed system, by name. `model` is that of the whole system."""
    follows: dict[Component, dict[str, set[str]]] = {}
    for service in placement.topology.services.values():
        contexts, _ = hosted_by(service, system.names, system.with_edges)
        plans = compile_system(system.hosting(contexts, edges=()).model())
        for name, plan in plans.items():
            for id, follow in plan.follows.items():
                if id.channel == Channel.PUBLISHED and id.source != name:
                    sources = follows.setdefault(Component(name, follow.component), {})
                    sources.setdefault(id.source, set()).update(follow.reads)
    return grants_of(placement, Usage(model).names, follows)


def over_broker(system: System, topology: Topology) -> list[tuple[str, Channel]]:
    """The channels of contexts that travel over the broker of a topology. Raises `ModelError`."""
    return relayed(place(topology, shapes_of(system.model())))


def findings_on_grants(system: System, model: Model, placement: Placement) -> list[Finding]:
    """A finding if the file of grants is missing, or is not what the map grants now. `model` is that of the whole
    system."""
    topology = placement.topology
    file = grants_file(topology)
    if not is_keyed(topology) and not file.exists():
        return []
    try:
        text = GrantsFile(topology).text
    except ModelError as error:
        return error.findings
    if text == grants_text(granted(system, model, placement)):
        return []
    return [
        Finding(
            "topology.old-grants", str(file), "the map or the topology has changed since these grants were generated",
            "what the map grants now", f"remit plan {topology.where} --grants > {file}",
        )
    ]  # fmt: skip
