"""A message has one owner. Only the owner handles, publishes, records or folds it."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.annotations import is_kind
from remit.contexts.model import OwnershipClaim, ownership_claims_of
from remit.errors import Findings
from remit.messages import Command, DomainEvent, Message, Query, declared_context


def check_ownership(model: Model, findings: Findings) -> None:
    claimed: dict[type[Message], OwnershipClaim] = {}
    for claim in (claim for context in (*model.contexts, *model.beside) for claim in ownership_claims_of(context)):
        owner, name = declared_context(claim.message), claim.message.__name__
        first = claimed.setdefault(claim.message, claim)
        if owner not in (None, claim.context):
            findings.report(
                "message.foreign", claim.place,
                f"{name} belongs to {owner!r}, and context {claim.context!r} uses it as only its owner may",
                expected=f"{name} handled, published, recorded or folded by context {owner!r}", next=_what_to_do(claim),
            )  # fmt: skip
        elif owner is None and first.context != claim.context:
            findings.report(
                "message.two-owners", claim.place,
                f"{name} is used as its own by context {first.context!r} ({first.place}) and by {claim.context!r}",
                expected="one owner per message", next=_what_to_do(claim),
            )  # fmt: skip


def _what_to_do(claim: OwnershipClaim) -> str:
    if is_kind(claim.message, DomainEvent):
        return "let its owner publish an integration event, and react to that event"
    if is_kind(claim.message, Command, Query):
        return "send or ask it: await sender.send(...), await sender.ask(...)"
    return "publish an integration event of your own"
