"""The users that the broker of a topology must know, and what each of them runs."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from remit.errors import Findings
from remit.topology.channels import FOR_BROKER
from remit.topology.file import ChannelPlace
from remit.topology.placement import PlacedService, Placement, Shapes, brokers
from remit.transports.technology import BrokerUser


def users_of(placement: Placement, shapes: Shapes) -> list[BrokerUser]:
    """The users in the `credentials` of services and in the URLs of channels. The user in the URL is also used by
    programs that call the services from outside.

    Raises `ModelError` with a finding for each service without a user.
    """
    topology = placement.topology
    channels = brokers(topology)
    shared = [user for channel in channels for user in _users_in(channel)]
    users = {name: BrokerUser(name) for name in shared}
    findings = Findings()
    for name, placed in placement.services.items():
        credentials = placed.service.credentials
        own = [credentials.value.partition(":")[0]] if credentials else shared
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
            users[user] = _with(users.get(user, BrokerUser(user)), placed, shapes)
    findings.settle()
    return list(users.values())


def _users_in(channel: ChannelPlace) -> Iterator[str]:
    for url in channel.url.value.split(","):
        parts = urlsplit(url.strip())
        if parts.username and parts.password:
            yield parts.username


def _with(user: BrokerUser, placed: PlacedService, shapes: Shapes) -> BrokerUser:
    writes = user.writes | {context for context in placed.runs if placed.has(context, "write")}
    reads = user.reads | {context for context in placed.runs if placed.has(context, "read")}
    # A service that handles commands follows every log, because any context may send it commands for later.
    followed = {*user.follows, *(shapes if writes else ())}
    for context in reads:
        if (shape := shapes[context]) is not None:
            followed |= shape.projects
    return BrokerUser(user.name, writes, reads, frozenset(followed - writes - reads))
