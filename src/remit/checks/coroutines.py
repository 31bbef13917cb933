"""What handles a message is an async function; a publisher, which runs inside of the transaction, is a plain one."""

from __future__ import annotations

import inspect

from remit.contexts import PUBLISHER, Handler, Model
from remit.errors import Findings


def check_coroutines(model: Model, findings: Findings) -> None:
    for bound in (bound for context in model.contexts for bound in context.functions if bound.fits):
        is_async = inspect.iscoroutinefunction(bound.function)
        if bound.role is PUBLISHER and is_async:
            _report_async(bound, findings)
        elif bound.role is not PUBLISHER and not is_async:
            _report_sync(bound, findings)


def _report_async(publisher: Handler, findings: Findings) -> None:
    findings.report(
        "publisher.async", publisher.place, f"{publisher.name} is async, and a publisher runs inside the transaction",
        expected="a plain function without I/O",
        next=f"def {publisher.name}(event: {publisher.message.__name__}) -> ...",
    )  # fmt: skip


def _report_sync(handler: Handler, findings: Findings) -> None:
    findings.report(
        "handler.sync", handler.place, f"{handler.name} handles {handler.message.__name__} and is no async function",
        expected="an async function", next=f"async def {handler.name}(...)",
    )  # fmt: skip
