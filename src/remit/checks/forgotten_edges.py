"""Notes an edge in a module of a context that the system does not have, because nothing serves its routes."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.edges import HttpEdge
from remit.errors import Findings


def check_forgotten_edges(model: Model, findings: Findings) -> None:
    known = [*model.edges]
    for home in model.homes:
        names = {context.name for context in home.contexts} - {*model.edges_elsewhere}
        for module in home.modules:
            for value in list(vars(module).values()):
                if isinstance(value, HttpEdge) and value.context in names and value not in known:
                    known.append(value)
                    findings.note(
                        "edge.forgotten", module.__name__,
                        f"{module.__name__} declares {value!r}, which this system does not have: nothing serves its"
                        " routes",
                        expected="System(edges=[...]) with the edge",
                        next="pass the edge to the System that serves its routes",
                    )  # fmt: skip
