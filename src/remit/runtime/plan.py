"""Plans: what handling a message needs, compiled once at start and immutable.

Nothing is inspected or resolved per call. What changes while a process runs is elsewhere: users' services in
`Services`, messages that no declaration names in `Forms`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, Literal, TypeVar

from remit.contexts import Injectable, Source
from remit.domain import Aggregate, Claim, Freshness, Indexes, Projection, freshness_of
from remit.log import SubscriptionId
from remit.messages import Codec, Contract, Refusal, SortForm
from remit.runtime.upcasting import Upcasters
from remit.stores import RowTable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dependency:
    """One parameter of a handler, resolved to an object in each unit of work."""

    kind: Injectable
    subject: Any
    """What the dependency is about: the plan of an aggregate, the service itself, …"""
    give: Callable[[Any, Any], Any]
    """Makes the object from the unit of work and the subject."""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A service that the user provides; made when the process starts."""

    type: type
    make: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """How a class of records, or the claims of an aggregate, is stored."""

    kind: str
    type: type
    codec: Codec[Any]
    forgets: bool = False
    """Whether removing a row deletes its version too. Only where another row detects concurrent changes."""

    is_aggregate: ClassVar[bool] = False
    stream: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """How the events of an event-sourced aggregate become its state."""

    fingerprint: str
    """Of the fields of the state and of the code that folds it. A snapshot with another one is not used."""
    events: dict[tuple[str, int], Codec[Any]]
    """By type and version."""
    known: Callable[[], dict[tuple[str, int], Codec[Any]]]
    """Finds the events again: a subclass of a declared one may have been imported since."""
    identity: Callable[[bytes], Any]
    """Reads the identity out of a state, whatever its other fields are."""
    identified: Callable[[str], Any]
    """Reads the identity out of its text. Raises `msgspec.MsgspecError` for a text that is none."""
    upcasters: Upcasters | None
    """Of the events of the context; None if it has none."""
    copied: Callable[[Any], Any] | None
    """Copies a state that was just decoded; None if that takes decoding it again."""
    adopted: EventPlan
    """How the first event of an aggregate is written that was stored as state before: its payload is that state."""

    def codec_of(self, type: str, version: int) -> Codec[Any] | None:
        """How an event of this type and version is read; None for one that the aggregate does not declare."""
        found = self.events.get((type, version))
        if found is None:
            self.events.update(self.known())
            found = self.events.get((type, version))
        return found


@dataclass(frozen=True, slots=True)
class AggregatePlan:
    """How one class of aggregates is stored."""

    kind: str
    type: type[Aggregate[Any, Any]]
    codec: Codec[Any]
    claims: RecordPlan | None = None
    """How its claims are stored; None if it has none."""
    stream: StreamPlan | None = None
    """How it is folded from its events; None if it is stored as state."""

    is_aggregate: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    """How the holder of a claimed value is stored."""

    kind: str
    type: type[Claim[Any, Any]]
    codec: Codec[Any]
    owner: AggregatePlan

    forgets: ClassVar[bool] = True
    is_aggregate: ClassVar[bool] = False
    stream: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class StatePlan:
    """How the documents of a read model are made from the states of aggregates."""

    aggregate: AggregatePlan
    function: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class ProjectionPlan:
    """How one projection is stored and folded."""

    kind: str
    type: type[Projection[Any, Any]]
    codec: Codec[Any]
    key: Callable[[Any], Any]
    from_state: StatePlan | None = field(default=None, kw_only=True)
    """How its documents are made from the states of aggregates; None if they are folded from messages only."""

    @property
    def freshness(self) -> Freshness | None:
        """How old it may be; None if it promises nothing."""
        return freshness_of(self.type)

    forgets: ClassVar[bool] = False
    is_aggregate: ClassVar[bool] = False
    stream: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class RowPlan(ProjectionPlan):
    """How one row model is stored, folded and found."""

    fields: Mapping[str, tuple[Any, SortForm]]
    """The fields that indexes name, in the order of the columns: their type, and how they are sorted."""
    indexes: Indexes
    table: RowTable
    served: dict[Any, Any] = field(default_factory=dict[Any, Any], compare=False)
    """The index that serves each shape of query that was asked: found once."""

    def values(self, row: Any) -> tuple[bytes, ...]:
        """The values of the columns. Raises `BadValue`."""
        return tuple(form(getattr(row, field)) for field, (_, form) in self.fields.items())


@dataclass(frozen=True, slots=True)
class HandlerPlan:
    """One handler, ready to run."""

    name: str
    call: Callable[[Any, Any], Awaitable[Any]]
    """Calls the handler for a unit of work and a message, with its dependencies."""
    contract: Contract
    codec: Codec[Any]
    dependencies: tuple[Dependency, ...]
    reply: Codec[Any]
    refusals: tuple[type[Refusal], ...]
    alone: bool
    """Its message has a unit of work of its own, because the handler may have effects outside it: by a call, a
    statement, a user's service, or by what it reaches without asking for a dependency."""
    keeps_time: bool
    """The time of its first attempt is stored, because the handler may tell it to others before it commits."""
    only_sql: bool
    """Whether it is `alone` because of its statements only, which are rolled back with the unit of work."""
    likely: tuple[str, str] | None
    """What it probably loads first: the kind, and the message field that holds the identity."""


@dataclass(frozen=True, slots=True)
class EventPlan:
    """What recording a message entails: its codec; for a domain event, its publishers and its `together` reactions."""

    contract: Contract
    codec: Codec[Any]
    publish: Sequence[Callable[[Any], Any]] = ()
    together: Sequence[HandlerPlan] = ()
    stamped: Sequence[Callable[[Any, Any], Any]] = ()
    """The publishers that ask for the envelope of the event."""
    is_stamped: bool = False
    """Whether a publisher or a `together` reaction asks for the envelope of the event."""


@dataclass(frozen=True, slots=True)
class FollowPlan(Generic[T]):
    """One subscription of a context. Its class says which kind."""

    id: SubscriptionId
    takes: Mapping[tuple[str, int], T]
    """What handles a message, by type and version. Other messages are skipped."""

    upcasters: Upcasters | None = field(default=None, kw_only=True)
    """Of the domain events of the context, if it follows these and there are any."""

    begins: Literal["now"] | float | None = field(default=None, kw_only=True)
    """Where a new subscription begins: now, after a time (seconds since the epoch); None: at the start of the log."""

    component: str = field(default="write", kw_only=True)
    """The component that runs it."""

    @property
    def reads(self) -> frozenset[str]:
        """The types of the messages that it follows."""
        return frozenset(type for type, _ in self.takes)


class ReactionPlan(FollowPlan[HandlerPlan]):
    """A reaction, with one handler for each version of its event."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LaterPlan(FollowPlan[HandlerPlan]):
    """The commands that the source sends for later, with the handlers of all commands of the context."""

    usable: frozenset[str] | None = field(default=None, kw_only=True)
    """The names of the messages that the source may use by the context map; None for all."""

    @property
    def reads(self) -> frozenset[str]:
        """All commands for the context: a command without a handler in this release must not be skipped."""
        return frozenset({f"{self.id.context}.*"})


@dataclass(frozen=True, slots=True)
class FoldPlan(FollowPlan[Codec[Any]]):
    """The events of one source that a projection is built from, with a codec for each."""

    projection: ProjectionPlan


@dataclass(frozen=True, slots=True)
class TranslatorPlan:
    """What makes commands of the messages of one foreign source."""

    name: str
    """The subscription that runs it: `<context>.foreign:<source>`. Also the type of the messages in the log, and the
    owner of their keys."""
    source: Source[Any]
    codec: Codec[Any]
    """Of the foreign message."""
    translate: Callable[[Any], Any]
    commands: tuple[type, ...]
    """What it may return."""
    seen: RecordPlan
    """The newest version of each foreign thing."""
    services: Mapping[str, type]
    """The services that fetching asks for, by parameter."""

    alone: ClassVar[bool] = False
    only_sql: ClassVar[bool] = False
    dependencies: ClassVar[tuple[Dependency, ...]] = ()


class TranslationPlan(FollowPlan[TranslatorPlan]):
    """The messages of one foreign source, which wait in the log of the context itself."""

    __slots__ = ()

    @property
    def translator(self) -> TranslatorPlan:
        """Its only taker."""
        return next(iter(self.takes.values()))


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """Everything that one context runs."""

    name: str
    services: Sequence[ServicePlan]
    projections: Mapping[type, ProjectionPlan]
    commands: Mapping[type, HandlerPlan]
    queries: Mapping[type, HandlerPlan]
    events: Mapping[type, EventPlan]
    """The domain events that have a publisher or a `together` reaction."""
    follows: Mapping[SubscriptionId, FollowPlan[Any]]
    groups: Sequence[Sequence[SubscriptionId]] = ()
    """Reactions that follow together because they work on one aggregate: two or more each, in order of declaration.
    All of a group follow one log."""

    @property
    def row_models(self) -> list[RowPlan]:
        """Its row models."""
        return [each for each in self.projections.values() if isinstance(each, RowPlan)]

    def folds_of(self, projection: ProjectionPlan) -> list[FoldPlan]:
        """What a read model follows: one fold for each source. Empty if another process runs them."""
        folds = [each for each in self.follows.values() if isinstance(each, FoldPlan)]
        return [each for each in folds if each.projection is projection]

    def with_services(self, provided: Mapping[type, Callable[[], Any]]) -> ContextPlan:
        """The same plan, with the services that the context provides now."""
        return replace(self, services=[ServicePlan(service, make) for service, make in provided.items()])

    def followed_together(self) -> list[tuple[SubscriptionId, ...]]:
        """All subscriptions; those that follow together in one tuple."""
        groups = {group[0]: tuple(group) for group in self.groups}
        joined = {id for group in groups.values() for id in group[1:]}
        return [groups.get(id, (id,)) for id in self.follows if id not in joined]

    def only(self, components: Collection[str]) -> ContextPlan:
        """The part of the plan for a process that hosts these components: `write`, `read`, `acl`."""
        return replace(
            self,
            commands=self.commands if "write" in components else {},
            queries=self.queries if "read" in components else {},
            follows={id: follow for id, follow in self.follows.items() if follow.component in components},
            groups=[group for group in self.groups if self.follows[group[0]].component in components],
        )
