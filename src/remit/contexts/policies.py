"""Policies: classes whose methods react to events, as one reaction.

A class is converted into a function, so that the rest of the code handles only functions. The function takes any of the
events and the dependencies of the class.
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
    """Maps each handler of a method to its replacement. All methods become one function, named after the class."""
    if not methods:
        return {}
    _methods[policy] = tuple(methods)
    table: dict[type, Callable[..., Any]] = {each.message: each.function for each in methods}

    async def react(event: Any, *asked: Any) -> Any:
        method = next(table[each] for each in type(event).__mro__ if each in table)
        return await method(policy(*asked), event)  # returned too, so that a returned refusal is reported as a mistake

    union: Any = Union
    init: Any = init_of(policy)
    asked = list(inspect.signature(init).parameters.values())[1:]
    parameters = [inspect.Parameter(_EVENT, inspect.Parameter.POSITIONAL_OR_KEYWORD), *asked]
    hints = {name: hint for name, hint in init.__annotations__.items() if name != "return"}
    react.__name__, react.__qualname__, react.__module__ = policy.__name__, policy.__qualname__, policy.__module__
    react.__annotations__ = {_EVENT: union[tuple(table)], **hints, "return": None}
    vars(react).update(
        __signature__=inspect.Signature(parameters), __wrapped__=init, __remit_policy__=policy
    )  # the signature holds the dependencies; text annotations are evaluated in the module of `__init__`
    return {each: replace(each, function=react, method=each.function) for each in methods}


def methods_of(policy: type) -> tuple[Handler, ...]:
    """The handlers of a policy, one for each of its methods. Empty for a class that is not a policy."""
    return _methods.get(policy, ())


def bodies_of(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """The functions that contain the code of a reaction: the function itself, or all methods of a policy."""
    policy: type | None = getattr(function, "__remit_policy__", None)
    if policy is None:
        return [function]
    members: list[Any] = list(vars(policy).values())
    return [each for each in members if inspect.isfunction(each)]


def init_of(policy: Any) -> Any:
    """The `__init__` of a policy, whose parameters are its dependencies."""
    return _no_init if policy.__init__ is object.__init__ else policy.__init__


def _no_init(self: Any) -> None:
    """The `__init__` of a policy without dependencies."""
