"""Opens what the descriptions of technologies refer to: the stores and the channels of a process."""

from __future__ import annotations

import errno
import glob
import re
from collections.abc import Sequence
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.errors import ChannelError, RemitError, StoreError
from remit.runtime import Channels
from remit.stores import PublishedLogs, Store
from remit.stores.technology import StoreTechnology
from remit.topology.file import without_users
from remit.topology.placement import brokers
from remit.topology.stores import StorePlace
from remit.transports.technology import ChannelSettings

if TYPE_CHECKING:  # what only services need is not loaded by who connects without a topology
    from remit.topology.file import ChannelPlace, Service, Topology
    from remit.topology.placement import Placement
    from remit.transports.technology import BrokerUser


def _load(reference: str, what: str, install: str, error: type[RemitError]) -> Any:
    """What a description refers to by `module:attribute`. Raises `error` where a driver is missing."""
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as missing:
        raise error(
            f"{what} need {(missing.name or '').partition('.')[0]}, which is not installed",
            where="store" if error is StoreError else "[channels]", expected=f"{install or module} with its driver",
            next=f'pip install "{install}"' if install else "",
        ) from missing  # fmt: skip


def open_store(place: StorePlace, context: str) -> Store:
    """The store of a context, not yet opened.

    Raises `StoreError` where its driver is missing, or for one that says of itself what its description does not;
    `ModelError` for variables that its address lacks.
    """
    kind = _kind(place)
    store: Store = _load(kind.opens, f"stores in {kind.title}", kind.install, StoreError)(place, context)
    if store.technology != kind:
        other = [each.name for each in fields(kind) if getattr(kind, each.name) != getattr(store.technology, each.name)]
        raise StoreError(
            f"stores in {kind.title} are planned with another description than they have: {', '.join(other)}",
            where=kind.opens, expected="a store whose `technology` is the description that names it",
            next="report it to whoever offers them" + (f": {kind.install}" if kind.install else ""),
        )  # fmt: skip
    return store


def open_published(place: StorePlace, context: str) -> PublishedLogs:
    """What other contexts have published in the database of a context's store. Raises as `open_store`."""
    kind = _kind(place)
    opens = _load(kind.published, f"stores in {kind.title}", kind.install, StoreError)
    logs: PublishedLogs = opens(place, context)
    return logs


def _kind(place: StorePlace) -> StoreTechnology:
    _ = place.url.value  # says which variable is missing
    assert place.technology is not None  # noqa: S101  # only a missing variable can stand for the scheme
    return place.technology


def is_made(place: StorePlace) -> bool:
    """Whether there is a store at this place already. One that dies with its process is never found from outside;
    whether there is one that is in no file is said when it is opened."""
    kind = _kind(place)
    if not kind.path:
        return kind.durable
    try:
        return Path(place.path).is_file()
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG  # of anything else, opening it says what is wrong


def made_stores(place: StorePlace) -> list[str]:
    """The contexts that have a store at this place, as far as `{context}` in the path of a file tells."""
    if "{context}" not in place.path:
        return []
    pattern = "([a-z][a-z0-9_-]*)".join(re.escape(part) for part in place.path.split("{context}", 1))
    anywhere = "*".join(glob.escape(part) for part in place.path.split("{context}", 1))
    found = glob.glob(anywhere)  # noqa: PTH207  # that of Path takes no absolute pattern
    return sorted(match[1] for file in found if (match := re.fullmatch(pattern, file)))


def make_channels(system: str, placement: Placement, service: Service, replica: int) -> Channels:
    """The channels of a replica of a service, not yet open. Raises `ChannelError` where a driver is missing."""
    listen = str(service.calls.of_replica(replica)) if service.calls is not None else None
    usual = ChannelSettings(system, service.name, listen=listen, addresses=placement.addresses)
    calls, events = placement.topology.calls, placement.topology.events
    return Channels(
        _make(calls.technology.calls, "calls", calls, service, usual) if calls else None,
        _make(events.technology.events, "events", events, service, usual) if events else None,
        calls.codec if calls else "json",
    )


def _make(reference: str, what: str, channel: ChannelPlace, service: Service, usual: ChannelSettings) -> Any:
    if not reference:
        return None  # followers read the logs themselves
    settings = replace(
        usual,
        url=without_users(channel.url.text) if service.credentials else channel.url.value,
        credentials=_user(service),
        encoding=channel.codec,
        replicas=channel.replicas,
        secret=channel.secret.value if channel.secret else None,
    )
    kind = channel.technology
    return _load(reference, f"{what} over {kind.title}", kind.install, ChannelError)(settings)


def _user(service: Service) -> tuple[str, str] | None:
    if service.credentials is None:
        return None
    user, _, password = service.credentials.value.partition(":")
    return user, password


def broker_permissions(system: str, topology: Topology, users: Sequence[BrokerUser]) -> str:
    """What each user may do, for the configuration of the broker that a topology has.

    Raises `ChannelError`: for a missing driver, and for a broker of which we know no configuration.
    """
    kind = brokers(topology)[0].technology
    if not kind.permissions:
        raise ChannelError(
            f"the configuration of {kind.title} cannot be printed", where="[channels]",
            expected="a broker whose permissions remit knows", next="give each user the rights that its page names",
        )  # fmt: skip
    text: str = _load(kind.permissions, f"permissions at {kind.title}", kind.install, ChannelError)(system, users)
    return text
