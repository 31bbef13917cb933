"""Plans: what is needed per message, compiled once at start, and never changed after that.

Nothing is inspected or resolved per call. What a process has or learns while it runs lives elsewhere: the services of
users in `Services`, what was met that no declaration names in `Forms`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, Literal, TypeVar

from remit.contexts import Injectable
from remit.domain import Aggregate, Claim, Projection
from remit.log import SubscriptionId
from remit.messages import Codec, Contract, Refusal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dependency:
    """One parameter of a handler. Resolved to an object per unit of work."""

    kind: Injectable
    subject: Any
    """What it is about: the plan of an aggregate, the service itself, …"""
    give: Callable[[Any, Any], Any] | None
    """Makes the object, from the unit of work and the subject; None where that is the subject itself."""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A service of the user's, which is made when a runtime starts."""

    type: type
    make: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """How one class of records is stored; or what aggregates have claimed."""

    kind: str
    type: type
    codec: Codec[Any]
    forgets: bool = False
    """Whether what is removed leaves no version behind: where another row says whether somebody was quicker."""


@dataclass(frozen=True, slots=True)
class AggregatePlan:
    """How one class of aggregates is stored."""

    kind: str
    type: type[Aggregate[Any, Any]]
    codec: Codec[Any]
    claims: RecordPlan | None = None
    """Where it is noted what each of them has claimed; None where they claim nothing."""


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    """How it is stored who has a value."""

    kind: str
    type: type[Claim[Any, Any]]
    codec: Codec[Any]
    owner: AggregatePlan

    forgets: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ProjectionPlan:
    """How one projection is stored and folded."""

    kind: str
    type: type[Projection[Any, Any]]
    codec: Codec[Any]
    key: Callable[[Any], Any]

    forgets: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class HandlerPlan:
    """One handler, ready to run."""

    name: str
    function: Callable[..., Any]
    contract: Contract
    codec: Codec[Any]
    dependencies: tuple[Dependency, ...]
    reply: Codec[Any]
    refusals: tuple[type[Refusal], ...]
    alone: bool
    """It may reach what is outside of its unit of work (a call, a statement, a service of the user's, or what a handler
    knows that asks for nothing): then its message has a unit of its own."""
    keeps_time: bool
    """It may tell others what time it is before it commits: then that is kept."""
    likely: tuple[str, str] | None
    """What it is likely to load first: the kind, and the field of the message that holds the identity."""


@dataclass(frozen=True, slots=True)
class EventPlan:
    """What happens when a message is recorded: how it is written; how a domain event is published and what reacts
    together with it."""

    contract: Contract
    codec: Codec[Any]
    publish: Sequence[Callable[[Any], Any]] = ()
    together: Sequence[HandlerPlan] = ()
    stamped: Sequence[Callable[[Any, Any], Any]] = ()
    """The publishers that ask for the envelope of the event."""
    is_stamped: bool = False
    """Whether anybody in the unit of work asks for the envelope of the event."""


@dataclass(frozen=True, slots=True)
class FollowPlan(Generic[T]):
    """One subscription of a context. What kind of subscription it is, its class says."""

    id: SubscriptionId
    takes: Mapping[tuple[str, int], T]
    """What takes a message, by its type and version. Others are passed over."""

    begins: Literal["now"] | float | None = field(default=None, kw_only=True)
    """Where it begins when it is new: now, or after a time (seconds since the epoch); None: where the log does."""

    component: ClassVar[str] = "write"
    """The component that it belongs to."""


class ReactionPlan(FollowPlan[HandlerPlan]):
    """A reaction, with a handler for each version of its event."""

    __slots__ = ()


class LaterPlan(FollowPlan[HandlerPlan]):
    """The commands that the source sends for later. It has the handlers of all commands of the context."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FoldPlan(FollowPlan[Codec[Any]]):
    """The events of one source that a projection is folded from, with the codec of each."""

    projection: ProjectionPlan

    component: ClassVar[str] = "read"


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """Everything one context runs."""

    name: str
    services: Sequence[ServicePlan]
    projections: Mapping[type, ProjectionPlan]
    commands: Mapping[type, HandlerPlan]
    queries: Mapping[type, HandlerPlan]
    events: Mapping[type, EventPlan]
    """The domain events that are published, or with which something reacts together."""
    follows: Mapping[SubscriptionId, FollowPlan[Any]]
    groups: Sequence[Sequence[SubscriptionId]] = ()
    """Which reactions follow together, because they work on one model: two or more each, first the one declared first.
    All of them follow one log."""

    def with_services(self, provided: Mapping[type, Callable[[], Any]]) -> ContextPlan:
        """The same with what the context provides now."""
        return replace(self, services=[ServicePlan(service, make) for service, make in provided.items()])

    def followed_together(self) -> list[tuple[SubscriptionId, ...]]:
        """All subscriptions, those that follow together in one tuple."""
        groups = {group[0]: tuple(group) for group in self.groups}
        joined = {id for group in groups.values() for id in group[1:]}
        return [groups.get(id, (id,)) for id in self.follows if id not in joined]

    def only(self, components: Collection[str]) -> ContextPlan:
        """What a process runs of it that hosts these components: `write`, `read` or both."""
        return replace(
            self,
            commands=self.commands if "write" in components else {},
            queries=self.queries if "read" in components else {},
            follows={id: follow for id, follow in self.follows.items() if follow.component in components},
            groups=self.groups if "write" in components else (),
        )
