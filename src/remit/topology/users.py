"""The users that the broker of a topology must know, and what each of them runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from remit.errors import Findings
from remit.log import Channel
from remit.topology.channels import FOR_BROKER
from remit.topology.file import ChannelPlace
from remit.topology.grants import joined
from remit.topology.placement import PlacedService, Placement, brokers, reads_directly
from remit.topology.secret import Secret
from remit.transports.grants import OUTSIDE, Allowed, Grant
from remit.transports.technology import BrokerUser


def users_of(placement: Placement, grants: Mapping[str, Grant]) -> list[BrokerUser]:
    """The users in the `credentials` of services and in the URLs of channels. The user in the URL is also used by
    programs that call the services from outside.

    Raises `ModelError` with a finding for each service without a user, or for a missing variable with the name of one.
    """
    topology = placement.topology
    channels = brokers(topology)
    shared = [user for channel in channels for user in _users_in(channel)]
    outside = {OUTSIDE: grants[OUTSIDE].speaks[OUTSIDE]}
    users = {name: BrokerUser(name, speaks=outside) for name in shared}
    findings = Findings()
    for name, placed in placement.services.items():
        credentials = placed.service.credentials
        own = [_known(credentials, credentials.text.partition(":")[0])] if credentials else shared
        if not own or not channels:
            findings.report(
                "topology.no-user", f"{topology.where} [services.{name}]",
                "the broker has no user for this service" if channels else "there is no broker, so there are no users",
                expected="a user of its own, or one in the URL of the channel"
                if channels
                else f"a channel over {FOR_BROKER.title}",
                next=f'credentials = "{name}:${{PASSWORD}}"' if channels else f'events = "{FOR_BROKER.form}"',
            )  # fmt: skip
        for user in own:
            users[user] = _with(users.get(user, BrokerUser(user)), placement, placed, grants[name])
    findings.settle()
    return list(users.values())


def relayed(placement: Placement) -> list[tuple[str, Channel]]:
    """The channels of contexts that travel over the broker: the published one of each context that some service writes,
    and the private one if its parts run apart. Empty if followers read the logs directly."""
    return [
        (context, channel)
        for placed in placement.services.values()
        for context in sorted(_relays(placement, placed))
        for channel in ((Channel.PUBLISHED, Channel.PRIVATE) if context in placement.apart else (Channel.PUBLISHED,))
    ]


def _relays(placement: Placement, placed: PlacedService) -> set[str]:
    """The contexts whose events a service relays over the broker."""
    if not placement.topology.events or reads_directly(placement.topology):
        return set()
    return {context for context in placed.runs if placed.has(context, "write")}


def _users_in(channel: ChannelPlace) -> Iterator[str]:
    for url in channel.url.text.split(","):
        parts = urlsplit(url.strip())
        user = _known(channel.url, parts.username or "" if parts.netloc else url)
        if user and parts.password:
            yield user


def _known(secret: Secret, user: str) -> str:
    """The name of a user, which stands in a secret. A password may be missing in this environment: it is not printed.
    Raises `ModelError` if the name is in a variable that is missing."""
    if "${" in user:
        _ = secret.value  # raises an error that names the variable
    return user


def _with(user: BrokerUser, placement: Placement, placed: PlacedService, grant: Grant) -> BrokerUser:
    written = {context for context in placed.runs if placed.has(context, "write")}
    relays = _relays(placement, placed)
    reads = user.reads | {context for context in placed.runs if placed.has(context, "read")}
    opens = user.opens | {context for context in placed.runs if placed.has(context, "acl")}
    return BrokerUser(
        user.name,
        writes=user.writes | written,
        relays=user.relays | relays,
        relays_private=user.relays_private | relays & placement.apart,
        reads=reads,
        speaks=_joined(user.speaks, grant.speaks),
        opens=opens,
    )


def _joined(one: Mapping[str, Allowed], other: Mapping[str, Allowed]) -> dict[str, Allowed]:
    """What two grants allow together."""
    return {speaker: joined(one.get(speaker, {}), other.get(speaker, {})) for speaker in {**one, **other}}
