"""Services of a topology as processes: one is assembled in this process, several are children."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from remit.contexts import Model
from remit.errors import nearest, one_of
from remit.hosting import System
from remit.hosting.assembly import assemble_service, placed_on, started
from remit.hosting.failures import Failure
from remit.hosting.finding import find_system
from remit.hosting.supervision import Child
from remit.runtime import Host, Listener
from remit.topology.file import Address, Topology
from remit.topology.placement import Placement, hosted_by
from remit.topology.secrets import withheld_from


class Replica(NamedTuple):
    """One process of a service. Written `billing`, or `billing#2` if the service has several replicas."""

    service: str
    number: int

    def named(self, topology: Topology) -> str:
        """Its name in the topology."""
        return self.service if topology.services[self.service].replicas == 1 else f"{self}"

    def __str__(self) -> str:
        return f"{self.service}#{self.number + 1}"


def chosen(topology: Topology, names: Sequence[str]) -> list[Replica]:
    """The processes that names stand for: `billing` for all its replicas, `billing#2` for the second. No names stand
    for all processes. Raises `Failure` for an unknown name."""
    found: list[Replica] = []
    for name in names or topology.services:
        service, _, number = name.partition("#")
        replicas = topology.services[service].replicas if service in topology.services else 0
        if not number and replicas:
            found += [Replica(service, each) for each in range(replicas)]
        elif number.isdecimal() and 1 <= int(number) <= replicas:
            found.append(Replica(service, int(number) - 1))
        else:
            near = nearest(service, topology.services) or next(iter(topology.services), "")
            raise Failure(
                "service.unknown", f"there is no service {name!r}", where=topology.where,
                expected=one_of(topology.services) + ", with #2 for the second of several replicas",
                next=f"remit run {topology.where} {near}",
            )  # fmt: skip
    return list(dict.fromkeys(found))


class ServiceProcess(NamedTuple):
    """A process of a service, not yet started."""

    name: str
    host: Host
    system: System
    """The part of the system that it hosts, with the edges that it serves."""
    listens: Address | None
    """The address at which it serves the edges."""


def make_service(topology: Topology, replica: Replica, listeners: Iterable[Listener] = ()) -> ServiceProcess:
    """Loads what a service hosts, places it and assembles the process.

    Raises `Failure` if there is no such system; `ModelError` if the system or its placement has findings; `StoreError`
    and `ChannelError` for a driver that is not installed; `ListenerError`.
    """
    system = find_system(topology.system)
    contexts, edges = hosted_by(topology.services[replica.service], system.names, system.with_edges)
    hosted = system.hosting(contexts, edges=edges)
    model = hosted.model()
    placement = placed_on(topology, model, lambda names: system.hosting(names).model())
    placed = placement.services[replica.service]
    host = assemble_service(model, placement, placed, replica=replica.number, listeners=listeners)
    http = placed.service.http
    return ServiceProcess(
        replica.named(topology), host, hosted, None if http is None else http.of_replica(replica.number)
    )


def models_of(topology: Topology, placement: Placement) -> Mapping[str, Model]:
    """The model with which each service starts: what the service hosts is loaded, and the grants are read if there are
    any. Raises `Failure` and `ModelError` as `make_service` does."""
    system, found = find_system(topology.system), dict[str, Model]()
    for name, service in topology.services.items():
        contexts, edges = hosted_by(service, system.names, system.with_edges)
        found[name] = started(system.hosting(contexts, edges=edges).model(), placement)
    return found


def children_of(
    topology: Topology, placement: Placement, replicas: Sequence[Replica], command: Callable[[Replica], Sequence[str]]
) -> Mapping[str, Child]:
    """Each replica as a child process. Its environment is that of this process, without the secrets of other
    services."""
    return {
        each.named(topology): Child(command(each), _environment(topology, placement, each.service)) for each in replicas
    }


def _environment(topology: Topology, placement: Placement, service: str) -> Mapping[str, str]:
    withheld = withheld_from(topology, placement.services[service], placement.secrets)
    return {name: value for name, value in os.environ.items() if name not in withheld}
