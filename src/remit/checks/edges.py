"""An edge belongs to a context of the system, and is passed to the system once."""

from __future__ import annotations

from remit.contexts import Model
from remit.errors import Findings, nearest, one_of


def check_edges(model: Model, findings: Findings) -> None:
    for name in sorted(model.with_edges - {*model.names}):
        near = nearest(name, model.names)
        findings.report(
            "edge.unknown-context", f"System({model.name!r})",
            f"there is an edge of {name!r}, which is not a context of the system",
            expected=one_of(model.names, "a context of the system, which has none"),
            next=f"did you mean {near!r}?"
            if near
            else f"add the context to System({model.name!r}), or correct the name: HttpEdge(<context or its name>)",
        )  # fmt: skip
    for number, edge in enumerate(model.edges):
        if edge in model.edges[:number]:
            findings.report(
                "edge.doubled", f"System({model.name!r})", f"{edge!r} is passed twice", expected="each edge once",
                next="remove one of them from edges=[...]",
            )  # fmt: skip
