"""What handlers ask for beside their message: each parameter is something that the context can give."""

from __future__ import annotations

import inspect
from typing import Any, get_args, get_origin

from remit.contexts.annotations import hints_of, is_kind, unresolved
from remit.contexts.context import Context
from remit.contexts.declarations import Handler, Later, where
from remit.contexts.ports import Clock, Ids, Repository, Sender, Sql, View
from remit.domain import Aggregate
from remit.findings import Findings
from remit.messages import Command

__all__ = ["check_dependencies"]

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def check_dependencies(context: Context[Any], findings: Findings) -> None:
    """Reports every parameter that nothing provides. What cannot be read at all is reported with its handler."""
    for handler in context.handlers:
        if unresolved(handler.function) is not None:
            continue
        hints = hints_of(handler.function)
        for parameter in list(inspect.signature(handler.function).parameters.values())[1:]:
            if parameter.kind not in _BY_POSITION:
                _report_kind(handler, parameter, findings)
                continue
            wanted = hints.get(parameter.name, "Type")
            if not _is_given(context, wanted):
                _report_missing(context, handler, parameter.name, wanted, findings)


def _is_given(context: Context[Any], wanted: Any) -> bool:
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Repository:
        return is_kind(arguments[0], Aggregate)
    if origin is View:
        return arguments[0] in context.projections
    if origin is Later:
        return is_kind(arguments[0], Command)
    return wanted in (Sender, Clock, Ids, Sql, *context.provided)


def _report_kind(handler: Handler, parameter: inspect.Parameter, findings: Findings) -> None:
    findings.report(
        "handler.parameters",
        where(handler.function),
        f"parameter {parameter.name!r} of {handler.name} is {parameter.kind.description}",
        expected="parameters that can be given by position: the message first, then what the handler asks for",
    )


def _report_missing(context: Context[Any], handler: Handler, name: str, wanted: Any, findings: Findings) -> None:
    given = ["Repository[...]", "View[...]", "Later[...]", *map(_name, (Sender, Clock, Ids, *context.provided))]
    findings.report(
        "handler.dependency",
        where(handler.function),
        f"nothing provides parameter {name!r} of {handler.name}: {_name(wanted)}",
        expected=", ".join(given),
        next=_what_to_do(context, wanted),
    )


def _what_to_do(context: Context[Any], wanted: Any) -> str:
    origin = get_origin(wanted)
    if origin in (Repository, Later):
        return "Repository[<an aggregate>]" if origin is Repository else "Later[<a command>]"
    if origin is View:
        return f"@{context.name}.project class {_name(get_args(wanted)[0])}(Projection[...])"
    return f"{context.name}.provide({_name(wanted)}, <zero-argument callable>)"


def _name(declared: Any) -> str:
    return getattr(declared, "__name__", str(declared))
