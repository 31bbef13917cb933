"""The context map: contexts and their relations, with every message's owner; checked as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from remit.contexts.annotations import aggregates_of, is_kind, projected_by, published_by
from remit.contexts.bindings import check_complete, check_handlers, check_publishers
from remit.contexts.context import Context
from remit.contexts.declarations import ClientOf, where
from remit.contexts.dependencies import check_dependencies
from remit.contexts.documents import check_aggregates, check_projections
from remit.contexts.ownership import name_messages, settle_owners
from remit.contexts.relations import Relation
from remit.contexts.subscriptions import check_subscriptions
from remit.domain import Projection
from remit.findings import Findings
from remit.messages import (
    Command,
    Contract,
    DomainEvent,
    IntegrationEvent,
    Message,
    Query,
    Refusal,
    contract_of,
    not_a_key,
    not_carried,
    reply_of,
)

__all__ = ["ContextMap"]

_NAME = re.compile(r"(?!.{64})[a-z][a-z0-9_]*(-[a-z0-9_]+)*")
_A_NAME = "at most 63 lower-case letters, digits, '_' and single '-' between them, beginning with a letter"
"""So that it can be part of other names, and two names that are joined by `--` can be told apart again."""


class ContextMap:
    """Contexts and relations. `contracts` (message class → contract) is complete once `check` has run clean.

    `elsewhere` are the names of contexts that belong to the system and are not known here: other processes host them.
    """

    def __init__(
        self,
        name: str,
        *,
        contexts: Sequence[Context[Any]],
        relations: Sequence[Relation] = (),
        elsewhere: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.contexts = tuple(contexts)
        self.relations = tuple(relations)
        self.elsewhere = tuple(elsewhere)
        self.client_of: ClientOf | None = None
        """Tells clients of the HTTP edge apart; None where their credentials do."""
        self.beside: tuple[Context[Any], ...] = ()
        """Those of the contexts elsewhere whose declarations are known here all the same."""
        self.contracts: dict[type[Message], Contract] = {}
        self.owners: dict[type[Message], str] = {}

    def check(self) -> Findings:
        """Everything in the map that does not hold, in one list."""
        findings = Findings()
        self._check_names(findings)
        self._check_relations(findings)
        self.owners = settle_owners((*self.contexts, *self.beside), findings)
        self.contracts = name_messages(self.owners, findings)
        for context in self.contexts:
            check_handlers(context, findings)
            check_dependencies(context, findings)
            check_publishers(context, findings)
            check_subscriptions(context, findings)
            _check_services(context, findings)
            _check_outbox(context, findings)
        check_complete(self.contexts, self.elsewhere, self.owners, findings)
        self._check_subscribed(findings)
        check_aggregates(self.contexts, findings)
        check_projections(self.contexts, findings)
        self._check_carried(findings)
        return findings

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all contexts of the system."""
        return (*(context.name for context in self.contexts), *self.elsewhere)

    def subscribed(self) -> Iterator[tuple[Context[Any], type[Message], str]]:
        """Every event followed by a reaction or a projection, with the follower and its place."""
        for context in self.contexts:
            for handler in context.handlers:
                if handler.role == "reaction" and is_kind(handler.message, DomainEvent, IntegrationEvent):
                    yield context, handler.message, where(handler.function)
            for projection in context.projections:
                for event in projected_by(projection):
                    yield context, event, where(projection)

    def _check_names(self, findings: Findings) -> None:
        if not _NAME.fullmatch(self.name):
            findings.report(
                "system.name",
                f"System({self.name!r})",
                f"{self.name!r} is no name for a system",
                expected=_A_NAME,
                next='rename it: System("...")',
            )
        seen: set[str] = set()
        for context in self.contexts:
            if not _NAME.fullmatch(context.name):
                findings.report(
                    "context.name",
                    repr(context),
                    f"{context.name!r} is no name for a context",
                    expected=_A_NAME,
                )
            if context.name in seen:
                findings.report(
                    "context.duplicate",
                    repr(context),
                    f"two contexts are called {context.name!r}",
                    expected="one context per name",
                    next='rename one of them: Context("...")',
                )
            seen.add(context.name)

    def _check_relations(self, findings: Findings) -> None:
        for relation in self.relations:
            kind = type(relation).__name__
            for party in relation.parties:
                if not self._has(party):
                    findings.report(
                        "relation.unknown-context",
                        f"System({self.name!r})",
                        f"{kind} names {party!r}, which is not part of the system",
                        expected=f"one of: {', '.join(self.names)}",
                        next=f"add it: System({self.name!r}, contexts=[..., {_name_of(party)}])",
                    )
            if len(relation.parties) > len(set(map(_name_of, relation.parties))):
                findings.report(
                    "relation.self",
                    f"System({self.name!r})",
                    f"{kind} relates {relation.parties[0]!r} to itself",
                    expected="two contexts",
                )

    def _has(self, party: Context[Any] | str) -> bool:
        """Whether it is part of the system. A context that is hosted elsewhere is known by its name only."""
        return party in self.contexts or party in self.names or _name_of(party) in self.elsewhere

    def _check_subscribed(self, findings: Findings) -> None:
        """An integration event that somebody follows has a publisher in this system: of one version that is followed.

        Who follows several versions does so for the sake of releases that published the others.
        """
        published = {
            event for context in self.contexts for made in context.publishers for event in published_by(made.function)
        }
        published.update(event for context in self.contexts for event in context.outbox)
        followed: dict[tuple[str, str], list[type[Message]]] = {}
        for _, event, place in self.subscribed():
            if is_kind(event, IntegrationEvent) and self.owners.get(event) not in self.elsewhere:
                followed.setdefault((place, self._type_of(event)), []).append(event)
        for context, event, place in self.subscribed():
            versions = followed.get((place, self._type_of(event)), [])
            if versions and published.isdisjoint(versions):
                findings.report(
                    "event.unpublished",
                    place,
                    f"context {context.name!r} follows {event.__name__}, which no context of this system publishes",
                    expected="a publisher that returns it",
                    next=f"@{self.owners.get(event, '<context>')}.publish(<DomainEvent>)"
                    f" def ...(event) -> {event.__name__}",
                )

    def _type_of(self, event: type[Message]) -> str:
        return contract_of(event, self.owners.get(event, "")).type

    def _check_carried(self, findings: Findings) -> None:
        """Whatever is stored or travels can be written and read back: messages, replies, refusals, documents."""
        aggregates = {kept for context in self.contexts for kept, _ in aggregates_of(context)}
        projections = {kept for context in self.contexts for kept in context.projections if is_kind(kept, Projection)}
        kept: list[type] = [*self.owners, *sorted(aggregates | projections, key=where)]
        for declared in kept:
            _check_carried(declared, declared, findings)
            _check_key(declared, "id" if declared in aggregates else getattr(declared, "__remit_key__", None), findings)
            if is_kind(declared, Command, Query):
                _check_answers(declared, findings)


def _name_of(party: Context[Any] | str) -> str:
    return party if isinstance(party, str) else party.name


def _check_answers(message: type[Message], findings: Findings) -> None:
    reply, refusals = reply_of(message)
    _check_carried(reply, message, findings)
    names: set[str] = set()
    for refusal in refusals:
        if not is_kind(refusal, Refusal):
            findings.report(
                "refusal.kind",
                where(message),
                f"{message.__name__} declares {refusal!r} as a refusal",
                expected="subclasses of Refusal: Command[Reply, OneRefusal | OtherRefusal]",
            )
            continue
        if refusal.__name__ in names:
            findings.report(
                "refusal.collision",
                where(message),
                f"{message.__name__} declares two refusals called {refusal.__name__}",
                expected="one refusal per name: the wire knows it by its name",
                next="rename one of them",
            )
        names.add(refusal.__name__)
        _check_carried(refusal, message, findings)


def _check_carried(declared: Any, message: type, findings: Findings) -> None:
    why = not_carried(declared)
    if why is not None:
        findings.report(
            "message.not-encodable",
            where(message),
            f"{getattr(declared, '__name__', declared)} cannot travel: {why}",
            expected="types JSON can carry: str, int, bool, float, Decimal, datetime, UUID, list, dict, Value, unions",
            next="tell them apart: class ...(Value, tag=True)" if "must be tagged" in why else "",
        )


def _check_key(declared: type, field: str | None, findings: Findings) -> None:
    """Identities and ordering keys are stored as texts."""
    if field is None or not_carried(declared) is not None:
        return
    why = not_a_key(declared, field)
    if why is not None:
        findings.report(
            "message.not-a-key",
            where(declared),
            f"{declared.__name__} cannot go by {field}: {why}",
            expected="a text, number, UUID, date or time, an enumeration of texts or numbers (StrEnum, IntEnum)",
            next="make a text of its parts, such as f'{row}-{seat}'",
        )


def _check_outbox(context: Context[Any], findings: Findings) -> None:
    for message in context.outbox:
        if not is_kind(message, IntegrationEvent, Command):
            findings.report(
                "outbox.kind",
                repr(context),
                f"{getattr(message, '__name__', message)} cannot be in the outbox",
                expected="integration events of the context, and commands that it sends for later",
                next="publish an integration event that says what others may know of it",
            )


def _check_services(context: Context[Any], findings: Findings) -> None:
    provided: dict[Any, Any] = {**context.provided}
    for service, make in provided.items():
        if not isinstance(service, type) or not callable(make):
            findings.report(
                "service.kind",
                repr(context),
                f"provide({service!r}, {make!r}) does not name a service and what makes it",
                expected="a class or protocol, and a callable without arguments",
            )
