"""Whom the broker of a topology has to know, and what each of them runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from remit.errors import Findings
from remit.topology.channels import FOR_BROKER
from remit.topology.file import Channel
from remit.topology.placement import ContextShape, PlacedService, Placement, brokers


class User(NamedTuple):
    """The credentials of one or several services. The other names are of contexts."""

    name: str
    writes: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    follows: frozenset[str] = frozenset()
    """Those that it runs nothing of, and follows."""


def users_of(placement: Placement, shapes: Mapping[str, ContextShape | None]) -> list[User]:
    """The users that the services name in `credentials`, or in the URL of the channel. The one of the URL is also that
    of whoever calls the services from outside.

    Raises `ModelError` with a finding for each service that has none.
    """
    topology = placement.topology
    channels = brokers(topology)
    shared = [user for channel in channels for user in _users_in(channel)]
    users = {name: User(name) for name in shared}
    findings = Findings()
    for name, placed in placement.services.items():
        credentials = placed.service.credentials
        own = [credentials.value.partition(":")[0]] if credentials else shared
        if not own or not channels:
            findings.report(
                "topology.no-user", f"{topology.where} [services.{name}]",
                "the broker cannot know this service" if channels else "there is no broker that would know its users",
                expected="a user of its own, or one in the URL of the channel"
                if channels
                else f"a channel over {FOR_BROKER.title}",
                next=f'credentials = "{name}:${{PASSWORD}}"' if channels else f'events = "{FOR_BROKER.form}"',
            )  # fmt: skip
        for user in own:
            users[user] = _with(users.get(user, User(user)), placed, shapes)
    findings.settle()
    return list(users.values())


def _users_in(channel: Channel) -> Iterator[str]:
    for url in channel.url.value.split(","):
        parts = urlsplit(url.strip())
        if parts.username and parts.password:
            yield parts.username


def _with(user: User, placed: PlacedService, shapes: Mapping[str, ContextShape | None]) -> User:
    writes = user.writes | {context for context in placed.runs if placed.has(context, "write")}
    reads = user.reads | {context for context in placed.runs if placed.has(context, "read")}
    # Who handles commands looks for those sent for later in every log: its service does not know who sends them.
    followed = {*user.follows, *(shapes if writes else ())}
    for context in reads:
        if (shape := shapes[context]) is not None:
            followed |= shape.projects
    return User(user.name, writes, reads, frozenset(followed - writes - reads))
