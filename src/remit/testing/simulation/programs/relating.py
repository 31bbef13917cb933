"""Gives a generated system the relations that cover what its contexts use of one another, and no more.

What they use is read from the declared system. So a program keeps its relations while it is made smaller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from types import FunctionType
from typing import Any

from remit.contexts import (
    AntiCorruptionLayer,
    Conformist,
    Context,
    ContextMap,
    CustomerSupplier,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    derive,
)
from remit.contexts.integrations import integrations_of
from remit.messages import Message

__all__ = ["related"]

_PACKAGE = "generated_program"
"""What the modules of a program are in, as far as it has any."""
_Used = Mapping[tuple[str, str], list[type[Message]]]
"""The messages that a context uses of another one, by consumer and owner."""


def related(declared: ContextMap, seed: int, *, layered: bool = False) -> ContextMap:
    """The system with relations of many kinds, stated in the system or in its contexts. Lists name what is used.

    With `layered`, anti-corruption layers have modules, and the reactions to their upstream stand in them.
    """
    random = Random(f"relations {seed}")  # noqa: S311  chance that can be repeated, no secret
    used: dict[tuple[str, str], list[type[Message]]] = {}
    for each in integrations_of(derive(declared)):
        listed = used.setdefault((each.consumer, each.owner), [])
        listed += [] if each.message in listed else [each.message]
    stated: list[Relation] = []
    contexts = {context.name: context for context in declared.contexts}
    relations = _relations(sorted(contexts), used, random)
    for relation in relations if not layered else _layered(relations, used):
        if layered and isinstance(relation, AntiCorruptionLayer):
            relation = _with_module(relation, contexts[relation.names[-1]], declared)
        downstream = relation.direction[1] if relation.direction else ""
        if downstream and random.random() < 0.5:
            contexts[downstream].relations += (relation,)
        else:
            stated.append(relation)
    return replace(declared, stated=tuple(stated))


def _layered(relations: Iterator[Relation], used: _Used) -> Iterator[Relation]:
    """The same with an anti-corruption layer in place of what joins two contexts of which one uses the other."""
    stated = [*relations]
    free = not any(each.direction for each in stated)  # else there might be a circle
    for each in stated:
        one, *others = each.names
        ways = [pair for other in others for pair in ((one, other), (other, one)) if pair in used]
        one_way = isinstance(each, (Conformist, CustomerSupplier))
        if one_way or (isinstance(each, Partnership) and len(ways) == 1 and free):
            downstream, upstream = ways[0]
            each = AntiCorruptionLayer(upstream=upstream, downstream=downstream)
            free = False
        yield each


def _with_module(layer: AntiCorruptionLayer, downstream: Context[Any], declared: ContextMap) -> AntiCorruptionLayer:
    """The layer in a module of its own, as if the reactions to what the upstream publishes were written there. Without
    one where something else of the context uses the upstream, because a layer has all of it."""
    upstream, name = layer.names
    uses = [each for each in integrations_of(derive(declared)) if (each.consumer, each.owner) == (name, upstream)]
    messages = {each.message for each in uses}
    moved = [each.function for each in downstream.handlers if each.message in messages and _is_movable(each.function)]
    if len(moved) < len(uses):
        return layer
    module = f"{_PACKAGE}.{name}.{upstream}"
    for function in moved:
        function.__module__ = module
    return replace(layer, module=module)


def _is_movable(function: Any) -> bool:
    """Whether it is a function that stands by itself, and in no other layer."""
    is_of_policy = hasattr(function, "__remit_policy__")
    return isinstance(function, FunctionType) and not is_of_policy and not function.__module__.startswith(_PACKAGE)


def _relations(names: list[str], used: _Used, random: Random) -> Iterator[Relation]:
    hosts = [name for name in names if random.random() < 0.3]
    for host in hosts:
        exposed = [message for (_, owner), messages in used.items() if owner == host for message in messages]
        if exposed:
            yield OpenHost(host, exposes=_listed(list(dict.fromkeys(exposed)), random))
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            yield from _between(one, other, hosts, used, random)


def _between(one: str, other: str, hosts: list[str], used: _Used, random: Random) -> Iterator[Relation]:
    """The relation of two contexts. Directed ones lead from the first name to the second: they form no circle."""
    here, there = (used.get(pair, []) for pair in ((one, other), (other, one)))
    needed = [*(here if other not in hosts else ()), *(there if one not in hosts else ())]
    if not here and not there:
        yield from [SeparateWays(one, other)] if random.random() < 0.3 else []
    elif needed and (here or random.random() < 0.3):
        yield Partnership(one, other, uses=_listed([*here, *there], random))
    elif needed:
        way: dict[str, Any] = {"upstream": one, "downstream": other, "uses": _listed(there, random)}
        yield random.choice((
            CustomerSupplier(supplier=one, customer=other, uses=way["uses"]), Conformist(**way),
            AntiCorruptionLayer(**way),
        ))  # fmt: skip


def _listed(messages: list[type[Message]], random: Random) -> list[type[Message] | str] | None:
    """A list of messages, of some by name; or none, for everything."""
    if random.random() < 0.3:
        return None
    return [each.__name__ if random.random() < 0.3 else each for each in messages]
