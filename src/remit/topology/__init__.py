"""Where it runs: the system, the topology file and its plan, and the assembly that puts it on its stores."""

from remit.topology.assembly import DEFAULT_STORE, assemble, is_made, made_stores, open_store
from remit.topology.file import Address, Channel, Secret, Service, Topology, parse_topology, read_topology
from remit.topology.placement import COMPONENTS, Component, ContextShape, PlacedService, Placement, place
from remit.topology.system import SyncSender, System

__all__ = [
    "COMPONENTS",
    "DEFAULT_STORE",
    "Address",
    "Channel",
    "Component",
    "ContextShape",
    "PlacedService",
    "Placement",
    "Secret",
    "Service",
    "SyncSender",
    "System",
    "Topology",
    "assemble",
    "is_made",
    "made_stores",
    "open_store",
    "parse_topology",
    "place",
    "read_topology",
]
