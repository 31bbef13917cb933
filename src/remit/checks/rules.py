"""All rules of a system, and what comes of them: findings, or a model."""

from __future__ import annotations

from collections.abc import Callable

from remit.checks.aggregates import check_aggregates
from remit.checks.bindings import check_bindings
from remit.checks.carried import check_carried
from remit.checks.coroutines import check_coroutines
from remit.checks.dependencies import check_dependencies
from remit.checks.edges import check_edges
from remit.checks.handled import check_handled
from remit.checks.interceptors import check_interceptors
from remit.checks.kept import check_kept
from remit.checks.names import check_names
from remit.checks.outbox import check_outbox
from remit.checks.own_events import check_own_events
from remit.checks.ownership import check_ownership
from remit.checks.projections import check_projections
from remit.checks.published import check_published
from remit.checks.publishers import check_publishers
from remit.checks.reactions import check_reactions
from remit.checks.refusals import check_refusals
from remit.checks.relations import check_relations
from remit.checks.services import check_services
from remit.checks.signatures import check_signatures
from remit.checks.subscriptions import check_subscriptions
from remit.checks.wire_names import check_wire_names
from remit.contexts import ContextMap, Model, derive
from remit.errors import Findings

Rule = Callable[[Model, Findings], None]
"""Reports what does not hold in a model. Each rule reads what it needs, whatever the others have found."""

RULES: tuple[Rule, ...] = (
    check_names,
    check_relations,
    check_edges,
    check_ownership,
    check_wire_names,
    check_bindings,
    check_own_events,
    check_coroutines,
    check_signatures,
    check_reactions,
    check_dependencies,
    check_publishers,
    check_subscriptions,
    check_services,
    check_outbox,
    check_handled,
    check_published,
    check_aggregates,
    check_projections,
    check_kept,
    check_carried,
    check_refusals,
    check_interceptors,
)
"""In the order in which their findings are told."""


def check(declared: ContextMap) -> Findings:
    """Everything in a context map that does not hold, in one list."""
    return _judge(derive(declared))


def model_of(declared: ContextMap) -> Model:
    """The model of a context map. Raises `ModelError` with every finding."""
    model = derive(declared)
    _judge(model).settle()
    return model


def _judge(model: Model) -> Findings:
    findings = Findings()
    for rule in RULES:
        rule(model, findings)
    return findings
