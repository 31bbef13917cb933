"""A read model that is built from the states of aggregates follows the same context as these, under the same keys."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from remit.contexts import Context, Model
from remit.contexts.annotations import aggregates_of, is_kind, name_of, projected_by, projections_of
from remit.contexts.rebuilding import FromState
from remit.domain import Aggregate, Projection
from remit.errors import Findings
from remit.messages import DomainEvent, parameter_of

Fault = tuple[str, str, str]
"""What is wrong, what is expected, and what to do next."""


def check_from_states(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        for declared in context.states:
            fault = next(_faults(model, context, declared), None)
            if fault is not None:
                what, expected, next_step = fault
                findings.report("projection.state", declared.place, what, expected=expected, next=next_step)


def _faults(model: Model, context: Context[Any], declared: FromState) -> Iterator[Fault]:
    projection, aggregate = name_of(declared.projection), name_of(declared.aggregate)
    if declared.projection not in projections_of(context):
        yield (
            f"{projection} is not a projection of {context.name!r}", f"a projection of {context.name!r}",
            f"@{context.name}.project",
        )  # fmt: skip
    if declared.aggregate not in [each for each, _ in aggregates_of(context)]:
        yield (
            f"{aggregate} is not an aggregate that a handler of {context.name!r} asks for",
            f"an aggregate whose state {context.name!r} stores",
            f"name an aggregate of {context.name!r}; or rebuild {projection} from the log",
        )  # fmt: skip
    if next(each for each in context.states if each.projection is declared.projection) is not declared:
        yield f"{projection} is built from states twice", "one function for each projection", "remove one of them"
    if inspect.iscoroutinefunction(declared.function):
        yield "the function is async", "a pure function: def", "remove async"
    yield from _key_faults(declared, projection, aggregate)
    for event in projected_by(declared.projection):
        if not is_kind(event, DomainEvent) or model.owners.get(event) != context.name:
            yield (
                f"{projection} also follows {event.__name__}, of which the state of {aggregate} may say nothing",
                f"a projection of domain events of {context.name!r} only",
                "rebuild it from the log, or make two projections",
            )  # fmt: skip


def _key_faults(declared: FromState, projection: str, aggregate: str) -> Iterator[Fault]:
    key, identity = parameter_of(declared.projection, Projection)[:1], parameter_of(declared.aggregate, Aggregate)[:1]
    if key and identity and key != identity:
        yield (
            f"the key of {projection} is {name_of(key[0])}, and the identity of {aggregate} is {name_of(identity[0])}",
            f"a projection whose documents have the identities of {aggregate} as keys",
            "rebuild it from the log: a document that is made of several aggregates is not built from one state",
        )  # fmt: skip
