"""A policy: a class whose methods react to events, as one reaction.

Everything else knows reactions as functions, so a class becomes one: it takes any of the events, and what the class
asks for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Union
from weakref import WeakKeyDictionary

from remit.contexts.declarations import Handler

_EVENT = "event"
_methods: WeakKeyDictionary[type, tuple[Handler, ...]] = WeakKeyDictionary()


def policy_of(policy: type, methods: Sequence[Handler]) -> dict[Handler, Handler]:
    """What becomes of the handlers of its methods: all of them are handled by one function, named after the class."""
    if not methods:
        return {}
    _methods[policy] = tuple(methods)
    table: dict[type, Callable[..., Any]] = {each.message: each.function for each in methods}

    async def react(event: Any, *asked: Any) -> Any:
        method = next(table[each] for each in type(event).__mro__ if each in table)
        return await method(policy(*asked), event)  # a refusal that it returns is a mistake, and must be seen

    union: Any = Union
    init: Any = init_of(policy)
    asked = list(inspect.signature(init).parameters.values())[1:]
    parameters = [inspect.Parameter(_EVENT, inspect.Parameter.POSITIONAL_OR_KEYWORD), *asked]
    hints = {name: hint for name, hint in init.__annotations__.items() if name != "return"}
    react.__name__, react.__qualname__, react.__module__ = policy.__name__, policy.__qualname__, policy.__module__
    react.__annotations__ = {_EVENT: union[tuple(table)], **hints, "return": None}
    vars(react).update(
        __signature__=inspect.Signature(parameters), __wrapped__=init, __remit_policy__=policy
    )  # the signature is what is asked for; annotations that are text are read where `__init__` stands
    return {each: replace(each, function=react, method=each.function) for each in methods}


def methods_of(policy: type) -> tuple[Handler, ...]:
    """What is bound to the methods of a policy; nothing for a class that is none."""
    return _methods.get(policy, ())


def bodies_of(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """The functions in which stands what it does: itself, or all methods of a policy."""
    policy: type | None = getattr(function, "__remit_policy__", None)
    if policy is None:
        return [function]
    members: list[Any] = list(vars(policy).values())
    return [each for each in members if inspect.isfunction(each)]


def init_of(policy: Any) -> Any:
    """What makes it, and says what it asks for."""
    return _no_init if policy.__init__ is object.__init__ else policy.__init__


def _no_init(self: Any) -> None:
    """Of a policy that asks for nothing."""
