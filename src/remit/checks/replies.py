"""A command or a query declares its reply (`Command[None]` if there is none), and its handler returns it.

Says nothing about a return annotation of which it is not certain that no value of it is the reply.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import NoneType
from typing import Any, get_origin

from remit.contexts import Handler, Model
from remit.contexts.annotations import hints_of, is_kind, name_of
from remit.contexts.declarations import line_of
from remit.errors import Findings
from remit.messages import Command, Query, Refusal, parameter_of, reply_of, union_members

_ALSO = {float: (int,), complex: (int, float)}
"""The classes whose values a checker takes for another class."""


def check_replies(model: Model, findings: Findings) -> None:
    for message in model.owners:
        for kind in (Command, Query):
            if is_kind(message, kind) and not parameter_of(message, kind):
                name, reply = message.__name__, "None" if kind is Command else "<reply>"
                findings.report(
                    "message.no-reply", line_of(message), f"{name} does not declare its reply",
                    expected=f"{kind.__name__}[Reply], or {kind.__name__}[Reply, OneRefusal | OtherRefusal]",
                    next=f"class {name}({kind.__name__}[{reply}])",
                )  # fmt: skip
    for bound in (bound for context in model.contexts for bound in context.handlers if bound.fits):
        if bound.role.is_called and inspect.iscoroutinefunction(bound.function):
            _check_returned(bound, findings)


def _check_returned(bound: Handler, findings: Findings) -> None:
    reply, _ = reply_of(bound.message)
    wrong = list(_stray(hints_of(bound.function).get("return", Any), reply))
    if wrong and parameter_of(bound.message, Command if is_kind(bound.message, Command) else Query):
        findings.report(
            "handler.reply", bound.place,
            f"{bound.name} returns {_told(*wrong)}, and the reply of {name_of(bound.message)} is {_told(reply)}",
            expected=f"-> {_told(reply)}", next="return what the message declares, or change what it declares",
        )  # fmt: skip


def _stray(returned: Any, reply: Any) -> Iterator[Any]:
    """The members of a return annotation of which no value is a reply. Refusals have a rule of their own."""
    taken = [_class_of(each) for each in union_members(reply)]
    known = [one for each in taken if each is not None for one in (each, *_ALSO.get(each, ()))]
    for each in union_members(returned):
        cls = _class_of(each)
        if cls is None or None in taken or issubclass(cls, Refusal):
            continue
        if not any(_overlap(cls, one) for one in known):
            yield each


def _overlap(one: Any, other: Any) -> bool:
    return issubclass(one, other) or issubclass(other, one)


def _class_of(declared: Any) -> type | None:
    """The class of all values of an annotation. None if it is not known."""
    declared = NoneType if declared is None else declared
    declared = get_origin(declared) or declared
    plain = isinstance(declared, type) and type(declared).__module__ != "typing"
    return declared if plain and _can_be_asked(declared) else None


def _can_be_asked(declared: type) -> bool:
    """Whether `issubclass` takes it: not a protocol, and not a `TypedDict`."""
    try:
        issubclass(NoneType, declared)
    except TypeError:
        return False
    return True


def _told(*declared: Any) -> str:
    members = [member for each in declared for member in union_members(each)]
    return " | ".join("None" if each in (None, NoneType) else _plain(each) for each in members)


def _plain(declared: Any) -> str:
    return name_of(declared) if get_origin(declared) is None else str(declared)
