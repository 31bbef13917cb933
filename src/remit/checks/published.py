"""An integration event that is followed has a publisher in this system, for at least one of the followed versions.

A subscription follows older versions too if older releases have published them.
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
    reported: set[tuple[str, str]] = set()
    for each in model.followed:
        key = _version_of(model, each)
        versions = followed.get(key, [])
        if versions and published.isdisjoint(versions) and key not in reported:
            if each.named is not None:  # a base class stands for several events; one finding is enough
                reported.add(key)
            name = (each.named or each.event).__name__
            findings.report(
                "event.unpublished",
                each.place,
                f"context {each.context.name!r} follows {name}, which no context of this system publishes",
                expected=f"a publisher that returns {name}",
                next=f"@{model.owners.get(each.event, '<context>')}.publish(<DomainEvent>) def ...(event) -> {name}",
            )


def _version_of(model: Model, followed: Followed) -> tuple[str, str]:
    """A key that is equal for all versions of one event that one reaction or projection follows."""
    named = followed.named or followed.event
    return followed.place, contract_of(named, model.owners.get(named, "")).type
