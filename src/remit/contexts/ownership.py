"""Whose a message is: the context that its module names, else the one that handles, publishes, records or folds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from remit.contexts.annotations import aggregates_of, is_kind, projected_by, published_by, recorded_by, sent_later
from remit.contexts.context import Context
from remit.contexts.declarations import where
from remit.findings import Findings
from remit.messages import (
    Command,
    Contract,
    DomainEvent,
    IntegrationEvent,
    Message,
    Query,
    contract_of,
    declared_context,
)

__all__ = ["name_messages", "settle_owners"]


@dataclass(frozen=True)
class _Claim:
    """A context does something with a message that only its owner may do."""

    context: str
    message: type[Message]
    place: str


def settle_owners(contexts: Sequence[Context[Any]], findings: Findings) -> dict[type[Message], str]:
    """The owner of each message that a declaration names. Reports messages claimed by another than their owner."""
    owners: dict[type[Message], str] = {}
    claimed: dict[type[Message], _Claim] = {}
    for claim in (claim for context in contexts for claim in _claims(context)):
        named = declared_context(claim.message)
        owners.setdefault(claim.message, named or claim.context)
        first = claimed.setdefault(claim.message, claim)
        if named not in (None, claim.context):
            _report_foreign(claim, named, findings)
        elif named is None and first.context != claim.context:
            _report_two_owners(first, claim, findings)
    for message in (message for context in contexts for message in _used(context)):
        if is_kind(message, Message) and (named := declared_context(message)):
            owners.setdefault(message, named)
    return owners


def name_messages(owners: dict[type[Message], str], findings: Findings) -> dict[type[Message], Contract]:
    """The contract of each message. Reports messages that share a wire name and version."""
    taken: dict[tuple[str, int], type[Message]] = {}
    contracts: dict[type[Message], Contract] = {}
    for message, owner in owners.items():
        contract = contracts[message] = contract_of(message, owner)
        other = taken.setdefault((contract.type, contract.version), message)
        if other is not message:
            findings.report(
                "message.collision",
                where(message),
                f"{where(other)} and {where(message)} share the wire name {contract.type} version {contract.version}",
                expected="one class per wire name and version",
                next=f'name one of them: class {message.__name__}(..., name="...")',
            )
    return contracts


def _claims(context: Context[Any]) -> Iterator[_Claim]:
    for handler in context.handlers:
        if is_kind(handler.message, Command, Query, DomainEvent):
            yield _Claim(context.name, handler.message, where(handler.function))
    for publisher in context.publishers:
        place = where(publisher.function)
        yield from _claim(context, [publisher.event] if is_kind(publisher.event, DomainEvent) else [], place)
        yield from _claim(context, published_by(publisher.function), place)
    for aggregate, _ in aggregates_of(context):
        yield from _claim(context, recorded_by(aggregate), where(aggregate))
    for projection in context.projections:
        own = [event for event in projected_by(projection) if is_kind(event, DomainEvent)]
        yield from _claim(context, own, where(projection))
    yield from _claim(context, [event for event in context.outbox if is_kind(event, IntegrationEvent)], repr(context))


def _used(context: Context[Any]) -> Iterator[Any]:
    """Every message that a context reacts to, folds or sends for later, whosever it is."""
    yield from (handler.message for handler in context.handlers)
    yield from (event for projection in context.projections for event in projected_by(projection))
    yield from (command for command, _ in sent_later(context))
    yield from context.outbox


def _claim(context: Context[Any], messages: Iterable[type[Message]], place: str) -> Iterator[_Claim]:
    for message in messages:
        yield _Claim(context.name, message, place)


def _report_foreign(claim: _Claim, owner: str | None, findings: Findings) -> None:
    name = claim.message.__name__
    findings.report(
        "message.foreign",
        claim.place,
        f"{name} belongs to {owner!r}, and context {claim.context!r} declares what only its owner may",
        expected=f"{name} handled, published, recorded or folded by context {owner!r}",
        next=_what_to_do(claim),
    )


def _report_two_owners(first: _Claim, second: _Claim, findings: Findings) -> None:
    name = second.message.__name__
    findings.report(
        "message.two-owners",
        second.place,
        f"{name} is taken for its own by context {first.context!r} ({first.place}) and by {second.context!r}",
        expected="one owner per message",
        next=_what_to_do(second),
    )


def _what_to_do(claim: _Claim) -> str:
    if is_kind(claim.message, DomainEvent):
        return "let its owner publish an integration event, and react to that one"
    if is_kind(claim.message, Command, Query):
        return "send or ask it: await sender.send(...), await sender.ask(...)"
    return "publish an integration event of your own"
