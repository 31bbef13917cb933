"""Compiles a model into the plans of its contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from msgspec import structs

from remit.contexts import (
    COMMAND,
    QUERY,
    REACTION,
    TOGETHER,
    Context,
    Follows,
    Handler,
    Model,
    Role,
    Usage,
    components_of,
    follows,
    groups_of,
)
from remit.contexts.annotations import (
    Asked,
    asked_by,
    claims_by,
    first_parameter,
    hints_of,
    is_kind,
    projected_by,
    publishable,
    row_models_of,
    takes_envelope,
)
from remit.contexts.declarations import Begins
from remit.contexts.foreign import Polled, Translation, commands_in
from remit.contexts.ports import ENVELOPE, SQL, owner_of
from remit.domain import Aggregate, Claim, Projection, Record, Row, indexes_of
from remit.log import Channel, SubscriptionId
from remit.messages import Codec, Command, Contract, Message, contract_of, parameter_of, reply_of, sorted_by
from remit.messages.once import unchanged
from remit.runtime.plan import (
    AggregatePlan,
    ClaimPlan,
    ContextPlan,
    Dependency,
    EventPlan,
    FoldPlan,
    FollowPlan,
    HandlerPlan,
    LaterPlan,
    ProjectionPlan,
    ReactionPlan,
    RecordPlan,
    RowPlan,
    StatePlan,
    TranslationPlan,
    TranslatorPlan,
)
from remit.runtime.streams import aggregate_plan
from remit.runtime.upcasting import Upcasters, state_codec, upcasters_of
from remit.runtime.work.carried import carried
from remit.runtime.work.claimed import HOLDER, Claimed
from remit.runtime.work.deliveries import VERSION, Seen
from remit.runtime.work.given import giving, supplied
from remit.runtime.work.intercepting import intercepted
from remit.runtime.work.publishers import held
from remit.stores import RowTable, row_table

VERSION_OF_ROWS = 1
"""The version of every row model's table: the one that is read and written."""
Needs = tuple[Dependency, ...]


@unchanged()
def compile_system(model: Model) -> dict[str, ContextPlan]:
    """Returns a plan for each context, by name."""
    compilers: dict[str, _Compiler] = {}
    usage = Usage(model)
    for context in model.contexts:
        compilers[context.name] = _Compiler(model, context, compilers, usage)
    for compiler in compilers.values():
        compiler.compile()
    for compiler in compilers.values():
        for source in model.elsewhere if compiler.commands else ():
            if compiler.may_be_sent_by(source):
                compiler.follow_commands(source)  # which commands a remote context sends for later is unknown here
    return {name: compiler.plan() for name, compiler in compilers.items()}


class _Compiler:
    """Compiles one context."""

    def __init__(self, model: Model, context: Context[Any], compilers: Mapping[str, _Compiler], usage: Usage) -> None:
        self.model = model
        self.usage = usage
        self.context = context
        self.compilers = compilers
        self.aggregates: dict[type, AggregatePlan] = {}
        self.projections: dict[type, ProjectionPlan] = {}
        self.commands: dict[type, HandlerPlan] = {}
        self.wired: dict[tuple[str, int], HandlerPlan] = {}
        """The commands by wire name and version."""
        self.queries: dict[type, HandlerPlan] = {}
        self.beside: dict[type, list[HandlerPlan]] = {}
        """The `together` reactions to each domain event."""
        self.follows: dict[SubscriptionId, FollowPlan[Any]] = {}
        self.components = components_of(model, context)

    def compile(self) -> None:
        for projection in self.context.projections:
            self._project(projection)
        needs = [tuple(map(self._dependency, asked_by(self.context, each))) for each in self.context.handlers]
        handlers = list(zip(self.context.handlers, needs, strict=True))
        beside = [asked for handler, asked in handlers if handler.role is TOGETHER]
        # An interceptor is user code around each handler run and may have effects outside the unit of work.
        alone = any(map(_reaches_out, beside)) or bool(self.context.interceptors)
        timed = any(map(_asks_for_time, beside))
        for handler, asked in handlers:
            reaches = alone or _reaches_out(asked)
            keeps_time = reaches and (timed or _asks_for_time(asked))
            only_sql = not alone and _asks_for_statements_only(asked)
            plan = self._handler(handler, asked, alone=reaches, keeps_time=keeps_time, only_sql=only_sql)
            _BINDS[handler.role](self, plan, handler)
        for translation in self.context.translations:
            self._translate(translation)
        for message in self.context.outbox:
            if issubclass(message, Command):
                self._later(message)

    def plan(self) -> ContextPlan:
        """The plan. Call it after all contexts are compiled: another context may add followed commands."""
        plan = ContextPlan(
            self.context.name, (), self.projections, self.commands, self.queries, self._events(), self.follows,
            [tuple(map(_id, group.members)) for group in groups_of(self.model, self.context) if len(group.members) > 1],
        )  # fmt: skip
        return plan.with_services(self.context.provided)

    def may_be_sent_by(self, source: str) -> bool:
        """Whether another context may use a command of this one, as far as this process knows the map."""
        known = self.usage.known(self.context.name, source)
        return known is None or any(type.rpartition(".")[2] in known for type, _ in self.wired)

    def follow_commands(self, source: str) -> None:
        """Subscribes this context to the commands that `source` sends for later."""
        name = f"{self.context.name}.commands"
        id = SubscriptionId(name, source, Channel.PUBLISHED)
        self.follows[id] = LaterPlan(id, self.wired, usable=self.usage.known(self.context.name, source))

    def command(self, plan: HandlerPlan, handler: Handler) -> None:
        self.commands[handler.message] = self.wired[_wire(plan.contract)] = plan

    def query(self, plan: HandlerPlan, handler: Handler) -> None:
        self.queries[handler.message] = plan

    def reaction(self, plan: HandlerPlan, handler: Handler) -> None:
        id = self._followed(plan.name, handler.message)
        others: Mapping[Any, Any] = self.follows[id].takes if id in self.follows else {}
        takes = {**others, _wire(plan.contract): plan}
        component = self.components[id.name]
        self.follows[id] = ReactionPlan(
            id, takes, begins=_begins(handler.begins), component=component, upcasters=self._upcasters(id)
        )

    def together(self, plan: HandlerPlan, handler: Handler) -> None:
        self.beside.setdefault(handler.message, []).append(plan)

    def _project(self, projection: type[Projection[Any, Any]]) -> None:
        kind = f"{self.context.name}.{projection.__name__}"
        codec = state_codec(projection, self.context.upcasters)
        declared = next((each for each in self.context.states if each.projection is projection), None)
        state = None if declared is None else StatePlan(self._aggregate(declared.aggregate), declared.function)
        plan = self.projections[projection] = replace(_projected(kind, projection, codec), from_state=state)
        codecs: dict[SubscriptionId, dict[tuple[str, int], Codec[Any]]] = {}
        for event in projected_by(projection):
            codecs.setdefault(self._followed(kind, event), {})[_wire(self.model.contracts[event])] = Codec(event)
        for id, read in codecs.items():
            self.follows[id] = FoldPlan(
                id, read, plan, begins=_begins(self.context.begins.get(projection)), component="read",
                upcasters=self._upcasters(id),
            )  # fmt: skip

    def _upcasters(self, id: SubscriptionId) -> Upcasters | None:
        """The upcasters for what a subscription follows."""
        return upcasters_of(self.context.upcasters, self.context.name) if id.channel == Channel.PRIVATE else None

    def _translate(self, translation: Translation) -> None:
        source, function = translation.source, translation.function
        name, first = f"{self.context.name}.foreign:{source.name}", first_parameter(function)
        asked: Mapping[str, Any] = hints_of(source.fetch) if isinstance(source, Polled) else {}
        commands = tuple(commands_in(hints_of(function).get("return")))
        plan = TranslatorPlan(
            name, source, Codec(first and first[1], of=f"a message of {source.name}"), function, commands,
            RecordPlan(f"{name} seen", Seen, Codec(Seen)),
            {each: asked[each] for each in asked if asked[each] in self.context.provided},
        )  # fmt: skip
        id = SubscriptionId(name, self.context.name, Channel.PRIVATE)
        self.follows[id] = TranslationPlan(id, {(name, VERSION): plan}, component="acl")
        for command in commands:
            self._later(command)

    def _followed(self, name: str, event: type[Message]) -> SubscriptionId:
        return _id(follows(self.model, name, event))

    def _events(self) -> dict[type, EventPlan]:
        named = {**{each.message: None for each in self.context.publishers}, **self.beside}
        return {event: self._event(event) for event in named}

    def _event(self, event: type[Message]) -> EventPlan:
        publishers = [each for each in self.context.publishers if each.message is event]
        plain, stamped = (
            [held(each, self.context.name) for each in publishers if takes_envelope(each.function) is asking]
            for asking in (False, True)
        )
        beside = self.beside.get(event, ())
        asked = any(need.kind is ENVELOPE for reaction in beside for need in reaction.dependencies)
        contract = contract_of(event, self.context.name)
        return EventPlan(contract, Codec(event), plain, beside, stamped, asked or bool(stamped))

    def _handler(self, handler: Handler, asked: Needs, *, alone: bool, keeps_time: bool, only_sql: bool) -> HandlerPlan:
        reply, refusals = reply_of(handler.message) if handler.role.is_called else (None, ())
        of = self.context.name, handler.name, handler.role.name
        function = intercepted(handler.function, self.context.interceptors, of, carried.get)
        contract = self.model.contracts[handler.message]
        return HandlerPlan(
            f"{self.context.name}.{handler.name}", supplied(function, asked), contract,
            Codec(handler.message), asked, Codec(reply, of=f"the reply of {contract.type}"), refusals,
            alone, keeps_time, only_sql, _likely(handler.message, asked),
        )  # fmt: skip

    def _dependency(self, asked: Asked) -> Dependency:
        subject = asked.subject
        if is_kind(subject, Aggregate):
            subject = self._aggregate(subject)
        elif is_kind(subject, Projection):
            subject = self.projections[subject]
        elif asked.injectable.of is Record:
            codec = state_codec(subject, self.context.upcasters)
            subject = RecordPlan(f"{self.context.name}.{subject.__name__}", subject, codec)
        elif asked.injectable.of is Claim:
            kind = f"{self.context.name}.{subject.__name__} claim"  # the blank keeps it apart from class names
            subject = ClaimPlan(kind, subject, HOLDER, self._aggregate(owner_of(subject)))
        elif asked.injectable.several:
            subject = frozenset(publishable(subject))
        elif is_kind(subject, Command):
            self._later(subject)
        return Dependency(asked.injectable, subject, giving(asked.injectable, subject))

    def _aggregate(self, aggregate: type[Aggregate[Any, Any]]) -> AggregatePlan:
        plan = self.aggregates.get(aggregate)
        if plan is None:
            kind = f"{self.context.name}.{aggregate.__name__}"
            is_claiming = any(owner_of(claim) is aggregate for claim, _ in claims_by(self.context))
            claims = RecordPlan(f"{kind} claims", Claimed, Codec(Claimed), forgets=True) if is_claiming else None
            plan = self.aggregates[aggregate] = aggregate_plan(aggregate, self.context, claims)
        return plan

    def _later(self, command: type[Command[Any, Any]]) -> None:
        """Subscribes the owner of a command sent for later to this context's log."""
        owner = self.compilers.get(self.model.owners[command])  # None if hosted elsewhere: it subscribes there
        if owner is not None:
            owner.follow_commands(self.context.name)


def _projected(kind: str, projection: type[Projection[Any, Any]], codec: Codec[Any]) -> ProjectionPlan:
    if not issubclass(projection, Row):
        return ProjectionPlan(kind, projection, codec, projection.key)
    indexes, known = indexes_of(projection), sorted_by(projection)
    forms = {field: (known[field][0], form) for index in indexes for field in index if (form := known[field][1])}
    return RowPlan(kind, projection, codec, projection.key, forms, indexes, _table(projection))


def _table(row: type[Row[Any, Any]]) -> RowTable:
    indexes = indexes_of(row)
    return row_table(row.__name__, VERSION_OF_ROWS, [field for index in indexes for field in index], indexes)


def row_tables(context: Context[Any]) -> list[RowTable]:
    """The tables of the row models of a context, for those who make them before it starts."""
    return [_table(each) for each in row_models_of(context)]


def _begins(declared: Begins | None) -> Literal["now"] | float | None:
    return declared.timestamp() if isinstance(declared, datetime) else declared


def _id(follows: Follows) -> SubscriptionId:
    return SubscriptionId(follows.name, follows.source, Channel.PRIVATE if follows.private else Channel.PUBLISHED)


_BINDS: dict[Role, Callable[[_Compiler, HandlerPlan, Handler], None]] = {
    COMMAND: _Compiler.command,
    QUERY: _Compiler.query,
    REACTION: _Compiler.reaction,
    TOGETHER: _Compiler.together,
}
"""How a compiled handler is bound, by role."""


def _likely(message: Any, asked: Needs) -> tuple[str, str] | None:
    """Guesses what a handler loads first: the first message field of the identity type of an aggregate it asks for."""
    known = structs.fields(message)
    for plan in (need.subject for need in asked if isinstance(need.subject, AggregatePlan)):
        (identity,) = parameter_of(plan.type, Aggregate)[:1]
        for each in known:
            if each.type == identity:
                return plan.kind, each.name
    return None


def _reaches_out(asked: Needs) -> bool:
    """Whether a handler with these dependencies may have effects outside its unit of work."""
    return not asked or any(need.kind.reaches_out for need in asked)


def _asks_for_statements_only(asked: Needs) -> bool:
    """Whether a handler with these dependencies has effects outside of its rows by SQL statements only."""
    return bool(asked) and all(need.kind is SQL or not need.kind.reaches_out for need in asked)


def _asks_for_time(asked: Needs) -> bool:
    return any(need.kind.keeps_time for need in asked)


def _wire(contract: Contract) -> tuple[str, int]:
    return contract.type, contract.version
