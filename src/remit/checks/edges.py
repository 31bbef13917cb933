"""An edge is that of a context of the system, and each is given once."""

from __future__ import annotations

from remit.contexts import Model
from remit.errors import Findings


def check_edges(model: Model, findings: Findings) -> None:
    for name in sorted(model.with_edges - {*model.names}):
        findings.report(
            "edge.unknown-context", f"System({model.name!r})",
            f"there is an edge of {name!r}, which is not part of the system",
            expected=f"one of: {', '.join(model.names)}", next="HttpEdge(CONTEXT) with the context, or its name",
        )  # fmt: skip
    for number, edge in enumerate(model.edges):
        if edge in model.edges[:number]:
            findings.report(
                "edge.doubled", f"System({model.name!r})", f"{edge!r} is given twice", expected="each edge once",
                next="leave one of them out",
            )  # fmt: skip
