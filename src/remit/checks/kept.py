"""Each aggregate, record, claim and projection of a context has a name of its own, because it is stored under it."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.annotations import aggregates_of, claims_by, is_kind, projections_of, records_of
from remit.contexts.declarations import where
from remit.domain import Projection
from remit.errors import Findings


def check_kept(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        named: dict[str, type] = {}
        asked = (kept for kind in (aggregates_of, records_of, claims_by) for kept, _ in kind(context))
        for kept in (*asked, *projections_of(context)):
            other = named.setdefault(kept.__name__, kept)
            if other is not kept:
                findings.report(
                    "projection.same-name" if is_kind(kept, Projection) else "aggregate.same-name", where(kept),
                    f"{where(other)} and {where(kept)} share the name {kept.__name__} in context {context.name!r}",
                    expected="one aggregate, record, claim or projection per name, because it is stored under it",
                    next="rename one of them",
                )  # fmt: skip
