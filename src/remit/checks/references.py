"""An aggregate, a record or a message refers to an aggregate by its identity, and does not hold it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remit.contexts import Model
from remit.contexts.annotations import aggregates_of, is_kind, name_of, projections_of, records_of
from remit.contexts.declarations import where
from remit.domain import Aggregate
from remit.errors import Findings
from remit.messages import not_carried, parameter_of, records_within


def check_references(model: Model, findings: Findings) -> None:
    kept: list[type] = []
    for context in model.contexts:
        kept += [each for kind in (aggregates_of, records_of) for each, _ in kind(context)]
        kept += projections_of(context)
    for declared in dict.fromkeys((*kept, *model.owners)):
        if not_carried(declared) is not None:  # another rule reports it, and it has no description
            continue
        for path, held in _held_by(declared):
            identity = name_of(next(iter(parameter_of(held, Aggregate)), Any))
            findings.report(
                "aggregate.reference", where(declared),
                f"{declared.__name__}.{path} holds {held.__name__}, which is an aggregate with an identity of its own",
                expected=f"its identity, which has the type {identity}",
                next=f"{path.rpartition('.')[2]}: {identity}; or make {held.__name__} a Value, if it is a mere part",
            )  # fmt: skip


def _held_by(declared: type) -> Iterator[tuple[str, type]]:
    """The aggregates that a class holds, each with a path of fields to it."""
    yield from ((path, held) for path, held in records_within(declared) if is_kind(held, Aggregate))
