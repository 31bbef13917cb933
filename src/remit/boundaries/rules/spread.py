"""A model belongs to one context: nearly the same class in several contexts is one model that is kept in two places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from remit.boundaries.code import Code
from remit.boundaries.facts import Facts, Model
from remit.errors import Findings

_FIELDS = 3
"""The fewest fields of a class that is compared. Small classes are alike by chance."""
_ALIKE = 0.7
"""The least part of the fields of both classes together that both have."""


_TOLD = 5
"""The most contexts that a note lists."""


class _Found(NamedTuple):
    context: str
    facts: Facts
    model: Model


def note_spread(code: Code, findings: Findings) -> None:
    """Notes each class that several contexts have under one name with nearly the same fields, once."""
    named: dict[str, list[_Found]] = {}
    for facts in code.read:
        context = code.owner_of(facts.module)
        for model in facts.models if context is not None else ():
            if len(model.fields) >= _FIELDS:
                named.setdefault(model.name, []).append(_Found(context or "", facts, model))
    for name, found in named.items():
        left = found
        while left:
            first, *others = left
            alike = [each for each in others if _are_alike(first.model, each.model)]
            left = [each for each in others if not _are_alike(first.model, each.model)]
            _note(name, [first, *alike], findings)


def _are_alike(one: Model, other: Model) -> bool:
    return len({*one.fields} & {*other.fields}) >= _ALIKE * len({*one.fields} | {*other.fields})


def _note(name: str, alike: Sequence[_Found], findings: Findings) -> None:
    contexts = list(dict.fromkeys(each.context for each in alike))
    if len(contexts) == 1:
        return
    second = next(each for each in alike if each.context == contexts[1])
    more = f" and {len(contexts) - _TOLD} more" if len(contexts) > _TOLD else ""
    findings.note(
        "model.spread", f"{second.facts.path}:{second.model.line}",
        f"contexts {', '.join(map(repr, contexts[:_TOLD]))}{more} have a class {name} each, with nearly the same"
        f" fields: {', '.join(second.model.fields)}",
        expected="one context that owns the model",
        next=f"let one of them own {name}; what others need of it comes by a query or an event",
        contexts=(*contexts,),
    )  # fmt: skip
