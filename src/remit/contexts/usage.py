"""Which messages of one context another one may use, by the relations of the map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remit.contexts.map import ContextMap
from remit.contexts.relations import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    Messages,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
)
from remit.messages import contract_of

EVERYTHING = ("*",)
"""In place of names: the whole published language."""


def usable(declared: ContextMap, upstream: str, downstream: str) -> Sequence[str]:
    """The names of the messages of `upstream` that `downstream` may use; `EVERYTHING`; empty if it may use none.

    A map without any relation restricts nothing. Otherwise, a use must be covered: by a relation in which the user is
    downstream, by a partnership, or by an open host. Separate ways exclude all of them.
    """
    relations = declared.relations
    if upstream == downstream or not relations:
        return EVERYTHING
    if _are_apart(relations, upstream, downstream):
        return ()
    hosts = [each for each in relations if isinstance(each, OpenHost) and each.names == (upstream,)]
    exposed = _named(hosts[0].exposes) if hosts else EVERYTHING
    uses = list(_uses(relations, upstream, downstream))
    if not uses:
        return exposed if hosts else ()
    named = [exposed if each is None else _named(each) for each in uses]
    return EVERYTHING if EVERYTHING in named else sorted({name for names in named for name in names})


def _uses(relations: Sequence[Relation], upstream: str, downstream: str) -> Iterator[Messages | None]:
    for each in relations:
        if isinstance(each, CustomerSupplier | Conformist | AntiCorruptionLayer):
            if each.names == (upstream, downstream):
                yield each.uses
        elif isinstance(each, Partnership) and {*each.names} == {upstream, downstream}:
            yield each.uses


def _named(messages: Messages | None) -> Sequence[str]:
    if messages is None:
        return EVERYTHING
    return sorted(
        (each if isinstance(each, str) else contract_of(each, "").type).rpartition(".")[2] for each in messages
    )


def used_by(declared: ContextMap, upstream: str, downstream: str) -> frozenset[str] | None:
    """The same as a set, as far as it is known here; None for everything.

    A context whose declarations are not loaded may state relations that are not known here. So if it may use nothing
    by the known ones, everything counts as usable, unless the two have gone separate ways.
    """
    names = usable(declared, upstream, downstream)
    if EVERYTHING[0] in names:
        return None
    loaded = {context.name for context in (*declared.contexts, *declared.beside)}
    if names or downstream in loaded or _are_apart(declared.relations, upstream, downstream):
        return frozenset(names)
    return None


def may_send_later(declared: ContextMap, sender: str, receiver: str) -> bool:
    """Whether a context may send commands of another one for later, as far as it is known here."""
    return used_by(declared, receiver, sender) != frozenset()


def _are_apart(relations: Sequence[Relation], one: str, other: str) -> bool:
    return any(isinstance(each, SeparateWays) and {*each.names} == {one, other} for each in relations)
