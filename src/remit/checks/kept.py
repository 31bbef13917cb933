"""What two rules say of aggregates and projections: what a context keeps is stored under its name."""

from __future__ import annotations

from remit.contexts.declarations import where
from remit.findings import Findings

__all__ = ["report_same_name"]


def report_same_name(kind: str, context: str, one: type, other: type, findings: Findings) -> None:
    """Reports two classes of one name."""
    findings.report(
        f"{kind}.same-name",
        where(other),
        f"{where(one)} and {where(other)} share the name {other.__name__} in context {context!r}",
        expected="one aggregate or projection per name: what it keeps is stored under it",
        next="rename one of them",
    )
