"""What a context does with a message of another one is covered by a relation, and an anti-corruption layer is the only
place of its context that does it."""

from __future__ import annotations

from remit.checks.legality import sound_relations
from remit.contexts import Model
from remit.contexts.coverage import Coverage
from remit.contexts.integrations import integrations_of, line_of_call
from remit.errors import Findings


def check_covered(model: Model, findings: Findings) -> None:
    coverage = Coverage(model, sound_relations(model.relations))
    # one that returns a command of another context is found with what it should return instead
    translated = {each.handler.place for context in model.contexts for each in context.translations}
    loaded = {context.name for context in (*model.contexts, *model.beside)}
    for each in integrations_of(model) if coverage.is_restricted else ():
        if each.consumer not in loaded:  # only its edge is served here, and it may state relations itself
            continue
        gap = coverage.gap(each.consumer, each.owner, each.message)
        if gap is not None and not (each.way == "sends" and each.place in translated):
            next = gap.next + ("; or remove the call" if each.way == "calls" else "")
            named = each._replace(place=line_of_call(model, each)) if each.way == "calls" else each
            findings.report(
                gap.code, named.place, f"context {each.consumer!r} {named.told}, and {gap.why}",
                expected=gap.expected, next=next,
            )  # fmt: skip
        layer = coverage.layer(each.consumer, each.owner)
        if layer is not None and layer.module and not _is_in(each.module, layer.module):
            findings.report(
                "relation.outside-layer", each.place,
                f"context {each.consumer!r} {each.told} outside of its AntiCorruptionLayer",
                expected=f"only code of {layer.module} knows {each.owner!r}", next=f"move it to {layer.module}",
            )  # fmt: skip


def _is_in(module: str, layer: str) -> bool:
    return module == layer or module.startswith(f"{layer}.")
