"""What one context may use of another one, by the relations between them.

A system without relations is not restricted. With relations, the use of a message of another context has to be covered:

- by a relation in which the user is downstream (`CustomerSupplier`, `Conformist`, `AntiCorruptionLayer`): what it
  lists in `uses`, or the whole published language;
- by an `OpenHost` of the owner, for contexts whose relation does not list what they use: what the host exposes;
- by a `Partnership`: what it lists, or everything. Stated by one of the partners, it covers what that partner uses.

What covers the use of a message stands in the system or in the context that uses it. So each process knows it,
whichever contexts it hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from remit.contexts.context import Context
from remit.contexts.declarations import known_events
from remit.contexts.map import ContextMap
from remit.contexts.relations import (
    AntiCorruptionLayer,
    CustomerSupplier,
    Messages,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)
from remit.messages import Message


class Gap(NamedTuple):
    """Why no relation covers the use of a message."""

    code: str
    why: str
    expected: str
    next: str


class Grant(NamedTuple):
    """A relation that covers the use of messages, and which ones. None: all that the owner publishes."""

    relation: Relation
    messages: Messages | None

    def covers(self, message: type[Message], owner: str) -> bool:
        return self.messages is None or is_listed(message, owner, self.messages)


def is_listed(message: type[Message], owner: str, messages: Messages) -> bool:
    """Whether a message of `owner` is in a list of `uses` or `exposes`: as its class, as a base class of it, by its
    name, or by its wire name. All versions of a message have one wire name, so one entry stands for all of them."""
    return any(is_named(message, owner, entry) for entry in messages)


def is_named(message: type[Message], owner: str, entry: Any) -> bool:
    """Whether an entry of `uses` or `exposes` stands for a message of `owner`."""
    wired = _wire_name(message)
    if isinstance(entry, str):
        return entry in (message.__name__, wired, f"{owner}.{wired}")
    if not issubclass(entry, Message):
        return False
    return message is entry or issubclass(message, entry) or wired in map(_wire_name, known_events(entry))


def _wire_name(message: Any) -> str:
    return str(getattr(message, "__remit_name__", message.__name__))


class Coverage:
    """Which uses of messages the relations of a system cover."""

    def __init__(self, system: ContextMap, relations: Iterable[Relation] | None = None) -> None:
        """`relations` are those that count; None: all."""
        counted = None if relations is None else {id(each) for each in relations}
        self._grants: dict[tuple[str, str], list[Grant]] = {}
        """By consumer and owner."""
        self._hosts: dict[str, OpenHost] = {}
        self._between: dict[frozenset[str], list[Relation]] = {}
        for relation, by in _stated(system):
            if counted is None or id(relation) in counted:
                self._add(relation, by)
        self.is_restricted = bool(self._between)
        """Whether the system states relations at all."""

    def _add(self, relation: Relation, by: str | None) -> None:
        names = relation.names
        self._between.setdefault(frozenset(names), []).append(relation)
        if isinstance(relation, OpenHost):
            self._hosts[names[0]] = relation
        elif isinstance(relation, Partnership):
            for consumer, owner in (names, names[::-1]):
                if by in (None, consumer):
                    self._grants.setdefault((consumer, owner), []).append(Grant(relation, relation.uses))
        elif relation.direction is not None:
            uses: Messages | None = getattr(relation, "uses", None)
            self._grants.setdefault((names[1], names[0]), []).append(Grant(relation, uses))

    def grants(self, consumer: str, owner: str) -> list[Grant]:
        """What lets one context use messages of another one. An open host serves each customer beside what they have
        agreed on, and limits those whose relation with it lists nothing."""
        host, found = self._hosts.get(owner), self._grants.get((consumer, owner), [])
        if host is None or self._are_apart(consumer, owner):
            return found
        if not found or any(isinstance(each.relation, CustomerSupplier) for each in found):
            return [*found, Grant(host, host.exposes)]
        return [each if each.messages is not None else Grant(each.relation, host.exposes) for each in found]

    def owners(self, consumer: str) -> set[str]:
        """The contexts of which a context may use anything."""
        return {owner for by, owner in self._grants if by == consumer} | self._hosts.keys() - {consumer}

    def layer(self, consumer: str, owner: str) -> AntiCorruptionLayer | None:
        """The layer in which the consumer translates what it uses of the owner. None if it states none."""
        relations = (each.relation for each in self._grants.get((consumer, owner), ()))
        return next((each for each in relations if isinstance(each, AntiCorruptionLayer)), None)

    def exposed(self, owner: str) -> Messages | None:
        """What a context exposes as an open host. None: everything, or it is none."""
        host = self._hosts.get(owner)
        return None if host is None else host.exposes

    def gap(self, consumer: str, owner: str, message: type[Message]) -> Gap | None:
        """Why a context may not use a message of another one. None if it may."""
        if not self.is_restricted or consumer == owner:
            return None
        grants = self.grants(consumer, owner)
        if any(each.covers(message, owner) for each in grants) and not self._are_apart(consumer, owner):
            return None
        return self._not_listed(grants, owner, message) or self._not_related(consumer, owner, message)

    def _are_apart(self, one: str, other: str) -> bool:
        return any(isinstance(each, SeparateWays) for each in self._between.get(frozenset((one, other)), ()))

    def _not_listed(self, grants: Sequence[Grant], owner: str, message: type[Message]) -> Gap | None:
        """The gap beside relations of the right direction."""
        if not grants:
            return None
        relation, messages = grants[0]
        kind, names = type(relation).__name__, ", ".join(map(_shown, messages or ()))
        host = self._hosts.get(owner)
        if host is not None and messages is host.exposes:
            return Gap(
                "relation.not-exposed", f"the open host {owner!r} does not expose it",
                f"one of the messages that it exposes: {names}",
                f"add it: OpenHost({owner!r}, exposes=[..., {message.__name__}])",
            )  # fmt: skip
        return Gap(
            "relation.not-listed", f"{kind} of {' and '.join(map(repr, relation.names))} does not list it",
            f"one of the messages that it lists: {names}" if names else "a message that it lists, and it lists none",
            f"add it: {kind}(..., uses=[..., {message.__name__}])",
        )  # fmt: skip

    def _not_related(self, consumer: str, owner: str, message: type[Message]) -> Gap:
        """The gap of two contexts of which the first may use nothing of the second."""
        between = self._between.get(frozenset((consumer, owner)), ())
        one = f"CustomerSupplier(supplier={owner!r}, customer={consumer!r}, uses=[{message.__name__}])"
        state = f"declare it: Context({consumer!r}, relations=[{one}])"
        expected = f"a relation in which {consumer!r} is downstream of {owner!r}"
        if any(isinstance(each, SeparateWays) for each in between):
            return Gap(
                "relation.separate-ways", "their relation is SeparateWays",
                "no messages between contexts that have decided not to integrate",
                f"remove it, or replace SeparateWays by another relation: {one}",
            )  # fmt: skip
        partner = next((each for each in between if isinstance(each, Partnership)), None)
        if partner is not None:
            return Gap(
                "relation.direction", f"only {owner!r} states their Partnership", expected,
                f"state Partnership({consumer!r}, {owner!r}) in Context({consumer!r}) too, or in the System instead",
            )  # fmt: skip
        turned = next((each for each in between if each.direction is not None), None)
        if turned is not None:
            return Gap(
                "relation.direction", f"{type(turned).__name__} makes {consumer!r} the upstream of {owner!r}",
                expected, f"OpenHost({owner!r}, exposes=[{message.__name__}]), or a Partnership of both",
            )  # fmt: skip
        if any(isinstance(each, SharedKernel) for each in between):
            return Gap("relation.missing", "a SharedKernel carries no messages", expected, state)
        return Gap("relation.missing", "no relation covers it", expected, state)


def _stated(system: ContextMap) -> Iterator[tuple[Relation, str | None]]:
    """Each relation, with the context that states it. None: the system."""
    yield from ((relation, None) for relation in system.stated)
    contexts: tuple[Context[Any], ...] = (*system.contexts, *system.beside)
    yield from ((relation, context.name) for context in contexts for relation in context.relations)


def _shown(entry: type[Message] | str) -> str:
    return entry if isinstance(entry, str) else entry.__name__
