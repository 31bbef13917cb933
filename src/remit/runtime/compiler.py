"""The compiler: from a model to the plans of its contexts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from remit.contexts import COMMAND, QUERY, REACTION, SERVICE, TOGETHER, Context, Handler, Model, Role
from remit.contexts.annotations import Asked, asked_by, is_kind, projected_by
from remit.domain import Aggregate, Projection
from remit.log import Channel, SubscriptionId
from remit.messages import Codec, Command, Contract, DomainEvent, Message, reply_of
from remit.runtime.plan import (
    AggregatePlan,
    ContextPlan,
    Dependency,
    FollowPlan,
    HandlerPlan,
    ProjectionPlan,
    ServicePlan,
)
from remit.runtime.ports import Ports
from remit.runtime.work.unit import GIVEN

__all__ = ["compile_system"]


def compile_system(model: Model, ports: Ports) -> dict[str, ContextPlan]:
    """A plan per context name."""
    plans = {context.name: ContextPlan(context.name) for context in model.contexts}
    for context in model.contexts:
        _Compiler(model, context, plans).compile()
    for plan in plans.values():
        _find_reach(plan)
        for source in model.elsewhere if plan.commands else ():
            plan.follow_commands(source)  # what a context sends for later is known only where it is hosted
    return plans


class _Compiler:
    """Compiles one context."""

    def __init__(self, model: Model, context: Context[Any], plans: dict[str, ContextPlan]) -> None:
        self.model = model
        self.context = context
        self.plans = plans
        self.plan = plans[context.name]

    def compile(self) -> None:
        for service, make in self.context.provided.items():
            self.plan.services[service] = ServicePlan(service, make, Dependency(SERVICE, None, GIVEN[SERVICE]))
        for publisher in self.context.publishers:
            self.plan.event(cast("type[DomainEvent]", publisher.message)).publish.append(publisher.function)
        for projection in self.context.projections:
            self._project(projection)
        for handler in self.context.handlers:
            _BINDS[handler.role](self, self._handler(handler), handler.message)
        for message in self.context.outbox:
            if issubclass(message, Command):
                self._later(message)

    def command(self, plan: HandlerPlan, command: type[Message]) -> None:
        self.plan.commands[command] = self.plan.wired[_wire(plan.contract)] = plan

    def query(self, plan: HandlerPlan, query: type[Message]) -> None:
        self.plan.queries[query] = plan

    def reaction(self, plan: HandlerPlan, event: type[Message]) -> None:
        self._follow(plan.name, event).handlers[_wire(plan.contract)] = plan

    def together(self, plan: HandlerPlan, event: type[Message]) -> None:
        self.plan.event(cast("type[DomainEvent]", event)).together.append(plan)

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
        channel = Channel.PRIVATE if issubclass(event, DomainEvent) else Channel.PUBLISHED
        id = SubscriptionId(name, source, channel)
        return self.plan.follows.setdefault(id, FollowPlan(id))

    def _handler(self, handler: Handler) -> HandlerPlan:
        plan = HandlerPlan(
            f"{self.context.name}.{handler.name}", handler.function, self.model.contracts[handler.message],
            Codec(handler.message), tuple(map(self._dependency, asked_by(self.context, handler))),
        )  # fmt: skip
        if handler.role.is_called:
            reply, plan.refusals = reply_of(handler.message)
            plan.reply = Codec(reply)
        return plan

    def _dependency(self, asked: Asked) -> Dependency:
        if asked.injectable is SERVICE:
            return self.plan.services[asked.wanted].dependency
        subject = asked.subject
        if is_kind(subject, Aggregate):
            subject = self._aggregate(subject)
        elif is_kind(subject, Projection):
            subject = self.plan.projections[subject]
        elif is_kind(subject, Command):
            self._later(subject)
        return Dependency(asked.injectable, subject, GIVEN[asked.injectable])

    def _aggregate(self, aggregate: type[Aggregate[Any, Any]]) -> AggregatePlan:
        plan = self.plan.aggregates.get(aggregate)
        if plan is None:
            kind = f"{self.context.name}.{aggregate.__name__}"
            plan = self.plan.aggregates[aggregate] = AggregatePlan(kind, aggregate, Codec(aggregate))
        return plan

    def _later(self, command: type[Command[Any, Any]]) -> None:
        """Declares the way of a command sent for later: its owner follows the commands in this context's log."""
        owner = self.plans.get(self.model.owners[command])  # otherwise it is hosted elsewhere, and follows there
        if owner is not None:
            owner.follow_commands(self.context.name)


_BINDS: dict[Role, Callable[[_Compiler, HandlerPlan, type[Message]], None]] = {
    COMMAND: _Compiler.command,
    QUERY: _Compiler.query,
    REACTION: _Compiler.reaction,
    TOGETHER: _Compiler.together,
}
"""What becomes of a handler, by its role."""


def _find_reach(plan: ContextPlan) -> None:
    """Finds out which handlers reach out of their unit of work, by themselves or by what reacts together with them."""
    together = [reaction for event in plan.events.values() for reaction in event.together]
    alone, timed = any(map(_reaches_out, together)), any(map(_asks_for_time, together))
    reactions = [handler for follow in plan.follows.values() for handler in follow.handlers.values()]
    for handler in (*plan.commands.values(), *reactions):
        handler.alone = alone or _reaches_out(handler)
        handler.keeps_time = handler.alone and (timed or _asks_for_time(handler))


def _reaches_out(handler: HandlerPlan) -> bool:
    return not handler.dependencies or any(need.kind.reaches_out for need in handler.dependencies)


def _asks_for_time(handler: HandlerPlan) -> bool:
    return any(need.kind.keeps_time for need in handler.dependencies)


def _wire(contract: Contract) -> tuple[str, int]:
    return contract.type, contract.version
