"""The context map: contexts and their relations, with every message's owner; checked as a whole."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from remit.contexts.context import Context
from remit.contexts.declarations import Handler, where
from remit.contexts.relations import Relation
from remit.domain import Projection
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
    parameter_of,
)

__all__ = ["ContextMap", "union_members"]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


class ContextMap:
    """Contexts and relations. `contracts` (message class → contract) is complete once `check` has run clean."""

    def __init__(self, name: str, *, contexts: Sequence[Context[Any]], relations: Sequence[Relation] = ()) -> None:
        self.name = name
        self.contexts = tuple(contexts)
        self.relations = tuple(relations)
        self.contracts: dict[type[Message], Contract] = {}
        self.owners: dict[type[Message], str] = {}

    def check(self) -> Findings:
        """Everything in the map that does not hold, in one list."""
        findings = Findings()
        self._check_names(findings)
        self._check_relations(findings)
        self._settle_owners(findings)
        self._check_handlers(findings)
        self._check_subscribed(findings)
        return findings

    def _check_names(self, findings: Findings) -> None:
        seen: set[str] = set()
        for context in self.contexts:
            if not _NAME.fullmatch(context.name):
                findings.report(
                    "context.name", repr(context), f"{context.name!r} is no name for a context",
                    expected="lower-case letters, digits, '-' and '_', beginning with a letter",
                )  # fmt: skip
            if context.name in seen:
                findings.report(
                    "context.duplicate", repr(context), f"two contexts are called {context.name!r}",
                    expected="one context per name", next='rename one of them: Context("...")',
                )  # fmt: skip
            seen.add(context.name)

    def _check_relations(self, findings: Findings) -> None:
        for relation in self.relations:
            for party in relation.parties:
                if party not in self.contexts:
                    findings.report(
                        "relation.unknown-context", f"System({self.name!r})",
                        f"{type(relation).__name__} names {party!r}, which is not part of the system",
                        expected=f"one of: {', '.join(c.name for c in self.contexts)}",
                        next=f"add it: System(..., contexts=[..., {party.name}])",
                    )  # fmt: skip

    def _settle_owners(self, findings: Findings) -> None:
        """Each message belongs to one context: the one its module names, else the one that handles or publishes it."""
        for context, message, source in self._claims():
            named = declared_context(message) or context.name
            if named != context.name:
                findings.report(
                    "message.foreign", source,
                    f"context {context.name!r} handles or publishes {message.__name__}, which belongs to {named!r}",
                    expected=f"{message.__name__} handled by context {named!r}",
                )  # fmt: skip
            owner = self.owners.setdefault(message, named)
            if owner != named:
                findings.report(
                    "message.two-owners", source,
                    f"{message.__name__} is claimed by {owner!r} and by {named!r}", expected="one owner",
                )  # fmt: skip
        for _, handler in self._handlers():
            named_by_module = declared_context(handler.message)
            if handler.message not in self.owners and named_by_module:
                self.owners[handler.message] = named_by_module
        self._name_messages(findings)

    def _name_messages(self, findings: Findings) -> None:
        taken: dict[tuple[str, int], type[Message]] = {}
        for message, owner in self.owners.items():
            contract = contract_of(message, owner)
            other = taken.setdefault((contract.type, contract.version), message)
            if other is not message:
                findings.report(
                    "message.collision", where(message),
                    f"{_path(other)} and {_path(message)} share the wire name {contract.type} version {contract.version}",
                    expected="one class per wire name and version", next='name one of them: class X(..., name="...")',
                )  # fmt: skip
            self.contracts[message] = contract

    def _claims(self) -> Iterator[tuple[Context[Any], type[Message], str]]:
        for context in self.contexts:
            for handler in context.handlers:
                if handler.role in ("command", "query", "together") or issubclass(handler.message, DomainEvent):
                    yield context, handler.message, where(handler.function)
            for publisher in context.publishers:
                yield context, publisher.event, where(publisher.function)
                for published in published_by(publisher.function):
                    yield context, published, where(publisher.function)
            for projection in context.projections:
                for event in projected_by(projection):
                    if issubclass(event, DomainEvent):
                        yield context, event, where(projection)

    def _handlers(self) -> Iterator[tuple[Context[Any], Handler]]:
        for context in self.contexts:
            for handler in context.handlers:
                yield context, handler

    def _check_handlers(self, findings: Findings) -> None:
        handled: dict[type[Message], Handler] = {}
        bases = {"command": Command, "query": Query}
        for context, handler in self._handlers():
            message: Any = handler.message
            base: Any = bases.get(handler.role, (DomainEvent, IntegrationEvent))
            if not (isinstance(message, type) and issubclass(message, base)):
                findings.report(
                    "handler.kind", where(handler.function), f"{message!r} cannot be bound as a {handler.role}",
                )  # fmt: skip
                continue
            if handler.role in bases and (first := handled.setdefault(message, handler)) is not handler:
                findings.report(
                    "handler.doubled", where(handler.function),
                    f"{message.__name__} has two handlers: {first.name} ({where(first.function)}) and {handler.name}",
                    expected="one handler per command or query", next="remove one of them",
                )  # fmt: skip
            if context.events and issubclass(message, DomainEvent) and not issubclass(message, context.events):
                findings.report(
                    "event.foreign", where(handler.function),
                    f"{message.__name__} is no domain event of {context.name!r}",
                    expected=f"a {context.events.__name__}, or an integration event",
                )  # fmt: skip
        for context in self.contexts:
            for route in context.routes:
                if route.message not in handled:
                    findings.report(
                        "handler.missing", f"{route.method} {route.path}",
                        f"{route.message.__name__} has a route and no handler",
                        expected="one handler", next=f"@{context.name}.handle({route.message.__name__})",
                    )  # fmt: skip

    def _check_subscribed(self, findings: Findings) -> None:
        """An integration event that somebody follows has a publisher in this system, or names its context."""
        names = {context.name for context in self.contexts}
        for context, event, source in self.subscribed():
            owner = self.owners.get(event)
            if owner is None or owner not in names:
                findings.report(
                    "event.unpublished", source,
                    f"context {context.name!r} follows {event.__name__}, which no context of this system publishes",
                    expected="a publisher that returns it",
                    next=f"@<context>.publish(<DomainEvent>) def ...(event) -> {event.__name__}",
                )  # fmt: skip

    def subscribed(self) -> Iterator[tuple[Context[Any], type[Message], str]]:
        """Every event followed by a reaction or a projection, with the follower and its place."""
        for context, handler in self._handlers():
            if handler.role == "reaction":
                yield context, handler.message, where(handler.function)
        for context in self.contexts:
            for projection in context.projections:
                for event in projected_by(projection):
                    yield context, event, where(projection)


def published_by(function: Any) -> list[type[Message]]:
    """The integration events in a publisher's return annotation."""
    hints = typing.get_type_hints(function)
    return [m for m in union_members(hints.get("return")) if isinstance(m, type) and issubclass(m, IntegrationEvent)]


def projected_by(projection: type[Projection[Any, Any]]) -> list[type[Message]]:
    """The events a projection is folded from."""
    arguments = parameter_of(projection, Projection)
    return list(union_members(arguments[1])) if len(arguments) > 1 else []


def _path(message: type) -> str:
    return f"{message.__module__}.{message.__qualname__}"


def union_members(declared: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself."""
    return get_args(declared) if get_args(declared) and not isinstance(declared, type) else (declared,)
