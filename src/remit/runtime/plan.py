"""Plans: what is needed per message, compiled once at start. Nothing is inspected or resolved per call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args, get_origin

from remit.contexts import Clock, Context, ContextMap, Handler, Ids, Later, Repository, Sender, Sql, View
from remit.contexts.annotations import hints_of, projected_by
from remit.domain import Aggregate, Projection
from remit.messages import Codec, Command, Contract, DomainEvent, Message, Refusal, contract_of, reply_of
from remit.runtime.ports import Ports
from remit.stores import PRIVATE, PUBLISHED

__all__ = [
    "AggregatePlan",
    "ContextPlan",
    "Dependency",
    "EventPlan",
    "FollowPlan",
    "HandlerPlan",
    "ProjectionPlan",
    "ServicePlan",
    "compile_system",
]


_NOTHING: Codec[Any] = Codec(None)


@dataclass(slots=True)
class Dependency:
    """One parameter of a handler: its role and what it is about. Resolved to an object per unit of work."""

    role: Literal["repository", "view", "sender", "later", "sql", "clock", "ids", "constant"]
    subject: Any


_INSIDE = frozenset({"repository", "view", "later", "clock", "ids"})
"""The roles of what reaches nothing outside of the unit of work."""


@dataclass(slots=True)
class ServicePlan:
    """A service of the user's: the dependency gets its object when a runtime starts."""

    type: type
    make: Callable[[], Any]
    dependency: Dependency = field(default_factory=lambda: Dependency("constant", None))


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

    name: str
    source: str
    channel: int
    handlers: dict[tuple[str, int], HandlerPlan] = field(default_factory=dict[tuple[str, int], HandlerPlan])
    projection: ProjectionPlan | None = None
    codecs: dict[tuple[str, int], Codec[Any]] = field(default_factory=dict[tuple[str, int], Codec[Any]])
    commands: bool = False
    """Follows what the source sends for later; the handlers are then all commands of the context."""


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
    follows: dict[tuple[str, str, int], FollowPlan] = field(default_factory=dict[tuple[str, str, int], FollowPlan])

    def event(self, cls: type[DomainEvent]) -> EventPlan:
        """The plan of a domain event; one that nobody follows is planned when it is first recorded."""
        plan = self.events.get(cls)
        if plan is None:
            plan = self.events[cls] = EventPlan(contract_of(cls, self.name), Codec[Any](cls).write)
        return plan

    def follow_commands(self, source: str) -> None:
        """Applies the commands that a context sends for later."""
        name = f"{self.name}.commands"
        follow = FollowPlan(name, source, PUBLISHED, self.wired, commands=True)
        self.follows.setdefault((name, source, PUBLISHED), follow)

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


def compile_system(model: ContextMap, ports: Ports) -> dict[str, ContextPlan]:
    """A plan per context name. The model has been checked, without findings."""
    plans = {context.name: ContextPlan(context.name) for context in model.contexts}
    for context in model.contexts:
        _Compiler(model, context, plans, ports).compile()
    for plan in plans.values():
        _find_reach(plan)
        for source in model.elsewhere if plan.commands else ():
            plan.follow_commands(source)  # what a context sends for later is known only where it is hosted
    return plans


class _Compiler:
    """Compiles one context."""

    def __init__(self, model: ContextMap, context: Context[Any], plans: dict[str, ContextPlan], ports: Ports) -> None:
        self.model = model
        self.context = context
        self.plans = plans
        self.plan = plans[context.name]
        self.known: dict[type, Dependency] = {
            Sender: Dependency("sender", None),
            Sql: Dependency("sql", None),
            Clock: Dependency("clock", None),
            Ids: Dependency("ids", None),
        }

    def compile(self) -> None:
        for service, make in self.context.provided.items():
            plan = self.plan.services[service] = ServicePlan(service, make)
            self.known[service] = plan.dependency
        for publisher in self.context.publishers:
            self.plan.event(publisher.event).publish.append(publisher.function)
        for projection in self.context.projections:
            self._project(projection)
        for handler in self.context.handlers:
            self._bind(handler, self._handler(handler))
        for message in self.context.outbox:
            if issubclass(message, Command):
                self._later(message)

    def _bind(self, handler: Handler, plan: HandlerPlan) -> None:
        if handler.role == "command":
            self.plan.commands[handler.message] = self.plan.wired[_wire(plan.contract)] = plan
        elif handler.role == "query":
            self.plan.queries[handler.message] = plan
        elif handler.role == "together":
            self.plan.event(cast("type[DomainEvent]", handler.message)).together.append(plan)
        else:
            self._follow(plan.name, handler.message).handlers[_wire(plan.contract)] = plan

    def _project(self, projection: type[Projection[Any, Any]]) -> None:
        kind = f"{self.context.name}.{projection.__name__}"
        plan = ProjectionPlan(kind, projection, Codec(projection), projection.key)
        self.plan.projections[projection] = plan
        for event in projected_by(projection):
            follow = self._follow(kind, event)
            follow.projection = plan
            follow.codecs[_wire(self.model.contracts[event])] = Codec(event)

    def _follow(self, name: str, event: type[Message]) -> FollowPlan:
        source = self.model.owners[event]
        channel = PRIVATE if issubclass(event, DomainEvent) else PUBLISHED
        key = (name, source, channel)
        return self.plan.follows.setdefault(key, FollowPlan(name, source, channel))

    def _handler(self, handler: Handler) -> HandlerPlan:
        hints = hints_of(handler.function)
        names = list(inspect.signature(handler.function).parameters)[1:]
        plan = HandlerPlan(
            f"{self.context.name}.{handler.name}", handler.function, self.model.contracts[handler.message],
            Codec(handler.message), tuple(self._dependency(hints[name]) for name in names),
        )  # fmt: skip
        if handler.role in ("command", "query"):
            reply, plan.refusals = reply_of(handler.message)
            plan.reply = Codec(reply)
        return plan

    def _dependency(self, wanted: Any) -> Dependency:
        origin, arguments = get_origin(wanted), get_args(wanted)
        if origin is Repository:
            return self._repository(arguments[0])
        if origin is View:
            return Dependency("view", arguments[0])
        if origin is Later:
            return self._later(arguments[0])
        return self.known[wanted]

    def _repository(self, aggregate: type[Aggregate[Any, Any]]) -> Dependency:
        plan = self.plan.aggregates.get(aggregate)
        if plan is None:
            kind = f"{self.context.name}.{aggregate.__name__}"
            plan = self.plan.aggregates[aggregate] = AggregatePlan(kind, aggregate, Codec(aggregate))
        return Dependency("repository", plan)

    def _later(self, command: type[Command[Any, Any]]) -> Dependency:
        """Declares the way of a command sent for later: its owner follows the commands in this context's log."""
        owner = self.plans.get(self.model.owners[command])  # otherwise it is hosted elsewhere, and follows there
        if owner is not None:
            owner.follow_commands(self.context.name)
        return Dependency("later", command)


def _find_reach(plan: ContextPlan) -> None:
    """Finds out which handlers reach out of their unit of work, by themselves or by what reacts together with them."""
    together = [reaction for event in plan.events.values() for reaction in event.together]
    alone, timed = any(map(_reaches_out, together)), any(map(_asks_for_time, together))
    reactions = [handler for follow in plan.follows.values() for handler in follow.handlers.values()]
    for handler in (*plan.commands.values(), *reactions):
        handler.alone = alone or _reaches_out(handler)
        handler.keeps_time = handler.alone and (timed or _asks_for_time(handler))


def _reaches_out(handler: HandlerPlan) -> bool:
    roles = {need.role for need in handler.dependencies}
    return not roles or not roles <= _INSIDE


def _asks_for_time(handler: HandlerPlan) -> bool:
    return any(need.role == "clock" for need in handler.dependencies)


def _wire(contract: Contract) -> tuple[str, int]:
    return contract.type, contract.version
