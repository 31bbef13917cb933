"""Describes kinds of channels as data, for the plan, the errors and the pages, without loading a driver.

A technology is one folder. Its package holds only the description, and refers to the functions that open its channels
as `module:attribute`. Technologies of other distributions are found by entry points of the group `remit.channels`,
under the scheme of their URLs, or under their name if they have no URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from remit.messages import Encoding
from remit.transports.grants import Allowed, Grants


@dataclass(frozen=True)
class ChannelTechnology:
    """A kind of channel: its name, how it is opened, and what it can do."""

    name: str
    """As plans show it."""
    title: str
    """As people call it: "calls over HTTP"."""
    form: str
    """The form of its URL, for error texts; its name if it has no URL."""
    schemes: tuple[str, ...] = ()
    """The schemes of its URLs."""
    calls: str = ""
    """A reference to a function that makes a `CallChannel`, not yet open, from `ChannelSettings`; empty without
    calls."""
    events: str = ""
    """The same for an `EventChannel`."""
    finds_services: bool = False
    """Whether the channel finds the processes that serve an address; otherwise the topology names them."""
    broker: bool = False
    """Whether a broker authenticates its users; otherwise each service has a key pair."""
    permissions: str = ""
    """A reference to a function that writes the broker's permissions, from the name of the system and the users."""
    prepares: str = ""
    """A reference to an async function with which an administrator creates what services need to publish their events,
    from `ChannelSettings` and the channels of contexts. It returns for each one its name, and whether it was made."""
    keys: str = ""
    """A reference to a function that makes a key pair for a service, if services prove their names by key pairs. It
    returns the private and the public key as texts."""
    public_key: str = ""
    """A reference to a function that derives the public key of a private one. It raises `ChannelError` for a text that
    is not a key."""
    direct: bool = False
    """Whether followers read other contexts' logs themselves, in the database that all stores share."""
    install: str = ""
    """What pip installs to bring its driver: `remit[nats]`."""
    shows: Callable[[str], str | None] | None = None
    """Returns what may be shown of a URL, or None if it is not valid. By default a URL names host and port of one or
    several servers, separated by commas."""

    def carries(self, what: str) -> bool:
        """Whether it carries `calls` or `events`."""
        return bool(self.calls if what == "calls" else self.events or self.direct)

    def shown(self, url: str) -> str | None:
        """What may be shown of a URL; None if it is not a URL of this technology."""
        if self.shows is not None:
            return self.shows(url)
        servers = [self._server(each.strip()) for each in url.split(",")]
        return None if None in servers else ", ".join(map(str, servers))

    def _server(self, url: str) -> str | None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if parts.scheme not in self.schemes or not (host and port) or parts.path or parts.query or parts.fragment:
            return None
        return f"{parts.scheme}://[{host}]:{port}" if ":" in host else f"{parts.scheme}://{host}:{port}"


@dataclass(frozen=True)
class BrokerUser:
    """A user of a broker: the credentials of one or several services, and the contexts that these run."""

    name: str
    writes: frozenset[str] = frozenset()
    """Contexts whose `write` it runs: answers their commands."""
    relays: frozenset[str] = frozenset()
    """Contexts whose published events it relays over the broker."""
    relays_private: frozenset[str] = frozenset()
    """The same for private events."""
    reads: frozenset[str] = frozenset()
    """Contexts whose `read` it runs: answers their queries."""
    speaks: Mapping[str, Allowed] = field(default_factory=dict[str, Allowed])
    """In whose name it may call, and what, as in a `Grant`."""
    opens: frozenset[str] = frozenset()
    """Contexts whose `acl` it runs: answers for their logs."""

    @property
    def follows(self) -> frozenset[str]:
        """Other contexts whose published events it receives, and whose logs it reads."""
        return frozenset(
            address.removesuffix(".log")
            for allowed in self.speaks.values()
            for address, subjects in allowed.items()
            if address.endswith(".log") and "read" in subjects
        )


@dataclass(frozen=True)
class ChannelSettings:
    """What a process opens a channel with. Each channel uses what it needs."""

    system: str
    """The name of the system: several may share one broker."""
    service: str
    """The name of the service that the process runs."""
    url: str = field(default="", repr=False)
    """The URL in the topology; with `credentials`, without the users in it."""
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    """User and password of this service at the broker."""
    encoding: Encoding = "json"
    """The encoding of payloads. Bodies of calls are already encoded."""
    replicas: int = 1
    """On how many servers of its cluster the broker stores messages."""
    key: str | None = field(default=None, repr=False)
    """The private key of this service, if services prove their names by keys."""
    grants: Grants | None = None
    """What each service may do, if services prove their names by keys."""
    peers: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """The name and the public key of the service at each place in `addresses`."""
    listen: str | None = None
    """Where this process serves calls, as `host:port`, if the channel does not find services by itself."""
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Where each address is served, if the channel does not find services by itself."""
    shared: dict[str, Any] = field(default_factory=dict[str, Any])
    """Shared by the channels of one process, such as a connection. Filled by the channels."""
