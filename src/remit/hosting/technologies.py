"""Opens what the descriptions of technologies refer to: stores and channels."""

from __future__ import annotations

import errno
import glob
import re
from collections.abc import Sequence
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.errors import ChannelError, Finding, Findings, ModelError, RemitError, StoreError
from remit.log import Channel
from remit.runtime import Channels
from remit.stores import PublishedLogs, Store
from remit.stores.technology import StoreTechnology
from remit.topology.channels import FOR_CALLS
from remit.topology.file import without_users
from remit.topology.grants import NO_GRANTS, GrantsFile
from remit.topology.keys import is_keyed
from remit.topology.placement import brokers
from remit.topology.stores import StorePlace
from remit.transports import OUTSIDE
from remit.transports.technology import ChannelSettings

if TYPE_CHECKING:  # only services need these; connecting without a topology does not load them
    from remit.topology.file import ChannelPlace, Service, Topology
    from remit.topology.placement import Placement
    from remit.transports.technology import BrokerUser


def _load(reference: str, what: str, install: str, error: type[RemitError]) -> Any:
    """The object at `module:attribute` in a description. Raises `error` if a driver is missing."""
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
    """The store of a context, not yet open.

    Raises `StoreError` if its driver is missing, or if the description in the store differs from the one that was used
    for planning; `ModelError` for missing variables in its address.
    """
    kind = _kind(place)
    store: Store = _load(kind.opens, f"stores in {kind.title}", kind.install, StoreError)(place, context)
    if store.technology != kind:
        other = [each.name for each in fields(kind) if getattr(kind, each.name) != getattr(store.technology, each.name)]
        raise StoreError(
            f"stores in {kind.title} have another description than the one that was used for planning:"
            f" {', '.join(other)}", where=kind.opens,
            expected="a store whose `technology` equals the description that names it",
            next="report this to the author of the store" + (f": {kind.install}" if kind.install else ""),
        )  # fmt: skip
    return store


def open_published(place: StorePlace, context: str) -> PublishedLogs:
    """What other contexts have published in the database of a store. Raises the errors of `open_store`."""
    kind = _kind(place)
    opens = _load(kind.published, f"stores in {kind.title}", kind.install, StoreError)
    logs: PublishedLogs = opens(place, context)
    return logs


def _kind(place: StorePlace) -> StoreTechnology:
    _ = place.url.value  # raises an error that names a missing variable
    assert place.technology is not None  # noqa: S101  # None only if a variable that holds the scheme is missing
    return place.technology


def is_made(place: StorePlace) -> bool:
    """Whether there is a store at this place already. False for a store in memory. True for any other store that is not
    a file: opening it finds out."""
    kind = _kind(place)
    if not kind.path:
        return kind.durable
    try:
        return Path(place.path).is_file()
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG  # any other error is reported when the store is opened


def made_stores(place: StorePlace) -> list[str]:
    """The contexts that have a file at this place, found by `{context}` in its path."""
    if "{context}" not in place.path:
        return []
    pattern = "([a-z][a-z0-9_-]*)".join(re.escape(part) for part in place.path.split("{context}", 1))
    anywhere = "*".join(glob.escape(part) for part in place.path.split("{context}", 1))
    found = glob.glob(anywhere)  # noqa: PTH207  # `Path.glob` accepts no absolute pattern
    return sorted(match[1] for file in found if (match := re.fullmatch(pattern, file)))


def make_channels(system: str, placement: Placement, service: Service, replica: int) -> Channels:
    """The channels of a replica of a service, not yet open. Raises `ChannelError` if a driver is missing."""
    listen = str(service.calls.of_replica(replica)) if service.calls is not None else None
    usual = ChannelSettings(system, service.name, listen=listen, addresses=placement.addresses)
    if is_keyed(placement.topology):
        usual = replace(usual, peers=_peers(placement.topology), **_identity(placement, service))
    calls, events = placement.topology.calls, placement.topology.events
    return Channels(
        _make(calls.technology.calls, "calls", calls, service, usual) if calls else None,
        _make(events.technology.events, "events", events, service, usual) if events else None,
        calls.codec if calls else "json",
    )


def _make(reference: str, what: str, channel: ChannelPlace, service: Service, usual: ChannelSettings) -> Any:
    if not reference:
        return None  # followers read the logs directly
    settings = replace(
        usual,
        url=without_users(channel.url.text) if service.credentials else channel.url.value,
        credentials=_user(service),
        encoding=channel.codec,
        replicas=channel.replicas,
    )
    kind = channel.technology
    return _load(reference, f"{what} over {kind.title}", kind.install, ChannelError)(settings)


def _peers(topology: Topology) -> dict[str, tuple[str, str]]:
    """The name and the public key of the service at each place that answers calls."""
    return {
        str(service.calls.of_replica(number)): (service.name, service.keys.public)
        for service in topology.services.values()
        if service.calls is not None and service.keys is not None and service.keys.public
        for number in range(service.replicas)
    }


def _identity(placement: Placement, service: Service) -> dict[str, Any]:
    """With which name and key a process proves its calls, and the grants by which it checks those of others."""
    topology = placement.topology
    is_service = topology.services.get(service.name) == service
    outside = topology.calls.keys if topology.calls else None
    keys = service.keys if is_service else outside
    if is_service and keys and keys.private:
        Findings(unfit_key(topology, service)).settle()
        return {"key": keys.private.value, "grants": GrantsFile(topology)}
    if keys is None or keys.private is None:
        raise ModelError(findings=[Finding(
            "topology.no-key", f"{topology.where} [channels.calls]",
            "programs that are no service have no key pair, so no service answers them",
            "key and public beside the url of the calls", "remit key --outside",
        )])  # fmt: skip
    return {"service": OUTSIDE, "key": keys.private.value, "grants": NO_GRANTS}


def unfit_key(topology: Topology, service: Service) -> list[Finding]:
    """A finding if the private key of a service is not the half of its key pair that belongs to its public key. None if
    this process does not have the private key. Raises `ChannelError` for a missing driver."""
    keys, channel, name = service.keys, topology.calls, service.name
    if channel is None or not channel.technology.public_key or keys is None or keys.private is None:
        return []
    kind = channel.technology
    derive = _load(kind.public_key, f"keys for calls over {kind.title}", kind.install, ChannelError)
    try:
        if keys.private.lacks or derive(keys.private.text) == keys.public:
            return []
        what = f"this private key does not belong to the public key of {name} (it is not shown)"
    except ChannelError:
        what = f"the private key of {name} is not a key (it is not shown)"
    return [
        Finding(
            "topology.key-mismatch", f"{topology.where} [services.{name}] key", what,
            "the private and the public key of one pair",
            f"set it to the private key of {name}, or run: remit key {name}, which makes another pair",
        )
    ]  # fmt: skip


def _user(service: Service) -> tuple[str, str] | None:
    if service.credentials is None:
        return None
    user, _, password = service.credentials.value.partition(":")
    return user, password


def new_keys() -> tuple[str, str]:
    """A private and a public key for a service. Raises `ChannelError` for a missing driver."""
    made: tuple[str, str] = _load(
        FOR_CALLS.keys, f"keys for calls over {FOR_CALLS.title}", FOR_CALLS.install, ChannelError
    )()
    return made


async def prepare_broker(
    system: str, topology: Topology, administrator: tuple[str, str], needed: Sequence[tuple[str, Channel]]
) -> list[tuple[str, bool]]:
    """Creates what services need at the broker of the events to publish these channels of contexts, as an
    administrator, who is a user with a password. Returns for each one its name, and whether it was made now.

    Raises `ChannelError` (wrong credentials, missing rights or driver; other settings) and `Unavailable`.
    """
    channel = topology.events
    if channel is None or not channel.technology.prepares or not needed:
        return []
    settings = ChannelSettings(
        system, "remit migrate", url=without_users(channel.url.text), credentials=administrator,
        replicas=channel.replicas,
    )  # fmt: skip
    kind = channel.technology
    prepares = _load(kind.prepares, f"events over {kind.title}", kind.install, ChannelError)
    return [(each.name, each.made) for each in await prepares(settings, needed)]


def broker_permissions(system: str, topology: Topology, users: Sequence[BrokerUser]) -> str:
    """The permissions of each user, as configuration text for the broker of a topology.

    Raises `ChannelError` for a missing driver, and for a broker whose configuration format is unknown.
    """
    kind = brokers(topology)[0].technology
    if not kind.permissions:
        raise ChannelError(
            f"the configuration of {kind.title} cannot be printed", where="[channels]",
            expected="a broker whose configuration remit can write",
            next="configure the rights that the page of the broker lists",
        )  # fmt: skip
    text: str = _load(kind.permissions, f"permissions at {kind.title}", kind.install, ChannelError)(system, users)
    return text
