"""Which technologies there are, by the word a topology file names them with, and what each can do.

Read by the plan, which imports no driver. A test compares the rows with what the adapters say of themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "CALLS",
    "CODECS",
    "DEFAULT_STORE",
    "EVENTS",
    "SCHEMES",
    "STORES",
    "WORDS",
    "CallTechnology",
    "EventTechnology",
    "StoreTechnology",
]

DEFAULT_STORE = "sqlite:data/{context}.db"


@dataclass(frozen=True)
class StoreTechnology:
    """What a kind of store can do, whatever its place."""

    durable: bool
    shared_between_processes: bool
    roles: bool = False
    """Whether each context enters it with credentials of its own, which reach no other context's store."""
    sql: bool = False
    """Whether handlers may run statements of their own in it."""


@dataclass(frozen=True)
class CallTechnology:
    """What a kind of call channel can do, whatever its place."""

    finds_services: bool
    """Whether an address reaches those who serve it wherever they run; otherwise the topology says where."""
    broker: bool
    """Whether there is a broker, which knows its users; otherwise the services share a secret."""


@dataclass(frozen=True)
class EventTechnology:
    """What a kind of event channel can do, whatever its place."""

    broker: bool
    """Whether a broker brings the events; otherwise followers read the logs of others themselves."""


STORES: Mapping[str, StoreTechnology] = {
    "memory": StoreTechnology(durable=False, shared_between_processes=False),
    "sqlite": StoreTechnology(durable=True, shared_between_processes=True),
    "postgresql": StoreTechnology(durable=True, shared_between_processes=True, roles=True, sql=True),
}
CALLS: Mapping[str, CallTechnology] = {
    "nats": CallTechnology(finds_services=True, broker=True),
    "http": CallTechnology(finds_services=False, broker=False),
}
EVENTS: Mapping[str, EventTechnology] = {
    "nats": EventTechnology(broker=True),
    "postgresql": EventTechnology(broker=False),
}
WORDS = ("http", "postgresql")
"""Channels without an address: who is reached is said elsewhere in the file."""
SCHEMES: Mapping[str, str] = {"nats": "nats", "tls": "nats"}
"""The technology of a broker by the scheme of its URL."""
CODECS = ("json", "msgpack")
