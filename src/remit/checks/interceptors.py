"""An interceptor is an async function of one parameter, or an object that can be called like one."""

from __future__ import annotations

import inspect
from typing import Any

from remit.contexts import Context, Model
from remit.contexts.declarations import where
from remit.errors import Findings


def check_interceptors(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        for interceptor in context.interceptors:
            if not _is_one(interceptor):
                _report(context, interceptor, findings)


def _is_one(declared: Any) -> bool:
    called = type(declared).__call__ if callable(declared) else None
    if isinstance(declared, type) or not any(map(inspect.iscoroutinefunction, (declared, called))):
        return False
    try:
        inspect.signature(declared).bind(None)
    except TypeError:
        return False
    return True


def _report(context: Context[Any], declared: Any, findings: Findings) -> None:
    name = getattr(declared, "__name__", repr(declared))
    findings.report(
        "interceptor.kind", where(declared), f"{name} cannot be an interceptor of context {context.name!r}",
        expected="an async function that takes an Invocation, or an object with such a __call__",
        next=f"async def {name if name.isidentifier() else 'around'}(invocation: Invocation) -> Any",
    )  # fmt: skip
