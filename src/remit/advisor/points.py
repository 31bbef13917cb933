"""The points of a system: what runs in it, and what each of them calls, follows, reads, writes and records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from remit.contexts import Relation
from remit.messages import Message
from remit.messages.component import Component, PartName

Basis = Literal["declared", "estimate", "measured"]
"""How an interaction is known: a declaration says so, it was read from the code of a handler, or it was recorded in a
running system."""
Kind = Literal["command", "query", "reaction", "projection", "commands", "foreign", "route"]
"""What a point is. `commands` is the subscription of a context to the commands that are sent to it for later. `foreign`
is the subscription that translates what has arrived from one source of foreign messages. A webhook is a `route` too."""
POLLED = "polled"
"""How the messages of a source arrive that is not a webhook."""
Known = dict[str, Basis]
"""Names, each with how it is known."""


class Followed(NamedTuple):
    """A message that a subscription follows, and the context in whose log it is."""

    message: str
    source: str


@dataclass(eq=False)
class Point:
    """The handler of a command or a query, a subscription, or an HTTP route. Messages are given by their wire names."""

    kind: Kind
    name: str
    """`billing.ConfirmInvoice`, `learning.follow_enrollment`, `payments.foreign:stripe`, `POST /rooms`."""
    context: str
    part: PartName
    """The component that runs it."""
    places: dict[str, None] = field(default_factory=dict[str, None])
    """`file:line` of its functions."""
    calls: Known = field(default_factory=dict[str, Basis])
    """The commands and queries that it calls."""
    later: Known = field(default_factory=dict[str, Basis])
    """The commands that it sends for later."""
    follows: dict[Followed, None] = field(default_factory=dict[Followed, None])
    records: Known = field(default_factory=dict[str, Basis])
    """The events that it records, and those that are published for them."""
    reads: dict[str, None] = field(default_factory=dict[str, None])
    """The models that it works on: aggregates, records and projections, such as `learning.CourseRecord`."""
    writes: dict[str, None] = field(default_factory=dict[str, None])
    """The models that it may write."""
    may_call: bool = False
    """Whether it can call other contexts."""
    guarded: dict[str, bool] = field(default_factory=dict[str, bool])
    """For each message that its code names: whether its code catches the error of every such call that reaches nobody.
    An estimate."""
    arrives: str = ""
    """How the messages of a foreign source arrive: the webhook, or `polled`. Empty for every other point."""

    @property
    def component(self) -> Component:
        """The component that runs it."""
        return Component(self.context, self.part)

    @property
    def is_webhook(self) -> bool:
        """Whether it is the route of a webhook. It stores what it is sent, and calls nothing."""
        return self.kind == "route" and self.part == "acl"

    @property
    def is_called(self) -> bool:
        """Whether somebody waits for it. The others are subscriptions."""
        return self.kind in ("command", "query", "route")


class Publisher(NamedTuple):
    """A function that makes an event for other contexts, or the outbox of a context."""

    name: str
    context: str
    message: str
    place: str
    """`file:line`. Empty for an outbox: code with its own transaction publishes there."""


@dataclass(frozen=True)
class Interactions:
    """All points of a system, with its contexts and the relations between them."""

    system: str
    contexts: tuple[str, ...]
    points: tuple[Point, ...]
    messages: Mapping[str, str]
    """The owner of each message, by the wire name of the message."""
    relations: tuple[Relation, ...] = ()
    classes: Mapping[str, tuple[type[Message], ...]] = field(default_factory=dict[str, tuple[type[Message], ...]])
    """The classes of each message, one for each version."""
    publishers: tuple[Publisher, ...] = ()
    holders: tuple[Publisher, ...] = ()
    """The fields of models that hold messages, as of a conformist."""

    @cached_property
    def handlers(self) -> Mapping[str, Point]:
        """The point that handles each command and query."""
        return {point.name: point for point in self.points if point.kind in ("command", "query")}

    @cached_property
    def callers(self) -> Mapping[str, list[Point]]:
        """The points that call each command and query."""
        return _by_name((name, point) for point in self.points for name in point.calls)

    @cached_property
    def followers(self) -> Mapping[str, list[Point]]:
        """The subscriptions that follow each event, and each command that is sent for later."""
        return _by_name((each.message, point) for point in self.points for each in point.follows)

    @cached_property
    def _of(self) -> Mapping[str, list[Point]]:
        return _by_name((point.context, point) for point in self.points)

    def of(self, context: str) -> list[Point]:
        """The points of one context."""
        return self._of.get(context, [])


def _by_name(pairs: Iterable[tuple[str, Point]]) -> dict[str, list[Point]]:
    found: dict[str, dict[Point, None]] = {}
    for name, point in pairs:
        found.setdefault(name, {})[point] = None
    return {name: list(points) for name, points in found.items()}
