"""The plans of a context or of a handler by itself: made once of the declarations, for all tests of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from remit.contexts import COMMAND, QUERY, REACTION, Context, ContextMap, Handler, derive
from remit.contexts.annotations import asked_by, is_kind, projected_by, sent_later
from remit.contexts.ports import VIEW
from remit.messages import Codec, Command, Message, Query, contract_of, declared_context
from remit.runtime import compile_system
from remit.runtime.work.workplace import Forms, Workplace

GIVEN = "given"
"""The context of a handler that is tested by itself."""
_ELSEWHERE = "elsewhere"
"""The context of a message of which nobody says whose it is."""


def compiled(context: Context[Any]) -> Compiled:
    """The plan of a context, made again when something was declared since."""
    return _as_it_stands(context, (len(context.handlers), len(context.publishers), len(context.projections)))


@lru_cache(maxsize=64)
def _as_it_stands(context: Context[Any], declared: tuple[int, ...]) -> Compiled:
    return Compiled(context)


@lru_cache(maxsize=256)
def lone(handler: Callable[..., Any], message: Any) -> Compiled:
    """The plan of a handler without its context. `message` is a class of messages."""
    context = Context[Any](GIVEN)
    role = COMMAND if is_kind(message, Command) else QUERY if is_kind(message, Query) else REACTION
    declared = Handler(role, message, handler)
    context.handlers.append(declared)
    context.projections += [asked.subject for asked in asked_by(context, declared) if asked.injectable is VIEW]
    return Compiled(context)


class Compiled:
    """What is made once of the declarations of a context, for all tests of it."""

    def __init__(self, context: Context[Any]) -> None:
        model = derive(ContextMap(name=GIVEN, contexts=(context,)))
        owners = {each: declared_context(each) or _ELSEWHERE for each in _used(context)} | {**model.owners}
        contracts = {message: contract_of(message, owner) for message, owner in owners.items()}
        self.model = replace(model, owners=owners, contracts=contracts)
        self.plan = compile_system(self.model)[context.name]
        self._forms: tuple[Forms, Forms] | None = None

    def workplace(self, made: Workplace) -> Workplace:
        """A workplace with the forms of messages that tests before have met."""
        if self._forms is None:
            self._forms = made.recorded, made.published
        recorded, published = self._forms
        return replace(made, recorded=recorded, published=published)


def _used(context: Context[Any]) -> Iterator[type[Message]]:
    yield from (handler.message for handler in context.handlers)
    yield from (event for projection in context.projections for event in projected_by(projection))
    yield from (command for command, _ in sent_later(context) if is_kind(command, Message))


@cache
def codec_of(kind: Any) -> Codec[Any]:
    """The codec of a class of messages, aggregates or documents."""
    return Codec(kind)
