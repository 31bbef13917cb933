"""The first parameter of a function takes the message, and is annotated with its class or a base of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from remit.contexts import PUBLISHER, Handler, Model
from remit.contexts.annotations import first_parameter, is_kind, is_loose_method, name_of, unresolved
from remit.contexts.declarations import where
from remit.errors import Findings
from remit.messages import union_members


def check_signatures(model: Model, findings: Findings) -> None:
    for bound in (bound for context in model.contexts for bound in context.functions if bound.fits):
        _check(bound, "publisher" if bound.role is PUBLISHER else "handler", findings)


def _check(bound: Handler, kind: str, findings: Findings) -> None:
    function = bound.method or bound.function
    name, message, place = function.__name__, bound.message, where(function)
    if error := unresolved(function) or unresolved(bound.function):
        findings.report(
            f"{kind}.annotation", place, f"an annotation of {name} cannot be evaluated: {error}",
            expected="types that the module of the function imports at run time",
            next="import the type outside of `if TYPE_CHECKING:`",
        )  # fmt: skip
        return
    first = first_parameter(function, method=bound.method is not None)
    if is_loose_method(bound):
        findings.report(
            f"{kind}.method", place, f"{name} is a method, and its class is not a policy",
            expected="a function, or a method of a policy", next="@context.policy above the class",
        )  # fmt: skip
    elif first is None:
        findings.report(
            f"{kind}.parameters", place, f"{name} has no parameter for its message",
            expected="the message as the first parameter", next=f"def {name}(message: {message.__name__}, ...)",
        )  # fmt: skip
    elif not any(member is Any or is_kind(message, member) for member in union_members(first[1]) if _is_type(member)):
        findings.report(
            f"{kind}.message", place,
            f"{name} is bound to {message.__name__}, and its parameter {first[0]!r} takes {name_of(first[1])}",
            expected=f"{first[0]}: {message.__name__}",
            next="name the same message in the decorator and in the annotation",
        )  # fmt: skip
    elif bound.method is not None and (asked := _asked_by_method(function)):
        findings.report(
            "policy.parameters", place, f"{name} is a method of a policy and asks for {', '.join(asked)}",
            expected="the event alone: the parameters of __init__ ask for dependencies",
            next=f"move {', '.join(asked)} to __init__, and read it from self",
        )  # fmt: skip


def _asked_by_method(function: Callable[..., Any]) -> list[str]:
    """The parameters of a policy's method that need a value, behind `self` and the event."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = list(inspect.signature(function).parameters.values())[2:]
    return [each.name for each in parameters if each.default is each.empty and each.kind not in kinds]


def _is_type(declared: Any) -> bool:
    return declared is Any or isinstance(declared, type)
