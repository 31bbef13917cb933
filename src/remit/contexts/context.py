"""A bounded context: a name, an owner, a language, and the declarations that its decorators collect.

Decorators register a function and return it unchanged. They inspect and run nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import timedelta
from typing import Any, Concatenate, Generic, Literal, Protocol, overload

from typing_extensions import ParamSpec, TypeVar

from remit.contexts.declarations import (
    COMMAND,
    PROJECTION,
    PUBLISHER,
    QUERY,
    REACTION,
    TOGETHER,
    TRANSLATION,
    Begins,
    Envelope,
    Handler,
    Role,
    each_of,
)
from remit.contexts.foreign import Source, Translated, Translation
from remit.contexts.interception import Interceptor
from remit.contexts.policies import policy_of
from remit.contexts.publishing import publisher_of
from remit.contexts.rebuilding import Rebuilding
from remit.contexts.relations import Relation, listed
from remit.contexts.upcasting import Upcasting
from remit.domain import Projection
from remit.messages import Command, DomainEvent, IntegrationEvent, Refusal
from remit.messages.base import _Signature  # pyright: ignore[reportPrivateUsage]  # the checking-only half of the message bases

M = TypeVar("M")
M2 = TypeVar("M2")
M3 = TypeVar("M3")
M4 = TypeVar("M4")
M5 = TypeVar("M5")
M6 = TypeVar("M6")
M7 = TypeVar("M7")
M8 = TypeVar("M8")
M9 = TypeVar("M9")
M10 = TypeVar("M10")
R = TypeVar("R")
P = ParamSpec("P")
S = TypeVar("S")
F = TypeVar("F")
Into = TypeVar("Into", bound=Translated)
Made = TypeVar("Made", bound=IntegrationEvent | None)
B = TypeVar("B", bound=DomainEvent, default=DomainEvent)
Doc = TypeVar("Doc", bound=type[Projection[Any, Any]])
M_co = TypeVar("M_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)
B_co = TypeVar("B_co", covariant=True)
E = TypeVar("E", bound=Refusal)
E_co = TypeVar("E_co", bound=Refusal, covariant=True)
E_contra = TypeVar("E_contra", bound=Refusal, contravariant=True)
AnyCommand = type[Command[Any, Any]]


class _CommandType(Protocol[M_co, R_co, E_co]):
    def _command(self) -> _Signature[M_co, R_co, E_co]: ...


class _QueryType(Protocol[M_co, R_co, E_co]):
    def _query(self) -> _Signature[M_co, R_co, E_co]: ...


class _EventType(Protocol[M_co, B_co]):
    """A domain event of the context, or an integration event."""

    def _event(self) -> M_co: ...
    def _owner(self) -> B_co: ...


class _DomainType(Protocol[M_co, B_co]):
    def _domain(self) -> M_co: ...
    def _owner(self) -> B_co: ...


class _Answers(Protocol[M, R, E_contra]):  # pyright: ignore[reportInvalidTypeVarUse]  # contravariant, as mypy finds
    """Accepts a handler that returns the reply, or the reply or a refusal that its message declares."""

    @overload
    def __call__(
        self, handler: Callable[Concatenate[M, P], Awaitable[R]], /
    ) -> Callable[Concatenate[M, P], Awaitable[R]]: ...
    @overload
    def __call__(
        self, handler: Callable[Concatenate[M, P], Awaitable[R | E_contra]], /
    ) -> Callable[Concatenate[M, P], Awaitable[R | E_contra]]: ...


class _Reacts(Protocol[M]):
    """Accepts a function, or a method of a policy."""

    @overload
    def __call__(
        self, reaction: Callable[Concatenate[M, P], Awaitable[None]], /
    ) -> Callable[Concatenate[M, P], Awaitable[None]]: ...
    @overload
    def __call__(self, reaction: Callable[[S, M], Awaitable[None]], /) -> Callable[[S, M], Awaitable[None]]: ...


class _Publishes(Protocol[M]):
    """Accepts a function of an event, or of an event and its envelope."""

    @overload
    def __call__(self, publisher: Callable[[M], Made], /) -> Callable[[M], Made]: ...
    @overload
    def __call__(self, publisher: Callable[[M, Envelope], Made], /) -> Callable[[M, Envelope], Made]: ...


class _Translates(Protocol[F]):  # pyright: ignore[reportInvalidTypeVarUse]  # contravariant, as mypy finds
    """Accepts a function of a foreign message."""

    def __call__(self, translation: Callable[[F], Into], /) -> Callable[[F], Into]: ...


def _calling_module() -> str:
    """The name of the module whose code makes a context. `Context[Base](...)` adds a frame of `typing`, which is
    skipped."""
    frame = sys._getframe(1)  # noqa: SLF001  # exists in all supported Pythons; `inspect` would read source files
    while frame.f_back is not None and frame.f_globals.get("__name__") in (__name__, "typing"):
        frame = frame.f_back
    name: str = frame.f_globals.get("__name__", "")
    return name


class Context(Upcasting, Rebuilding, Generic[B]):
    """A bounded context.

    `name` is part of every wire name and of the name of the store: lower-case letters, digits, `_`, single dashes.
    `kind` is the type of subdomain, `owner` is one team, `language` is the path of a document. `events` is a base class
    of the domain events; with it, a domain event of another context is a static error. `outbox` lists the integration
    events that code with its own transaction publishes, and the commands that it sends for later (`System.outbox`).
    `keep` is the least time for which messages stay in the log; a message is deleted when it is older and all
    subscriptions have handled it. With None, messages are never deleted. `archive` says whether messages leave the log
    only by `remit log archive`, which moves them to files: True for all of them, False for none. If it is not given,
    that holds for the domain events of a context whose own projections follow some of them. `interceptors` run around
    each handler of a command, query or event; the first one is the outermost. `relations` are those in which the
    context is downstream or an equal party.

    Decorators check nothing. What is wrong with a declaration is reported at start as a finding (`ModelError`).
    """

    def __init__(
        self,
        name: str,
        *,
        kind: Literal["core", "supporting", "generic"] = "supporting",
        owner: str = "",
        language: str = "",
        events: type[B] | None = None,
        outbox: Sequence[type[IntegrationEvent] | AnyCommand] = (),
        keep: timedelta | None = timedelta(days=7),
        archive: bool | None = None,
        interceptors: Sequence[Interceptor] = (),
        relations: Sequence[Relation] = (),
    ) -> None:
        super().__init__()
        self.name = name
        self.declared_in = _calling_module()
        self.kind = kind
        self.owner = owner
        self.language = language
        self.events = events
        self.outbox = tuple(outbox)
        self.keep = keep
        self.archive = archive
        self.interceptors = tuple(interceptors)
        self.relations = listed(relations)
        self.bound: list[Handler] = []
        self.empty_policies: list[type] = []
        """Policies without a method that `react` binds. They are findings."""
        self.publishers: list[Handler] = []
        self.projections: list[type[Projection[Any, Any]]] = []
        self.begins: dict[type, Begins] = {}
        """Where new projections begin, if not with the first message."""
        self.provided: dict[type, Callable[[], Any]] = {}
        self.translations: list[Translation] = []

    def __repr__(self) -> str:
        return f"Context({self.name!r})"

    @property
    def handlers(self) -> list[Handler]:
        """The handlers, one for each message. A base class stands for itself and all its subclasses."""
        return [each for bound in self.bound for each in each_of(bound, self.bound)]

    @property
    def functions(self) -> list[Handler]:
        """Handlers and publishers."""
        return [*self.handlers, *self.publishers]

    @property
    def roles(self) -> set[Role]:
        """The roles of all declarations of the context."""
        declared = ((PROJECTION, self.projections), (TRANSLATION, self.translations))
        return {each.role for each in self.functions} | {role for role, those in declared if those}

    def handle(self, command: _CommandType[M, R, E], /) -> _Answers[M, R, E]:
        """Binds the one handler of a command.

        The handler returns the reply, or a refusal that the command declares. A refusal that is *returned* commits what
        the handler has changed, recorded and sent for later. A refusal that is *raised* drops all of it. The caller
        receives the same refusal in both cases.
        """
        return self._bind(COMMAND, command)

    def answer(self, query: _QueryType[M, R, E], /) -> _Answers[M, R, E]:
        """Binds the one handler of a query. It may read anything of its context, and its writes are dropped. Returning
        a refusal has the same effect as raising it."""
        return self._bind(QUERY, query)

    @overload
    def react(self, one: _EventType[M, B], /, *, begins: Begins | None = None) -> _Reacts[M]: ...
    @overload
    def react(self, one: _DomainType[M, B], /, *, together: bool) -> _Reacts[M]: ...
    @overload
    def react(
        self,
        one: _EventType[M, B],
        two: _EventType[M2, B],
        /,
        *,
        begins: Begins | None = None,
    ) -> _Reacts[M | M2]: ...
    @overload
    def react(
        self,
        one: _EventType[M, B],
        two: _EventType[M2, B],
        three: _EventType[M3, B],
        /,
        *,
        begins: Begins | None = None,
    ) -> _Reacts[M | M2 | M3]: ...
    @overload
    def react(
        self,
        one: _EventType[M, B],
        two: _EventType[M2, B],
        three: _EventType[M3, B],
        four: _EventType[M4, B],
        /,
        *,
        begins: Begins | None = None,
    ) -> _Reacts[M | M2 | M3 | M4]: ...
    @overload
    def react(
        self,
        one: _EventType[M, B],
        two: _EventType[M2, B],
        three: _EventType[M3, B],
        four: _EventType[M4, B],
        five: _EventType[M5, B],
        /,
        *,
        begins: Begins | None = None,
    ) -> _Reacts[M | M2 | M3 | M4 | M5]: ...
    @overload
    def react(
        self,
        one: _EventType[M, B],
        two: _EventType[M2, B],
        three: _EventType[M3, B],
        four: _EventType[M4, B],
        five: _EventType[M5, B],
        six: _EventType[M6, B],
        /,
        *,
        begins: Begins | None = None,
    ) -> _Reacts[M | M2 | M3 | M4 | M5 | M6]: ...
    @overload
    def react(
        self,
        one: _EventType[M, B],
        two: _EventType[M2, B],
        three: _EventType[M3, B],
        four: _EventType[M4, B],
        five: _EventType[M5, B],
        six: _EventType[M6, B],
        seven: _EventType[M7, B],
        /,
        *,
        begins: Begins | None = None,
    ) -> _Reacts[M | M2 | M3 | M4 | M5 | M6 | M7]: ...
    @overload
    def react(
        self,
        one: _EventType[M, B],
        two: _EventType[M2, B],
        three: _EventType[M3, B],
        four: _EventType[M4, B],
        five: _EventType[M5, B],
        six: _EventType[M6, B],
        seven: _EventType[M7, B],
        eight: _EventType[M8, B],
        /,
        *,
        begins: Begins | None = None,
    ) -> _Reacts[M | M2 | M3 | M4 | M5 | M6 | M7 | M8]: ...
    @overload
    def react(
        self,
        one: _EventType[M, B],
        two: _EventType[M2, B],
        three: _EventType[M3, B],
        four: _EventType[M4, B],
        five: _EventType[M5, B],
        six: _EventType[M6, B],
        seven: _EventType[M7, B],
        eight: _EventType[M8, B],
        nine: _EventType[M9, B],
        /,
        *,
        begins: Begins | None = None,
    ) -> _Reacts[M | M2 | M3 | M4 | M5 | M6 | M7 | M8 | M9]: ...
    @overload
    def react(
        self,
        one: _EventType[M, B],
        two: _EventType[M2, B],
        three: _EventType[M3, B],
        four: _EventType[M4, B],
        five: _EventType[M5, B],
        six: _EventType[M6, B],
        seven: _EventType[M7, B],
        eight: _EventType[M8, B],
        nine: _EventType[M9, B],
        ten: _EventType[M10, B],
        /,
        *,
        begins: Begins | None = None,
    ) -> _Reacts[M | M2 | M3 | M4 | M5 | M6 | M7 | M8 | M9 | M10]: ...
    @overload
    def react(
        self,
        one: _EventType[Any, B],
        two: _EventType[Any, B],
        three: _EventType[Any, B],
        four: _EventType[Any, B],
        five: _EventType[Any, B],
        six: _EventType[Any, B],
        seven: _EventType[Any, B],
        eight: _EventType[Any, B],
        nine: _EventType[Any, B],
        ten: _EventType[Any, B],
        eleven: _EventType[Any, B],
        /,
        *more: _EventType[Any, B],
        begins: Begins | None = None,
    ) -> _Reacts[Any]: ...
    def react(self, *events: Any, together: bool = False, begins: Begins | None = None) -> Any:
        """Binds a reaction to one or more events: `async def on_either(event: Placed | Cancelled)`. Inside a class with
        the decorator `policy`, binds a method.

        A base class stands for itself and all its subclasses that are loaded when the system starts. With more than ten
        events, type checkers no longer check the parameter of the function; it is checked at start.

        A reaction has its own transaction, retries and parked keys, and runs after the event is stored. Reactions that
        ask for a `Repository` of the same aggregate, or for `Records` of the same record, follow together: the model
        sees the events of a key in one order. With `together=True`, the function runs in the transaction that records
        the event; this is possible only for one domain event of the context itself.

        A new reaction handles all messages that the log still has. With `begins="now"`, it handles what is written
        after its first start; with a time, what is written after that time.
        """
        return self._bind(TOGETHER if together else REACTION, *events, begins=begins)

    def policy(self, policy: type[S], /) -> type[S]:
        """Makes a class one reaction (a class decorator). Its methods that `react` binds take the events.

        The class is instantiated anew for each message. The parameters of `__init__` ask for dependencies, as the
        parameters behind the event do in a function. Progress is stored under the name of the class.
        """
        made = policy_of(policy, [each for each in self.bound if each.function in vars(policy).values()])
        self.bound = [made.get(each, each) for each in self.bound]
        if not made:
            self.empty_policies.append(policy)
        return policy

    def publish(self, event: _DomainType[M, B], /) -> _Publishes[M]:
        """Binds a publisher, a function that makes an integration event from a domain event, or returns None to publish
        nothing.

        A publisher may take the `Envelope` of the domain event as a second parameter.

        A domain event may have several publishers. If they make versions of one integration event, a subscription that
        follows any of these versions handles the event once, as the newest version that it follows. Such an event is
        ordered by the key of its oldest version.
        """

        def register(publisher: Any) -> Any:
            self._check_name(publisher)
            self.publishers.append(Handler(PUBLISHER, event, publisher))  # type: ignore[arg-type]  # seen as a protocol
            return publisher

        return register

    def publish_as(self, event: _DomainType[Any, B], published: type[IntegrationEvent], /) -> None:
        """Publishes a domain event as an integration event that has the same fields.

        Each field of the integration event is copied from the field of the same name. If the domain event has no such
        field, the integration event must have a default for it. A missing field, and a field with values that the
        integration event would refuse, are reported at start as findings (`ModelError`).
        """
        made = publisher_of(event, published, sys._getframe(1))  # noqa: SLF001  # where it is declared, for findings
        self.publishers.append(Handler(PUBLISHER, event, made))  # type: ignore[arg-type]  # seen as a protocol

    def translate(self, source: Source[F], /) -> _Translates[F]:
        """Binds the translation of a source of foreign messages: a pure function that makes a command of this context
        from a message, several in a list, or None, by which it ignores the message.

        Its first parameter says what a message is; unknown fields of a message are ignored. The commands are sent for
        later, once for each message, in order per `entity` of the source. If the function raises, the message is kept
        and parked, as that of a reaction.
        """

        def register(translation: Any) -> Any:
            self._check_name(translation)
            self.translations.append(Translation(source, translation))
            return translation

        return register

    @overload
    def project(self, projection: Doc, /) -> Doc: ...
    @overload
    def project(
        self, /, *, begins: Begins | None = None, rebuild: Literal["at-start"] | None = None
    ) -> Callable[[Doc], Doc]: ...
    def project(
        self, projection: Any = None, /, *, begins: Begins | None = None, rebuild: Literal["at-start"] | None = None
    ) -> Any:
        """Declares a projection of this context (a class decorator).

        A new projection is folded from all messages that the log still has. With `@context.project(begins="now")`, or
        with a time, it is folded from what is written after that, and lacks everything earlier.

        If its code has changed since it was folded, a line of the log says so, and an operator rebuilds it. With
        `rebuild="at-start"`, a service that has started rebuilds it by itself.
        """

        def declare(projection: Any) -> Any:
            self.projections.append(projection)
            if begins is not None:
                self.begins[projection] = begins
            if rebuild is not None:
                self.rebuilt_at_start.append(projection)
            return projection

        return declare if projection is None else declare(projection)

    # `service` is a class. `type[S]` would refuse protocols and abstract classes, by which services are often named.
    def provide(
        self,
        service: Callable[..., S],
        make: Callable[
            [], AbstractAsyncContextManager[S, Any] | AbstractContextManager[S, Any] | Coroutine[Any, Any, S] | S
        ],
        /,
    ) -> None:
        """Makes a service of the user available to handlers, by its type.

        `make` is called once, when the system starts; it may be async. If it raises an exception, the start ends with
        `ServiceError`. If it is a function of `contextlib.contextmanager` or `asynccontextmanager`, its context is
        exited when the system stops, so that it can close what it has opened.
        """
        named: Any = service
        self.provided[named] = make

    def _bind(self, role: Role, *messages: Any, begins: Begins | None = None) -> Callable[[Any], Any]:
        def register(function: Any, /) -> Any:
            self._check_name(function)
            self.bound += [Handler(role, message, function, begins=begins) for message in messages]
            return function

        return register

    def _check_name(self, function: Any) -> None:
        if not hasattr(function, "__name__"):
            raise TypeError(
                f"{self!r} cannot bind {function!r}: it has no name, under which progress is stored and errors are"
                " reported. Define a function that calls it, and bind that"
            )
