"""Plans: what is needed per message, compiled once at start. Nothing is inspected or resolved per call."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from remit.contexts import Injectable
from remit.domain import Aggregate, Projection
from remit.log import Channel, SubscriptionId
from remit.messages import Codec, Contract, DomainEvent, Refusal, contract_of

__all__ = [
    "AggregatePlan",
    "ContextPlan",
    "Dependency",
    "EventPlan",
    "FollowPlan",
    "HandlerPlan",
    "ProjectionPlan",
    "ServicePlan",
]


_NOTHING: Codec[Any] = Codec(None)


@dataclass(slots=True)
class Dependency:
    """One parameter of a handler. Resolved to an object per unit of work."""

    kind: Injectable
    subject: Any
    """What it is about: the plan of an aggregate, the service itself, …"""
    give: Callable[[Any, Any], Any] | None
    """Makes the object, from the unit of work and the subject; None where that is the subject itself."""


@dataclass(slots=True)
class ServicePlan:
    """A service of the user's: the dependency gets its object when a runtime starts."""

    type: type
    make: Callable[[], Any]
    dependency: Dependency


@dataclass(slots=True)
class AggregatePlan:
    """How one class of aggregates is stored."""

    kind: str
    type: type[Aggregate[Any, Any]]
    codec: Codec[Any]


@dataclass(slots=True)
class ProjectionPlan:
    """How one projection is stored and folded."""

    kind: str
    type: type[Projection[Any, Any]]
    codec: Codec[Any]
    key: Callable[[Any], Any]


@dataclass(slots=True)
class HandlerPlan:
    """One handler, ready to run."""

    name: str
    function: Callable[..., Any]
    contract: Contract
    codec: Codec[Any]
    dependencies: tuple[Dependency, ...]
    reply: Codec[Any] = _NOTHING
    refusals: tuple[type[Refusal], ...] = ()
    habit: tuple[str, str] | None = None
    """What it loaded first when it ran last: the kind, and the field of the message that held the identity."""
    alone: bool = True
    """It may reach what is outside of its unit of work (a call, a statement, a service of the user's, or what a handler
    knows that asks for nothing): then its message has a unit of its own."""
    keeps_time: bool = False
    """It may tell others what time it is before it commits: then that is kept."""


@dataclass(slots=True)
class EventPlan:
    """What happens when a domain event is recorded: how it is written, published, and followed together."""

    contract: Contract
    write: Callable[[Any], bytes]
    publish: list[Callable[[Any], Any]] = field(default_factory=list[Callable[[Any], Any]])
    together: list[HandlerPlan] = field(default_factory=list[HandlerPlan])


@dataclass(slots=True)
class FollowPlan:
    """One subscription: who follows which channel of which source, with a handler or a projection per message."""

    id: SubscriptionId
    handlers: dict[tuple[str, int], HandlerPlan] = field(default_factory=dict[tuple[str, int], HandlerPlan])
    projection: ProjectionPlan | None = None
    codecs: dict[tuple[str, int], Codec[Any]] = field(default_factory=dict[tuple[str, int], Codec[Any]])
    commands: bool = False
    """Follows what the source sends for later; the handlers are then all commands of the context."""

    @property
    def name(self) -> str:
        """`<context>.<name>`."""
        return self.id.name

    @property
    def source(self) -> str:
        """The context that is followed."""
        return self.id.source

    @property
    def channel(self) -> Channel:
        """The channel of its log."""
        return self.id.channel


@dataclass(slots=True)
class ContextPlan:
    """Everything one context runs."""

    name: str
    services: dict[type, ServicePlan] = field(default_factory=dict[type, ServicePlan])
    aggregates: dict[type, AggregatePlan] = field(default_factory=dict[type, AggregatePlan])
    projections: dict[type, ProjectionPlan] = field(default_factory=dict[type, ProjectionPlan])
    commands: dict[type, HandlerPlan] = field(default_factory=dict[type, HandlerPlan])
    wired: dict[tuple[str, int], HandlerPlan] = field(default_factory=dict[tuple[str, int], HandlerPlan])
    """The commands again, by wire name and version."""
    queries: dict[type, HandlerPlan] = field(default_factory=dict[type, HandlerPlan])
    events: dict[type, EventPlan] = field(default_factory=dict[type, EventPlan])
    published: dict[type, EventPlan] = field(default_factory=dict[type, EventPlan])
    follows: dict[SubscriptionId, FollowPlan] = field(default_factory=dict[SubscriptionId, FollowPlan])

    def event(self, cls: type[DomainEvent]) -> EventPlan:
        """The plan of a domain event; one that nobody follows is planned when it is first recorded."""
        plan = self.events.get(cls)
        if plan is None:
            plan = self.events[cls] = EventPlan(contract_of(cls, self.name), Codec[Any](cls).write)
        return plan

    def follow_commands(self, source: str) -> None:
        """Applies the commands that a context sends for later."""
        name = f"{self.name}.commands"
        id = SubscriptionId(name, source, Channel.PUBLISHED)
        self.follows.setdefault(id, FollowPlan(id, self.wired, commands=True))

    def only(self, components: Collection[str]) -> ContextPlan:
        """What a process runs of it that hosts these components: `write`, `read` or both."""
        write, read = "write" in components, "read" in components
        return replace(
            self,
            commands=self.commands if write else {},
            queries=self.queries if read else {},
            follows={
                key: follow
                for key, follow in self.follows.items()
                if (read if follow.projection is not None else write)
            },
        )
