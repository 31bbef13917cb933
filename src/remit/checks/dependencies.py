"""The context can provide every dependency that its handlers ask for.

A parameter that cannot be passed by position is reported too.
"""

from __future__ import annotations

import inspect
from typing import Any, cast, get_origin

from remit.contexts import INJECTABLES, SERVICE, Context, Handler, Model
from remit.contexts.annotations import Asked, asked_by, is_kind, is_loose_method
from remit.contexts.policies import init_of
from remit.contexts.ports import CLAIMS, RECORDS, REPOSITORY, VIEW
from remit.errors import Findings
from remit.messages import union_members

_HELD = (REPOSITORY, RECORDS, CLAIMS, VIEW)
"""The dependencies through which a handler reaches what a context keeps."""
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def check_dependencies(model: Model, findings: Findings) -> None:
    for context, handler in ((each, handler) for each in model.contexts for handler in each.handlers):
        if is_loose_method(handler):
            continue
        if _was_made_anew(handler):
            findings.report(
                "policy.order", handler.place,
                f"another decorator changed the __init__ of {handler.name} after @{context.name}.policy",
                expected=f"@{context.name}.policy as the first line above the class",
                next="move it above every other decorator of the class",
            )  # fmt: skip
            continue
        parameters = inspect.signature(handler.function).parameters
        for asked in asked_by(context, handler):
            parameter = parameters[asked.parameter]
            if parameter.kind not in _BY_POSITION:
                findings.report(
                    "handler.parameters", handler.place,
                    f"parameter {parameter.name!r} of {handler.name} is {parameter.kind.description}",
                    expected="parameters that can be given by position: the message first,"
                    " then what the handler asks for", next=f"remove '*' and defaults before {parameter.name}",
                )  # fmt: skip
            elif not _is_given(context, asked):
                _report_missing(context, handler, asked, findings)


def _was_made_anew(handler: Handler) -> bool:
    function: Any = handler.function
    return handler.method is not None and init_of(function.__remit_policy__) is not function.__wrapped__


def _is_given(context: Context[Any], asked: Asked) -> bool:
    kind = asked.injectable
    if kind is SERVICE:
        return asked.wanted in [*context.provided]
    subjects = union_members(asked.subject) if kind.several else (asked.subject,)
    fits = kind.of is None or all(is_kind(each, kind.of) for each in subjects)
    return fits and kind.is_known(context, asked.subject)


def _report_missing(context: Context[Any], handler: Handler, asked: Asked, findings: Findings) -> None:
    wanted = _name(asked.wanted)
    port = next((each for each in _HELD if is_kind(asked.wanted, cast("type", each.of))), None)
    remedy = f"{asked.parameter}: {port.port.__name__}[{wanted}]" if port else asked.injectable.remedy
    generic = get_origin(asked.subject)
    if asked.injectable.of is not None and is_kind(generic, asked.injectable.of):
        name, form = _name(generic), asked.injectable.port.__name__
        findings.report(
            "handler.dependency", handler.place,
            f"parameter {asked.parameter!r} of {handler.name} asks for {form}[{name}[...]], and a generic class cannot"
            " be stored: it has one name for all its types",
            expected=f"a class of its own for each type: {form}[<a subclass of {name}>]",
            next=f"class My{name}({name}[...]): ..., and {asked.parameter}: {form}[My{name}]",
        )  # fmt: skip
        return
    findings.report(
        "handler.dependency", handler.place,
        f"nothing provides parameter {asked.parameter!r} of {handler.name}: {wanted}",
        expected=", ".join([*(each.told for each in INJECTABLES), *map(_name, context.provided)]),
        next=remedy.format(context=context.name, wanted=wanted, subject=_name(asked.subject)),
    )  # fmt: skip


def _name(declared: Any) -> str:
    return getattr(declared, "__name__", str(declared))
