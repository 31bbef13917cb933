"""Notes declarations in the modules of a context that look unused.

These are aggregates that no handler asks for, and functions that take an event like a reaction or a publisher, have no
decorator, and are named nowhere else in these modules.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache, partial
from types import CodeType, FunctionType
from typing import Any

from remit.contexts import Model
from remit.contexts.annotations import aggregates_of, first_parameter, is_kind, published_by
from remit.contexts.declarations import line_of, where
from remit.contexts.homes import Home
from remit.domain import Aggregate
from remit.errors import Findings
from remit.messages import DomainEvent, IntegrationEvent, union_members

_CONTAINERS = (dict, list, tuple, set, frozenset)
_CACHED: type = type(cache(len))
"""What `functools.cache` makes of a function."""


def check_unused(model: Model, findings: Findings) -> None:
    known = (*model.contexts, *model.beside)
    aggregates = {aggregate for context in known for aggregate, _ in aggregates_of(context)}
    bound = {form for context in known for each in context.functions for form in (each.function, _bare(each.function))}
    for home in model.homes:
        owner = home.contexts[0].name if len(home.contexts) == 1 else "<context>"
        for kept in _aggregates_in(home):
            if kept not in aggregates:
                findings.note(
                    "aggregate.unused", line_of(kept), f"{kept.__name__} is an aggregate that no handler asks for",
                    expected=f"Repository[{kept.__name__}] in a handler", next="use it, or delete the class",
                )  # fmt: skip
        named: set[str] | None = None
        for function, events, decorator in _likely(home):
            named = _names_in(home) if named is None else named
            if _bare(function) not in bound and function.__name__ not in named:
                findings.note(
                    f"{decorator}.forgotten", where(function),
                    f"{function.__name__} takes {events} like a {decorator}, and no context declares it",
                    expected=f"@{owner}.{_DECORATORS[decorator]}({events.replace(' | ', ', ')}) above it",
                    next=f"add the decorator, or delete {function.__name__}",
                )  # fmt: skip


_DECORATORS = {"reaction": "react", "publisher": "publish"}


def _aggregates_in(home: Home) -> Iterator[type[Aggregate[Any, Any]]]:
    for module in home.modules:
        for value in dict.fromkeys(each for each in vars(module).values() if isinstance(each, type)):
            if value.__module__ == module.__name__ and is_kind(value, Aggregate) and not value.__subclasses__():
                yield value


def _likely(home: Home) -> Iterator[tuple[FunctionType, str, str]]:
    """Each function whose first parameter is an event, as for a reaction or a publisher, with what it takes."""
    for function in dict.fromkeys(_functions_in(home)):
        first = first_parameter(function)
        events = union_members(first[1]) if first else ()
        if not events or not all(is_kind(each, DomainEvent, IntegrationEvent) for each in events):
            continue
        names = " | ".join(each.__name__ for each in events)
        if inspect.iscoroutinefunction(function):
            yield function, names, "reaction"
        elif published_by(function) and is_kind(events[0], DomainEvent):
            yield function, names, "publisher"


def _functions_in(home: Home) -> Iterator[FunctionType]:
    for module in home.modules:
        for value in list(vars(module).values()):
            if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                yield value


def _bare(function: Any) -> Any:
    """The function behind decorators of the user."""
    return inspect.unwrap(function) if hasattr(function, "__wrapped__") else function


def _names_in(home: Home) -> set[str]:
    """All names that code in these modules uses, and the functions that other values of these modules hold."""
    modules = {module.__name__ for module in home.modules}
    waiting: list[Any] = [value for module in home.modules for value in vars(module).values()]
    waiting += [bound.function for context in home.contexts for bound in context.functions]
    found: set[str] = set()
    seen: dict[int, Any] = {}
    while waiting:
        value = waiting.pop()
        if id(value) in seen or (isinstance(value, type) and value.__module__ not in modules):
            continue
        seen[id(value)] = value
        for form in _forms_of(value):
            found |= _named_by(form.__code__)
        held = list(_held_by(value))
        found |= {each.__name__ for each in held if isinstance(each, FunctionType)}
        waiting += [*held, *_members_of(value)]
    return found


def _forms_of(value: Any) -> list[FunctionType]:
    """A function, and those that its decorators have wrapped."""
    forms: list[Any] = []
    while isinstance(value, (FunctionType, _CACHED)) and value not in forms:
        forms.append(value)
        value = getattr(value, "__wrapped__", None)
    return [form for form in forms if isinstance(form, FunctionType)]


def _held_by(value: Any) -> Iterator[Any]:
    """What a value holds that may be called: the values of a container, the parts of a partial, what a function
    encloses and its defaults."""
    if isinstance(value, _CONTAINERS):
        yield from (each for each in _within(value) if isinstance(each, (FunctionType, partial)))
    elif isinstance(value, partial):
        yield from (value.func, *value.args, *value.keywords.values())
    forms = _forms_of(value)
    for form in forms:
        held = [*(form.__defaults__ or ()), *(form.__kwdefaults__ or {}).values(), *_enclosed_by(form)]
        yield from (each for each in held if all(each is not form for form in forms))


def _within(container: Any) -> Iterator[Any]:
    yield from container.values() if isinstance(container, dict) else container


def _enclosed_by(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # the cell is empty
            continue


def _members_of(value: Any) -> Iterator[Any]:
    if isinstance(value, type):
        yield from (getattr(each, "__func__", each) for each in vars(value).values())


def _named_by(code: CodeType) -> set[str]:
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return {*code.co_names, *(name for each in inner for name in _named_by(each))}
