"""A service has a type by which handlers ask for it, and a callable that makes it."""

from __future__ import annotations

from typing import Any

from remit.contexts import Model
from remit.errors import Findings


def check_services(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        provided: dict[Any, Any] = {**context.provided}
        for service, make in provided.items():
            if not isinstance(service, type) or not callable(make):
                findings.report(
                    "service.kind", repr(context),
                    f"provide({service!r}, {make!r}) does not name a service and a callable that makes it",
                    expected="a class or protocol, and a callable without parameters",
                    next=f"{context.name}.provide(<class>, <callable without parameters>)",
                )  # fmt: skip
