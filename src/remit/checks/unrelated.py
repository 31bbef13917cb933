"""Notes messages that a relation lists and that its consumer does not use, and a system without relations."""

from __future__ import annotations

from remit.checks.legality import places_in, sound_relations
from remit.contexts import Model, OpenHost
from remit.contexts.coverage import is_named
from remit.contexts.integrations import Integration, declared_integrations, integrations_of
from remit.errors import Findings


def check_unrelated(model: Model, findings: Findings) -> None:
    relations = sound_relations(model.relations)
    if not relations:
        _note_none(model, findings)
        return
    place, loaded = places_in(model), {context.name for context in model.contexts}
    between: dict[frozenset[str], list[Integration]] = {}
    for each in integrations_of(model):
        between.setdefault(frozenset((each.consumer, each.owner)), []).append(each)
    for relation in relations if not model.edges_elsewhere else ():
        listed = None if isinstance(relation, OpenHost) else getattr(relation, "uses", None)
        consumers = relation.names if relation.direction is None else relation.names[1:]
        if not listed or not loaded.issuperset(consumers):
            continue
        used = [each for each in between.get(frozenset(relation.names), ()) if each.consumer in consumers]
        for entry in listed:
            if not any(is_named(each.message, each.owner, entry) for each in used):
                name = entry if isinstance(entry, str) else entry.__name__
                findings.note(
                    "relation.unused", place(relation),
                    f"{type(relation).__name__} of {' and '.join(map(repr, relation.names))} lists {name},"
                    f" and nothing shows that {' or '.join(map(repr, consumers))} uses it",
                    expected="only messages that are used", next=f"remove {name} from uses",
                )  # fmt: skip


def _note_none(model: Model, findings: Findings) -> None:
    first = next(declared_integrations(model), None)
    if first is not None and not model.elsewhere:
        findings.note(
            "relation.none", f"System({model.name!r})",
            f"context {first.consumer!r} {first.told}, and the system states no relations",
            expected="the relations of the contexts, so that all other uses are refused",
            next=f"relations=[CustomerSupplier(supplier={first.owner!r}, customer={first.consumer!r})]",
        )  # fmt: skip
