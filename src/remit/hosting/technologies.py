"""Driver by driver: which adapter a store's address or a channel's technology names. The only place that does."""

from __future__ import annotations

import errno
import glob
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from remit.errors import ChannelError, RemitError, StoreError
from remit.messages import Encoding
from remit.stores import Store
from remit.stores.memory import MemoryStore
from remit.topology.technologies import DEFAULT_STORE
from remit.transports import CallChannel, EventChannel

if TYPE_CHECKING:  # what only services need is not loaded by import remit
    from remit.stores.postgres import PublishedLogs
    from remit.topology.file import Channel, Service
    from remit.topology.placement import Placement
    from remit.topology.users import User
    from remit.transports.nats import NatsConnection

__all__ = [
    "Channels",
    "broker_permissions",
    "is_made",
    "made_stores",
    "make_channels",
    "open_published",
    "open_store",
]


def open_store(place: str, context: str) -> Store:
    """The store of a context, not yet opened: `memory:`, `sqlite:PATH` or `postgresql://ADDRESS`.

    `{context}` stands for the context's name. Raises `StoreError` for anything else.
    """
    technology, _, path = place.partition(":")
    if technology == "memory":
        return MemoryStore()
    if technology == "sqlite" and path:
        from remit.stores.sqlite import SqliteStore

        return SqliteStore(path.replace("{context}", context), context)
    if technology == "postgresql" and path:
        return _open_postgres(place.replace("{context}", context), context)
    raise StoreError(
        f"{place.partition('//')[0]!r} names no store",
        where="store",
        expected="memory:, sqlite:PATH or postgresql://ADDRESS",
        next=f'store="{DEFAULT_STORE}"',
    )


def _open_postgres(address: str, context: str) -> Store:
    with _needs("postgres", "stores in PostgreSQL", StoreError):
        from remit.stores.postgres import PostgresStore
    return PostgresStore(address, context)


def open_published(address: str, context: str) -> PublishedLogs:
    """What other contexts have published in the database that a context enters by this address."""
    with _needs("postgres", "stores in PostgreSQL", StoreError):
        from remit.stores.postgres import PublishedLogs
    return PublishedLogs(address, context)


@contextmanager
def _needs(extra: str, what: str, error: type[RemitError]) -> Generator[None]:
    """Around the import of an adapter, whose driver comes with an extra: says which one is missing."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise error(
            f"{what} need {(missing.name or '').partition('.')[0]}, which is not installed",
            where="store" if error is StoreError else "[channels]",
            expected=f"remit with its {extra} extra",
            next=f'pip install "remit[{extra}]"',
        ) from missing


def is_made(place: str, context: str) -> bool:
    """Whether the context has a store at this place already. A store in memory is never found from outside; whether
    there is one in PostgreSQL is said when it is opened.
    """
    technology, _, path = place.partition(":")
    if technology == "postgresql":
        return True
    try:
        return technology == "sqlite" and Path(path.replace("{context}", context)).is_file()
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG  # of anything else, opening it says what is wrong


def made_stores(place: str) -> list[str]:
    """The contexts that have a store at this place, as far as `{context}` in it tells."""
    technology, _, path = place.partition(":")
    if technology != "sqlite" or "{context}" not in path:
        return []
    pattern = "([a-z][a-z0-9_-]*)".join(re.escape(part) for part in path.split("{context}", 1))
    anywhere = "*".join(glob.escape(part) for part in path.split("{context}", 1))
    found = glob.glob(anywhere)  # noqa: PTH207  # that of Path takes no absolute pattern
    return sorted(match[1] for file in found if (match := re.fullmatch(pattern, file)))


@dataclass(frozen=True)
class Channels:
    """How one process reaches the others: nothing where the whole system runs in it."""

    calls: CallChannel | None = None
    events: EventChannel | None = None
    encoding: Encoding = "json"
    """How calls are written."""


def make_channels(system: str, placement: Placement, service: Service, replica: int) -> Channels:
    """The channels of a replica of a service, not yet open. Raises `ChannelError` where a driver is missing."""
    topology = placement.topology
    connections: dict[str, NatsConnection] = {}
    calls = _make_calls(system, placement, service, replica, connections)
    events: EventChannel | None = None
    if topology.events is not None and topology.events.technology == "nats":
        with _needs("nats", "events over NATS", ChannelError):
            from remit.transports.nats import NatsEvents

        connection = _connect(topology.events, service, connections)
        events = NatsEvents(connection, system, codec=topology.events.codec, replicas=topology.events.replicas)
    encoding: Encoding = "msgpack" if topology.calls is not None and topology.calls.codec == "msgpack" else "json"
    return Channels(calls, events, encoding)


def _make_calls(
    system: str, placement: Placement, service: Service, replica: int, connections: dict[str, NatsConnection]
) -> CallChannel | None:
    channel = placement.topology.calls
    if channel is None:
        return None
    if channel.technology == "http":
        with _needs("http", "calls over HTTP", ChannelError):
            from remit.transports.http import HttpCalls

        listen = str(service.calls.of_replica(replica)) if service.calls is not None else None
        return HttpCalls(placement.addresses, listen=listen, secret=channel.secret.value if channel.secret else None)
    with _needs("nats", "calls over NATS", ChannelError):
        from remit.transports.nats import NatsCalls

    return NatsCalls(_connect(channel, service, connections), system)


def _connect(channel: Channel, service: Service, connections: dict[str, NatsConnection]) -> NatsConnection:
    """One connection per broker and process, whatever travels over it."""
    from remit.topology.file import without_users
    from remit.transports.nats import NatsConnection

    url = without_users(channel.url.text) if service.credentials else channel.url.value
    if url not in connections:
        user, _, password = service.credentials.value.partition(":") if service.credentials else ("", "", "")
        credentials = (user, password) if user else None
        connections[url] = NatsConnection(url, name=service.name, credentials=credentials)
    return connections[url]


def broker_permissions(system: str, users: Sequence[User]) -> str:
    """What each user may do, for the broker's configuration. Raises `ChannelError`, also for a missing driver."""
    with _needs("nats", "permissions at NATS", ChannelError):
        from remit.transports.nats import BrokerUser, permissions
    return permissions(system, [BrokerUser(*user) for user in users])
