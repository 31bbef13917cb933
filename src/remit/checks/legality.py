"""Whether a context map is legal, judged by the names of its contexts and its relations alone.

The rules are those of Context Mapper (the semantic checks of its language, contextmapper.org), with its gaps closed: a
conformist does not translate, no two relations of a pair contradict each other, upstream and downstream form no circle,
and an open host serves something. The page docs/context-map.md has the table, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeGuard

from remit.contexts import (
    AntiCorruptionLayer,
    Conformist,
    Context,
    ContextMap,
    CustomerSupplier,
    Foreign,
    Model,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)
from remit.contexts.declarations import known_events
from remit.errors import Findings, nearest, one_of
from remit.messages import Message

Places = Callable[[Relation], str]
"""Where a relation is stated, for findings."""

_CONTRADICT: frozenset[frozenset[type[Relation]]] = frozenset(
    frozenset(each)
    for each in (
        (CustomerSupplier, Conformist),  # a conformist has no say, a customer has
        (Conformist, AntiCorruptionLayer),  # a conformist takes the model over, a layer translates it
        (Partnership, CustomerSupplier),  # partners are equals
        (Partnership, Conformist),
        *((SeparateWays, each) for each in (CustomerSupplier, Conformist, AntiCorruptionLayer)),
        *((SeparateWays, each) for each in (Partnership, SharedKernel)),
    )
)
"""Kinds of relations that cannot both hold between the same two contexts."""
_UNUSUAL: frozenset[type[Relation]] = frozenset((CustomerSupplier, AntiCorruptionLayer))


def judge_relations(names: Collection[str], relations: Iterable[Any], place: Places, findings: Findings) -> None:
    """Reports what is illegal about a context map, and notes what is allowed and probably not meant.

    `names` are the names of all contexts. `place` returns where a relation is stated. Any object may have been given as
    a relation: those that are none are reported, and are ignored by all other rules.
    """
    stated = list(relations)
    for each in stated:
        if (fault := _fault_of(each)) is not None:
            what, expected = fault
            findings.report(
                "relation.kind", place(each), what, expected=expected, next="correct it, or remove it"
            )  # fmt: skip
    sound = sound_relations(stated)
    for relation in sound:
        _check_parties(names, relation, place(relation), findings)
        _check_fields(relation, place(relation), findings)
    _check_pairs(sound, place, findings)
    _check_hosts(sound, place, findings)
    _check_circles(sound, place, findings)


def places_in(model: Model) -> Places:
    """Where the relations of a system are stated: in a context, or in the system itself."""
    stated = {id(each): repr(context) for context in (*model.contexts, *model.beside) for each in context.relations}
    return lambda relation: stated.get(id(relation), f"System({model.name!r})")


def message_name(message: Any) -> str:
    """The name of a message in `uses` or `exposes`: `PlaceOrder` for the class, and for `"sales.PlaceOrder"`."""
    name: str = message if isinstance(message, str) else message.__name__
    return name.rpartition(".")[2]


def sound_relations(relations: Iterable[Any]) -> list[Relation]:
    """Those of these values that are relations whose fields can be read."""
    return [each for each in relations if _fault_of(each) is None]


def each_once(declared: ContextMap) -> Iterator[Any]:
    """The relations of a map. One of equals may be stated in the contexts of both; it counts once then."""
    yield from declared.stated
    agreed: dict[object, Context[Any]] = {}
    for context in (*declared.contexts, *declared.beside):
        sound = sound_relations(context.relations)
        for relation in context.relations:
            equals = relation in sound and len(relation.names) > 1 and relation.direction is None
            if not equals or agreed.setdefault(_agreement(relation), context) is context:
                yield relation


def _agreement(relation: Relation) -> object:
    """What is the same in both statements of one relation. Partners each list what they use themselves."""
    shared = getattr(relation, "package", ""), frozenset(getattr(relation, "tables", ()))
    return type(relation), frozenset(relation.names), shared


def _fault_of(relation: Any) -> tuple[str, str] | None:
    """What is wrong with a value as a relation, and what was expected. None for a relation whose fields can be read."""
    if not isinstance(relation, Relation) or not relation.parties:
        return f"{relation!r} is no relation", "a relation of remit.relations, such as CustomerSupplier(...)"
    kind = type(relation).__name__
    if wrong := [party for party in relation.parties if not _is_party(party)]:
        return f"{kind} names {wrong[0]!r} as a party", "a context or its name"
    if any(isinstance(party, Foreign) for party in _not_foreign(relation)):
        expected = "Foreign(...) only as the upstream of an AntiCorruptionLayer"
        return f"{kind} names something foreign as a party", expected
    if unread := [each for each in _lists(relation) if not _is_list(getattr(relation, each))]:
        return f"{unread[0]} of {kind} is {getattr(relation, unread[0])!r}", f"a list: {unread[0]}=[...]"
    if untold := [each for each in ("module", "package", "hash") if not isinstance(getattr(relation, each, ""), str)]:
        return f"{untold[0]} of {kind} is {getattr(relation, untold[0])!r}", f'a text: {untold[0]}="..."'
    return None


def _not_foreign(relation: Relation) -> tuple[Any, ...]:
    """The parties that have to be contexts."""
    return relation.parties[1:] if isinstance(relation, AntiCorruptionLayer) else relation.parties


def _lists(relation: Relation) -> Iterator[str]:
    return (each for each in ("uses", "exposes", "tables") if getattr(relation, each, None) is not None)


def _is_list(value: Any) -> bool:
    return value.__class__ is tuple and all(isinstance(each, str | type) for each in value)


def _is_party(party: Any) -> bool:
    return isinstance(party, str) or isinstance(getattr(party, "name", None), str)


def _check_parties(names: Collection[str], relation: Relation, place: str, findings: Findings) -> None:
    kind = type(relation).__name__
    for party, name in zip(relation.parties, relation.names, strict=True):
        if isinstance(party, Foreign):
            if name in names:
                findings.report(
                    "relation.foreign", place, f"{kind} calls {name!r} foreign, and it is a context of the system",
                    expected="Foreign(...) only for what is no context", next=f"name the context: upstream={name!r}",
                )  # fmt: skip
        elif name not in names:
            near = nearest(name, names)
            findings.report(
                "relation.unknown-context", place, f"{kind} names {party!r}, which is not a context of the system",
                expected=one_of(names, "a context of the system, which has none"),
                next=f"did you mean {near!r}?" if near else f"add the context {name!r} to the system",
            )  # fmt: skip
    if len(relation.names) > len(set(relation.names)):
        findings.report(
            "relation.self", place, f"{kind} relates {relation.names[0]!r} to itself",
            expected="two different contexts", next="name the other context, or remove the relation",
        )  # fmt: skip


def _check_fields(relation: Relation, place: str, findings: Findings) -> None:
    names = " and ".join(map(repr, relation.names))
    if isinstance(relation, OpenHost) and relation.exposes is not None and not relation.exposes:
        findings.report(
            "relation.nothing-exposed", place, f"OpenHost of {names} exposes nothing",
            expected="at least one message that other contexts may use",
            next="list messages in exposes=[...], leave exposes out for the whole published language, or remove it",
        )  # fmt: skip
    if isinstance(relation, SharedKernel) and not relation.package:
        findings.report(
            "relation.no-package", place, f"SharedKernel of {names} names no package",
            expected="the package that both contexts share", next='package="<package>.kernel"',
        )  # fmt: skip
    if isinstance(relation, AntiCorruptionLayer) and not relation.module:
        tell = findings.report if isinstance(relation.upstream, Foreign) else findings.note
        tell(
            "relation.no-module", place, f"AntiCorruptionLayer of {names} names no module that translates",
            expected="the one module that knows the upstream", next='module="<package>.<module>"',
        )  # fmt: skip


def _check_pairs(relations: Sequence[Relation], place: Places, findings: Findings) -> None:
    pairs: dict[frozenset[str], list[Relation]] = {}
    for relation in relations:
        pairs.setdefault(frozenset(relation.names), []).append(relation)
    for several in pairs.values():
        for one, other in combinations(several, 2):
            _check_pair(one, other, place, findings)


def _kind(relation: Relation) -> type[Relation]:
    """The class of `remit.relations`, also of a relation whose class is derived from one."""
    return next(each for each in type(relation).__mro__ if Relation in each.__bases__)


def _check_pair(one: Relation, other: Relation, place: Places, findings: Findings) -> None:
    kinds, same_way = frozenset((_kind(one), _kind(other))), one.direction == other.direction
    at, first = place(other), place(one)
    between = " and ".join(map(repr, other.names)) + (f" ({first})" if first != at else "")
    opposed = one.direction is not None and other.direction is not None and not same_way
    if len(kinds) == 1 and not opposed:
        findings.report(
            "relation.doubled", at, f"{type(one).__name__} of {between} is declared twice",
            expected="each relation once", next="remove one of them, and list in the other what both list",
        )  # fmt: skip
    elif kinds in _CONTRADICT and not opposed:
        findings.report(
            "relation.contradiction", at,
            f"{type(one).__name__} and {type(other).__name__} of {between} cannot both hold",
            expected="one of the two", next=f"remove {type(one).__name__} or {type(other).__name__}",
        )  # fmt: skip
    elif kinds == _UNUSUAL and not opposed:
        findings.note(
            "relation.layer-for-customer", at, f"a customer translates what its supplier publishes: {between}",
            expected="no AntiCorruptionLayer in a CustomerSupplier relation: the supplier considers the customer",
            next="keep it if the models differ; otherwise remove AntiCorruptionLayer",
        )  # fmt: skip


def _check_hosts(relations: Sequence[Relation], place: Places, findings: Findings) -> None:
    """What an open host serves is the same for all others, so no customer has a say in it."""
    hosts: dict[str, OpenHost] = {each.names[0]: each for each in relations if isinstance(each, OpenHost)}
    for relation in relations:
        host = hosts.get(relation.names[0]) if isinstance(relation, CustomerSupplier) else None
        if isinstance(relation, CustomerSupplier) and host is not None and _overlap(host.exposes, relation.uses):
            supplier, customer = relation.names
            findings.report(
                "relation.contradiction", place(relation),
                f"{supplier!r} serves the customer {customer!r} what it serves all others as an open host",
                expected="OpenHost and CustomerSupplier for different messages, in exposes=[...] and uses=[...]",
                next=f"remove CustomerSupplier: OpenHost({supplier!r}) covers {customer!r}; or list the messages apart",
            )  # fmt: skip


def _overlap(exposed: Sequence[Any] | None, used: Sequence[Any] | None) -> bool:
    if exposed is None or used is None:
        return True
    return any(_alike(one, other) for one in exposed for other in used)


def _alike(one: Any, other: Any) -> bool:
    """Whether two entries stand for a common message. A base class stands for its subclasses."""
    if message_name(one) == message_name(other):
        return True
    classes = [known_events(each) if _is_message(each) else [] for each in (one, other)]
    if all(classes):
        return not set(classes[0]).isdisjoint(classes[1])
    name = message_name(one if isinstance(one, str) else other)
    return any(name in (each.__name__, getattr(each, "__remit_name__", "")) for each in (*classes[0], *classes[1]))


def _is_message(entry: Any) -> TypeGuard[type[Message]]:
    return isinstance(entry, type) and issubclass(entry, Message)


def _check_circles(relations: Sequence[Relation], place: Places, findings: Findings) -> None:
    partners = {frozenset(each.names) for each in relations if isinstance(each, Partnership)}
    stated: dict[tuple[str, str], Relation] = {}
    for relation in relations:
        way = relation.direction
        if way is not None and way[0] != way[1] and frozenset(way) not in partners:
            stated.setdefault(way, relation)
    downstream: dict[str, list[str]] = {}
    for upstream, other in stated:
        downstream.setdefault(upstream, []).append(other)
    for circle in circles(downstream):
        steps = [*zip(circle, [*circle[1:], circle[0]], strict=True)]
        closing = stated[max(steps, key=[*stated].index)]  # the one that was added last
        upstream, other = closing.direction or steps[-1]
        findings.report(
            "relation.cycle", place(closing),
            f"upstream and downstream form a circle: {' → '.join([*circle, circle[0]])}",
            expected="each context upstream or downstream of another one, not both, unless they are partners",
            next=f"remove one of these relations, for example the last one, {type(closing).__name__} of {upstream!r}"
            f" and {other!r}; or make it a Partnership",
        )  # fmt: skip


def circles(edges: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """One circle for each edge that closes one in a depth-first search. Without these edges there is none left."""
    done: set[str] = set()
    for root in edges:
        path: dict[str, Iterator[str]] = {} if root in done else {root: iter(edges[root])}
        while path:
            last = next(reversed(path))
            step = next(path[last], None)
            if step is None:
                done.add(last)
                del path[last]
            elif step in path:
                way = list(path)
                yield way[way.index(step) :]
            elif step not in done:
                path[step] = iter(edges.get(step, ()))
