"""Compiled plans of a context or of a single handler, cached for all tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any, Generic, TypeVar

from remit.contexts import COMMAND, QUERY, REACTION, Context, ContextMap, Handler, derive
from remit.contexts.annotations import asked_by, is_kind, projected_by, sent_later
from remit.contexts.policies import methods_of, policy_of
from remit.contexts.ports import VIEW
from remit.domain import Aggregate, Record
from remit.messages import Codec, Command, Contract, Message, Query, Refusal, contract_of, declared_context, key_text
from remit.runtime import compile_system
from remit.runtime.work.workplace import Forms, Workplace

T = TypeVar("T")

GIVEN = "given"
"""The context name of a single handler."""
_ELSEWHERE = "elsewhere"
"""The context of a message whose owner is unknown."""


class Known(Generic[T]):
    """A cache of what is made from declarations. An entry is valid while the declarations are unchanged."""

    MOST = 64

    def __init__(self) -> None:
        self._made: dict[tuple[int, ...], tuple[T, Sequence[object]]] = {}

    def of(self, contexts: Sequence[Context[Any]], make: Callable[[], T], *beside: object) -> T:
        """Returns what `make` makes of these contexts and of the objects `beside` them. Made again if a context has
        declared something since."""
        parts = [*beside, *(part for context in contexts for part in _declared(context))]
        place = tuple(map(id, parts))
        found = self._made.get(place)
        if found is None:
            if len(self._made) >= self.MOST:
                self._made.clear()
            found = self._made[place] = make(), parts  # keeping the parts alive keeps their ids unique
        return found[0]


def _declared(context: Context[Any]) -> Iterator[object]:
    """Everything that a context has declared; for its services, the types."""
    yield context
    for value in vars(context).values():
        if isinstance(value, (list, tuple, dict)):
            yield len(value)  # pyright: ignore[reportUnknownArgumentType]  # of any
            yield from value
        else:
            yield value


_contexts: Known[Compiled] = Known()


def compiled(context: Context[Any]) -> Compiled:
    """The plan of a context."""
    return _contexts.of([context], lambda: Compiled(context))


@lru_cache(maxsize=256)
def lone(handler: Callable[..., Any], message: Any) -> Compiled:
    """The plan of a handler without its context. `message` is a class of messages."""
    context = Context[Any](GIVEN)
    role = COMMAND if is_kind(message, Command) else QUERY if is_kind(message, Query) else REACTION
    declared = Handler(role, message, handler)
    context.bound.append(declared)
    context.projections += [asked.subject for asked in asked_by(context, declared) if asked.injectable is VIEW]
    return Compiled(context)


@lru_cache(maxsize=256)
def lone_policy(policy: type) -> Compiled:
    """The plan of a policy without its context."""
    context = Context[Any](GIVEN)
    context.bound += policy_of(policy, methods_of(policy)).values()
    for declared in context.handlers[:1]:
        context.projections += [asked.subject for asked in asked_by(context, declared) if asked.injectable is VIEW]
    return Compiled(context)


class Compiled:
    """What is made once from a context's declarations, for all tests."""

    def __init__(self, context: Context[Any]) -> None:
        model = derive(ContextMap(name=GIVEN, contexts=(context,)))
        owners = {each: declared_context(each) or _ELSEWHERE for each in _used(context)} | {**model.owners}
        contracts = {message: contract_of(message, owner) for message, owner in owners.items()}
        self.model = replace(model, owners=owners, contracts=contracts)
        self.plan = compile_system(self.model)[context.name]
        self._forms: tuple[Forms, Forms] | None = None

    def contract(self, message: Any) -> Contract:
        """The contract of a command or query that a handler calls."""
        known = self.model.contracts.get(message)
        return known or contract_of(message, declared_context(message) or _ELSEWHERE)

    def workplace(self, made: Workplace) -> Workplace:
        """A workplace that reuses the message plans of earlier tests."""
        if self._forms is None:
            self._forms = made.recorded, made.published
        recorded, published = self._forms
        return replace(made, recorded=recorded, published=published)


def _used(context: Context[Any]) -> Iterator[type[Message]]:
    yield from (handler.message for handler in context.handlers)
    yield from (event for projection in context.projections for event in projected_by(projection))
    yield from (command for command, _ in sent_later(context) if is_kind(command, Message))


def carried(value: Any) -> Any:
    """A message, aggregate, record, document or refusal as it is after storing and loading, without recorded events.

    Raises `BadValue` if it could not be read again, and `BadKey` for an invalid identity or ordering key.
    """
    kind = value.__class__
    codec = codec_of(kind)
    made = codec.read(codec.write(value))
    if is_kind(kind, Aggregate, Record):
        key_text(made.id, "identity", kind.__name__)
    elif (key := getattr(kind, "__remit_key__", None)) is not None:
        key_text(getattr(made, key), "ordering key", kind.__name__)
    return dataclasses.replace(made) if isinstance(made, Refusal) else made  # a constructed exception has its `args`


@cache
def codec_of(kind: Any) -> Codec[Any]:
    """The codec of a class of messages, aggregates or documents."""
    return Codec(kind)
