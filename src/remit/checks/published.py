"""An integration event that somebody follows has a publisher in this system: of one version that is followed.

Who follows several versions does so for the sake of releases that published the others.
"""

from __future__ import annotations

from remit.contexts import Followed, Model
from remit.contexts.annotations import announced_by, is_kind, published_by
from remit.errors import Findings
from remit.messages import IntegrationEvent, Message, contract_of


def check_published(model: Model, findings: Findings) -> None:
    published = {
        event for context in model.contexts for made in context.publishers for event in published_by(made.function)
    }
    published.update(event for context in model.contexts for event in context.outbox)
    published.update(event for context in model.contexts for event, _ in announced_by(context))
    followed: dict[tuple[str, str], list[type[Message]]] = {}
    for each in model.followed:
        if is_kind(each.event, IntegrationEvent) and model.owners.get(each.event) not in model.elsewhere:
            followed.setdefault(_version_of(model, each), []).append(each.event)
    for each in model.followed:
        versions = followed.get(_version_of(model, each), [])
        if versions and published.isdisjoint(versions):
            findings.report(
                "event.unpublished",
                each.place,
                f"context {each.context.name!r} follows {each.event.__name__},"
                " which no context of this system publishes",
                expected="a publisher that returns it",
                next=f"@{model.owners.get(each.event, '<context>')}.publish(<DomainEvent>)"
                f" def ...(event) -> {each.event.__name__}",
            )


def _version_of(model: Model, followed: Followed) -> tuple[str, str]:
    """The same for all versions of one event that one reaction or projection follows."""
    return followed.place, contract_of(followed.event, model.owners.get(followed.event, "")).type
