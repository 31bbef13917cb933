"""A handler is an async function. A publisher is a plain function, because it runs inside the transaction."""

from __future__ import annotations

import inspect

from remit.contexts import PUBLISHER, Model
from remit.errors import Findings


def check_coroutines(model: Model, findings: Findings) -> None:
    for bound in (bound for context in model.contexts for bound in context.functions if bound.fits):
        message = bound.message.__name__
        function = bound.method or bound.function
        name, is_async, may_wait = function.__name__, inspect.iscoroutinefunction(function), bound.role is not PUBLISHER
        if is_async and not may_wait:
            findings.report(
                "publisher.async", bound.place, f"{name} is async, and a publisher runs inside the transaction",
                expected="a plain function without I/O", next=f"def {name}(event: {message}) -> ...",
            )  # fmt: skip
        elif may_wait and not is_async:
            findings.report(
                "handler.sync", bound.place, f"{name} handles {message} and is not an async function",
                expected="an async function", next=f"async def {name}(...)",
            )  # fmt: skip
