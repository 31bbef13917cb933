"""What a kind of channel says of itself: data, which the plan, the errors and the pages read. No driver is loaded.

A technology is one folder. Its package holds the description and nothing else, and names what opens its channels by
reference, `module:attribute`. Those of other distributions are found by entry points of the group `remit.channels`,
under the scheme of their URLs, or under their name where there is no URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from remit.messages import Encoding
from remit.messages.component import Component


@dataclass(frozen=True)
class ChannelTechnology:
    """A kind of channel: how it is named and opened, and what it can do, whatever its place."""

    name: str
    """As plans show it."""
    title: str
    """As people call it: "calls over HTTP"."""
    form: str
    """How its URL looks, for who has written another one; its name where it has none, as all is said elsewhere."""
    schemes: tuple[str, ...] = ()
    """Of its URLs."""
    calls: str = ""
    """A reference to what makes a `CallChannel`, not yet open, of `ChannelSettings`; empty where it carries none."""
    events: str = ""
    """The same of an `EventChannel`."""
    finds_services: bool = False
    """Whether a call reaches those who serve its address wherever they run; otherwise the topology says where."""
    broker: bool = False
    """Whether there is a broker, which knows its users; otherwise services that call one another share a secret."""
    permissions: str = ""
    """A reference to what says in the broker's words what each of its users may do, of the name of the system and the
    users."""
    direct: bool = False
    """Whether followers read the logs of others themselves, in the database that all stores share."""
    install: str = ""
    """What pip installs to bring its driver: `remit[nats]`."""
    shows: Callable[[str], str | None] | None = None
    """What may be shown of a URL, or None where it is none. Without it, a URL names the host and port of a server, or
    of several, divided by commas."""

    def carries(self, what: str) -> bool:
        """Whether it is a channel for `calls`, or for `events`."""
        return bool(self.calls if what == "calls" else self.events or self.direct)

    def shown(self, url: str) -> str | None:
        """What may be shown of a URL, or None where it is none of this technology."""
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
    """A user of a broker: the credentials of one or several services, and what these run. Names are of contexts."""

    name: str
    writes: frozenset[str] = frozenset()
    """It runs their `write`: publishes their events, answers their commands."""
    reads: frozenset[str] = frozenset()
    """It runs their `read`: answers their queries."""
    follows: frozenset[str] = frozenset()
    """Other contexts whose published events it hears, and whose logs it reads."""
    calls: frozenset[str] = frozenset(Component("*", part) for part in ("write", "read", "log"))
    """Addresses that it calls. A fresh answer takes questions to the logs of all contexts on the way. Who asks a log
    is told what its context publishes, and nothing else."""


@dataclass(frozen=True)
class ChannelSettings:
    """With what a process opens a channel. A channel takes of it what it needs."""

    system: str
    """The name of the system: several may have one broker."""
    service: str
    """The name of the service that the process runs."""
    url: str = field(default="", repr=False)
    """The URL in the topology; with `credentials`, without the users that it names."""
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    """User and password of this service at the broker."""
    encoding: Encoding = "json"
    """How payloads are to travel. Bodies of calls are written by then."""
    replicas: int = 1
    """On how many servers of its cluster the broker keeps what it is given."""
    secret: str | None = field(default=None, repr=False)
    """What services show one another, where no broker knows them."""
    listen: str | None = None
    """Where this process answers calls, `host:port`, if the channel does not find services by itself."""
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Where calls to an address are answered, if the channel does not find services by itself."""
    shared: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the channels of one process have in common, such as a connection: for the channels to fill."""
