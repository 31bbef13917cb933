"""A state whose class has a version above 1 has an upcaster for the version before."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.annotations import aggregates_of, projections_of, records_of
from remit.contexts.upcasting import state_upcasters
from remit.errors import Findings


def check_unread_versions(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        stored = [each for each, _ in aggregates_of(context)] + [*projections_of(context)]
        for each in dict.fromkeys([*stored, *(record for record, _ in records_of(context))]):
            before = getattr(each, "__remit_version__", 1) - 1
            if before and before not in state_upcasters(context.upcasters, each):
                findings.note(
                    "upcaster.missing", f"{each.__module__}.{each.__qualname__}",
                    f"{each.__name__} has version {before + 1}, and no upcaster reads version {before}",
                    expected="an upcaster, unless `remit upcast` has rewritten every state",
                    next=f"@{context.name}.upcast({each.__name__}, version={before})",
                )  # fmt: skip
