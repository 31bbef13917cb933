"""The lists of all rules, and the functions that apply them: they return findings, or a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from remit.checks.aggregates import check_aggregates
from remit.checks.bindings import check_bindings
from remit.checks.carried import check_carried
from remit.checks.coroutines import check_coroutines
from remit.checks.covered import check_covered
from remit.checks.deferred import check_deferred
from remit.checks.dependencies import check_dependencies
from remit.checks.edges import check_edges
from remit.checks.forgotten import check_forgotten
from remit.checks.forgotten_edges import check_forgotten_edges
from remit.checks.from_states import check_from_states
from remit.checks.gateways import check_gateways
from remit.checks.handled import check_handled
from remit.checks.interceptors import check_interceptors
from remit.checks.kept import check_kept
from remit.checks.kernels import check_kernels
from remit.checks.listed import check_listed
from remit.checks.names import check_names
from remit.checks.one_aggregate import check_one_aggregate
from remit.checks.outbox import check_outbox
from remit.checks.own_events import check_own_events
from remit.checks.ownership import check_ownership
from remit.checks.projections import check_projections
from remit.checks.published import check_published
from remit.checks.publishers import check_publishers
from remit.checks.reactions import check_reactions
from remit.checks.references import check_references
from remit.checks.refusals import check_refusals
from remit.checks.relations import check_relations
from remit.checks.replies import check_replies
from remit.checks.row_models import check_row_models
from remit.checks.services import check_services
from remit.checks.short_logs import check_short_logs
from remit.checks.signatures import check_signatures
from remit.checks.sourced import check_sourced
from remit.checks.subscriptions import check_subscriptions
from remit.checks.translations import check_translations
from remit.checks.unfollowed import check_unfollowed
from remit.checks.unheard import check_unheard
from remit.checks.unread_versions import check_unread_versions
from remit.checks.unrecorded import check_unrecorded
from remit.checks.unrelated import check_unrelated
from remit.checks.unsigned_keys import check_unsigned_keys
from remit.checks.unused import check_unused
from remit.checks.unused_events import check_unused_events
from remit.checks.upcasters import check_upcasters
from remit.checks.wire_names import check_wire_names
from remit.contexts import ContextMap, Model, derive
from remit.errors import Finding, Findings
from remit.messages.once import unchanged

Rule = Callable[[Model, Findings], None]
"""Reports the faults of a model. A rule does not depend on the findings of other rules."""

RULES: tuple[Rule, ...] = (
    check_names,
    check_relations,
    check_listed,
    check_covered,
    check_kernels,
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
    check_translations,
    check_outbox,
    check_deferred,
    check_handled,
    check_replies,
    check_published,
    check_aggregates,
    check_references,
    check_sourced,
    check_upcasters,
    check_projections,
    check_row_models,
    check_from_states,
    check_forgotten,
    check_kept,
    check_carried,
    check_refusals,
    check_interceptors,
)
"""The rules whose findings prevent a start, in the order in which their findings are reported."""

NOTED: tuple[Rule, ...] = (
    check_relations,  # it finds faults and adds notes
    check_unfollowed,
    check_unrecorded,
    check_forgotten_edges,
    check_unheard,
    check_one_aggregate,
    check_unused,
    check_unused_events,
    check_unrelated,
    check_unsigned_keys,
    check_gateways,
    check_unread_versions,
    check_short_logs,
)
"""The rules that add notes, in the order in which their notes are reported."""


@unchanged()
def check(declared: ContextMap) -> Findings:
    """All findings of a context map in one list, with the notes beside it. Raises nothing."""
    model = derive(declared)
    return Findings(_judge(model, RULES), notes=notes_on(model))


@unchanged()
def model_of(declared: ContextMap, found: Iterable[Finding] = ()) -> Model:
    """The model of a context map. Raises `ModelError` with all findings, including those in `found`."""
    model = derive(declared)
    Findings([*_judge(model, RULES), *found]).settle()
    return model


@unchanged()
def notes_on(model: Model) -> list[Finding]:
    """The notes on a model: declarations that are allowed but may be mistakes."""
    return list(dict.fromkeys(_judge(model, NOTED).notes))


def _judge(model: Model, rules: Iterable[Rule]) -> Findings:
    findings = Findings()
    for rule in rules:
        rule(model, findings)
    return findings
