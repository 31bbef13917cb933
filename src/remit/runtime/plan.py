"""Plans: what is needed per message, compiled once at start. Nothing is inspected or resolved per call."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from remit.contexts import Context, ContextMap, Handler, Later, Repository, Sender, View
from remit.contexts.declarations import where
from remit.contexts.map import projected_by
from remit.domain import Aggregate, Projection
from remit.findings import Findings
from remit.messages import Codec, Command, Contract, DomainEvent, Message, Refusal, contract_of, reply_of

__all__ = [
    "AggregatePlan",
    "ContextPlan",
    "Dependency",
    "EventPlan",
    "FollowPlan",
    "HandlerPlan",
    "ProjectionPlan",
    "compile_system",
]


_NOTHING: Codec[Any] = Codec(None)


@dataclass(slots=True)
class Dependency:
    """One parameter of a handler: its role and what it is about. Resolved to an object per unit of work."""

    role: str  # repository, view, sender, later, constant
    subject: Any


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


@dataclass(slots=True)
class EventPlan:
    """What happens when a domain event is recorded: how it is written, published, and followed together."""

    contract: Contract
    encode: Callable[[Any], bytes]
    publish: Callable[[Any], Any] | None = None
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


@dataclass(slots=True)
class ContextPlan:
    """Everything one context runs."""

    name: str
    aggregates: dict[type, AggregatePlan] = field(default_factory=dict[type, AggregatePlan])
    projections: dict[type, ProjectionPlan] = field(default_factory=dict[type, ProjectionPlan])
    commands: dict[type, HandlerPlan] = field(default_factory=dict[type, HandlerPlan])
    queries: dict[type, HandlerPlan] = field(default_factory=dict[type, HandlerPlan])
    events: dict[type, EventPlan] = field(default_factory=dict[type, EventPlan])
    published: dict[type, EventPlan] = field(default_factory=dict[type, EventPlan])
    follows: dict[tuple[str, str, int], FollowPlan] = field(default_factory=dict[tuple[str, str, int], FollowPlan])

    def event(self, cls: type[DomainEvent]) -> EventPlan:
        """The plan of a domain event; one that nobody follows is planned when it is first recorded."""
        plan = self.events.get(cls)
        if plan is None:
            plan = self.events[cls] = EventPlan(contract_of(cls, self.name), Codec[Any](cls).encode)
        return plan


def compile_system(model: ContextMap, ports: dict[type, Any], findings: Findings) -> dict[str, ContextPlan]:
    """A plan per context name. What does not resolve is added to `findings`.

    `ports` are constants any handler may ask for by type (clock, identities).
    """
    plans = {context.name: ContextPlan(context.name) for context in model.contexts}
    for context in model.contexts:
        _Compiler(model, context, plans, ports, findings).compile()
    return plans


class _Compiler:
    """Compiles one context."""

    def __init__(
        self,
        model: ContextMap,
        context: Context[Any],
        plans: dict[str, ContextPlan],
        ports: dict[type, Any],
        findings: Findings,
    ) -> None:
        self.model = model
        self.context = context
        self.plans = plans
        self.plan = plans[context.name]
        self.findings = findings
        self.constants = {**ports, **{service: make() for service, make in context.provided.items()}}

    def compile(self) -> None:
        for publisher in self.context.publishers:
            self.plan.event(publisher.event).publish = publisher.function
        for projection in self.context.projections:
            self._project(projection)
        for handler in self.context.handlers:
            plan = self._handler(handler)
            if plan is None:
                continue
            if handler.role == "command":
                self.plan.commands[handler.message] = plan
            elif handler.role == "query":
                self.plan.queries[handler.message] = plan
            elif handler.role == "together":
                self.plan.event(typing.cast("type[DomainEvent]", handler.message)).together.append(plan)
            else:
                self._follow(f"{self.context.name}.{handler.name}", handler.message).handlers[_wire(plan.contract)] = (
                    plan
                )

    def _project(self, projection: type[Projection[Any, Any]]) -> None:
        codec = self._codec(projection, projection)
        if codec is None:
            return
        plan = ProjectionPlan(f"{self.context.name}.{projection.__name__}", projection, codec, projection.key)
        self.plan.projections[projection] = plan
        for event in projected_by(projection):
            follow = self._follow(plan.kind, event)
            follow.projection = plan
            contract = self.model.contracts.get(event)
            if contract is not None:
                follow.codecs[_wire(contract)] = Codec(event)

    def _follow(self, name: str, event: type[Message]) -> FollowPlan:
        source = self.model.owners.get(event, self.context.name)
        channel = 0 if issubclass(event, DomainEvent) else 1
        key = (name, source, channel)
        return self.plan.follows.setdefault(key, FollowPlan(name, source, channel))

    def _handler(self, handler: Handler) -> HandlerPlan | None:
        contract = self.model.contracts.get(handler.message)
        codec = self._codec(handler.message, handler.function)
        dependencies = self._dependencies(handler)
        if contract is None or codec is None or dependencies is None:
            return None
        plan = HandlerPlan(f"{self.context.name}.{handler.name}", handler.function, contract, codec, dependencies)
        if handler.role in ("command", "query"):
            reply, plan.refusals = reply_of(handler.message)
            plan.reply = self._codec(reply, handler.function) or _NOTHING
        return plan

    def _codec(self, type: Any, place: Any) -> Codec[Any] | None:
        try:
            return Codec(type)
        except TypeError as error:
            self.findings.report(
                "message.not-encodable", where(place),
                f"{getattr(type, '__name__', type)} cannot travel: {error}",
                expected="types JSON can carry: str, int, float, Decimal, datetime, UUID, list, dict, Value, unions",
            )  # fmt: skip
            return None

    def _dependencies(self, handler: Handler) -> tuple[Dependency, ...] | None:
        try:
            hints = typing.get_type_hints(handler.function)
        except NameError as error:
            self.findings.report(
                "handler.annotation", where(handler.function),
                f"an annotation of {handler.name} cannot be resolved: {error}",
                expected="types importable from the handler's module (not only under TYPE_CHECKING)",
            )  # fmt: skip
            return None
        found: list[Dependency] = []
        for parameter in list(inspect.signature(handler.function).parameters.values())[1:]:
            dependency = self._dependency(handler, parameter.name, hints.get(parameter.name))
            if dependency is None:
                return None
            found.append(dependency)
        return tuple(found)

    def _dependency(self, handler: Handler, name: str, wanted: Any) -> Dependency | None:
        origin, arguments = get_origin(wanted), get_args(wanted)
        if origin is Repository:
            return self._repository(handler, arguments[0])
        if origin is View and arguments[0] in self.context.projections:
            return Dependency("view", arguments[0])
        if origin is Later:
            return self._later(arguments[0])
        if wanted is Sender:
            return Dependency("sender", None)
        if wanted in self.constants:
            return Dependency("constant", self.constants[wanted])
        known = ["Repository[...]", "View[...]", "Later[...]", "Sender", *(t.__name__ for t in self.constants)]
        self.findings.report(
            "handler.dependency", where(handler.function),
            f"nothing provides parameter {name!r} of {handler.name}: {getattr(wanted, '__name__', wanted)}",
            expected=", ".join(known),
            next=f"{self.context.name}.provide({getattr(wanted, '__name__', 'Type')}, <zero-argument callable>)",
        )  # fmt: skip
        return None

    def _repository(self, handler: Handler, aggregate: type[Aggregate[Any, Any]]) -> Dependency | None:
        if aggregate not in self.plan.aggregates:
            codec = self._codec(aggregate, handler.function)
            if codec is None:
                return None
            kind = f"{self.context.name}.{aggregate.__name__}"
            self.plan.aggregates[aggregate] = AggregatePlan(kind, aggregate, codec)
        return Dependency("repository", self.plan.aggregates[aggregate])

    def _later(self, command: type[Command[Any, Any]]) -> Dependency:
        """Declares the way of a command sent for later: its owner follows the commands in this context's log."""
        owner = self.model.owners.get(command)
        if owner in self.plans:
            name = f"{owner}.commands"
            key = (name, self.context.name, 1)
            self.plans[owner].follows.setdefault(key, FollowPlan(name, self.context.name, 1, commands=True))
        return Dependency("later", command)


def _wire(contract: Contract) -> tuple[str, int]:
    return contract.type, contract.version
