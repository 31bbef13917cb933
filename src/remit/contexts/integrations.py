"""Integrations: what one context does with a message of another one, as its declarations and its code show."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

from remit.contexts.annotations import asked_by, is_kind, sent_later
from remit.contexts.context import Context
from remit.contexts.declarations import where
from remit.contexts.mentioned import line_naming, mentioned
from remit.contexts.model import Model
from remit.messages import Command, Message

Way = Literal["follows", "calls", "sends", "leads"]
"""By a reaction or a projection; by a call; by a command sent for later; by a route of an HTTP edge."""


class Integration(NamedTuple):
    """One context uses a message of another one."""

    consumer: str
    owner: str
    message: type[Message]
    way: Way
    place: str
    """`file:line` of the code, for findings."""
    module: str
    """The module of the code. "" if it is unknown."""

    @property
    def told(self) -> str:
        """What the consumer does, for the text of a finding. A call is an estimate: the code names the message."""
        name = self.message.__name__
        return {
            "follows": f"follows {name} of {self.owner!r}",
            "calls": f"calls {name} of {self.owner!r} (found in the code of {self.place})",
            "sends": f"sends {name} of {self.owner!r} for later",
            "leads": f"has a route that leads to {name} of {self.owner!r}",
        }[self.way]


_known: WeakKeyDictionary[Model, tuple[Integration, ...]] = WeakKeyDictionary()


def integrations_of(model: Model) -> tuple[Integration, ...]:
    """All integrations of the contexts and edges that are hosted here. Found once per model, because calls are read
    from the code of the handlers."""
    if model not in _known:
        _known[model] = (*declared_integrations(model), *dict.fromkeys(_calls(model)))
    return _known[model]


def declared_integrations(model: Model) -> Iterator[Integration]:
    """Those that do not have to be looked for in code."""
    for each in model.followed:
        yield from _between(model, each.context.name, [each.event], "follows", each.place, each.follower)
    for context in model.contexts:
        for command, handler in sent_later(context):
            yield from _between(model, context.name, [command], "sends", handler.place, handler.function)
        commands = [each for each in context.outbox if is_kind(each, Command)]
        yield from _between(model, context.name, commands, "sends", repr(context), None)
    for edge in model.edges:
        for route in edge.routes:
            yield from _between(model, edge.context, [route.message], "leads", route.declared_at, None)


def _calls(model: Model) -> Iterator[Integration]:
    for context in model.contexts:
        for function, later in _calling(context):
            for message, code in mentioned(function):
                if message not in later:
                    yield from _between(model, context.name, [message], "calls", where(code), code)


def line_of_call(model: Model, call: Integration) -> str:
    """`file:line` where the code of a call names its message; the place of its function if the code names it
    otherwise, for example by another name."""
    context = next(each for each in model.contexts if each.name == call.consumer)
    for function, _ in _calling(context):
        for message, code in mentioned(function):
            if message is call.message and where(code) == call.place:
                return line_naming(code, message.__name__) or call.place
    return call.place


def _calling(context: Context[Any]) -> Iterator[tuple[Callable[..., Any], set[Any]]]:
    """The functions of handlers that may call, each with the commands that it only sends for later."""
    later = list(sent_later(context))
    for handler in context.handlers:
        if any(asked.injectable.calls for asked in asked_by(context, handler)):
            yield handler.function, {command for command, by in later if by.function is handler.function}


def _between(
    model: Model, consumer: str, messages: Iterable[Any], way: Way, place: str, code: Any
) -> Iterator[Integration]:
    """Leaves out a context's own messages, and those whose owner is unknown."""
    for message in messages:
        owner = model.owner_of(message) if is_kind(message, Message) else None
        if owner is not None and owner != consumer:
            yield Integration(consumer, owner, message, way, place, _module_of(code))


def _module_of(code: Any) -> str:
    """The module of a function without its decorators, of a policy or of a projection."""
    if code is None:
        return ""
    return str(getattr(inspect.unwrap(getattr(code, "__remit_policy__", code)), "__module__", ""))
