"""A map file beside a system: what it adds to the map that is derived from the system.

The system says which contexts there are and how they relate. The file says of each context what it wants to say
otherwise, setting by setting, and nothing of the contexts that it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from remit.boundaries.codemap import CodeContext, CodeMap
from remit.checks.legality import message_name
from remit.contexts import Relation, SharedKernel
from remit.errors import Findings, nearest, one_of

_ADDED = "hash"
"""The field of a relation that a file may add."""


def with_beside(derived: CodeMap, file: CodeMap, findings: Findings) -> CodeMap:
    """The derived map of a system, with what a file beside the system adds. Reports contexts that the system does not
    have, and relations that it does not state so."""
    for context in file.contexts:
        if context.name not in derived.names:
            near = nearest(context.name, derived.names)
            findings.report(
                "map.unknown-context", context.where,
                f"the map describes {context.name!r}, which is not a context of the system {derived.name!r}",
                expected=one_of(derived.names, "a context of the system, which has none"),
                next=f"did you mean {near}?" if near else "add it to the system; or give the map another file name, "
                "and check it by its path",
            )  # fmt: skip
    relations = list(derived.relations)
    for relation in file.relations:
        at = next((at for at, each in enumerate(relations) if _is_same(each, relation)), None)
        if at is None:
            _report(relation, file, derived, findings)
        elif isinstance(relation, SharedKernel) and isinstance(known := relations[at], SharedKernel):
            relations[at] = replace(known, hash=relation.hash or known.hash)
    named = [package for context in file.contexts for package in context.packages]
    packages = (*derived.packages, *file.packages, *(package.partition(".")[0] for package in named))
    return replace(
        derived, contexts=tuple(_with(each, file.context(each.name)) for each in derived.contexts),
        relations=tuple(relations), outside=file.outside, roots=_once([*derived.roots, *file.roots]),
        packages=tuple(dict.fromkeys(packages)), type_checking=file.type_checking, tests=file.tests,
    )  # fmt: skip


def _with(derived: CodeContext, file: CodeContext | None) -> CodeContext:
    """A context, with each setting that the file has. Other packages publish what is usual, unless the file says it."""
    if file is None:
        return derived
    usual = CodeContext(name=derived.name)
    known = replace(derived, published=None) if file.packages else derived
    said = {
        each.name: value for each in fields(file) if (value := getattr(file, each.name)) != getattr(usual, each.name)
    }
    return replace(known, schema_is_usual=derived.schema_is_usual and not file.schema, **said)


def _is_same(stated: Relation, said: Relation) -> bool:
    """Whether a file says a relation as the system states it. What it leaves out is not compared."""
    if type(stated) is not type(said):
        return False
    is_turned = stated.direction is None and stated.names == said.names[::-1]
    if not is_turned and stated.names != said.names:
        return False
    compared = (each.name for each in fields(said)[len(said.parties) :])  # the parties are the first fields
    return all(_agrees(each, getattr(stated, each), getattr(said, each)) for each in compared if each != _ADDED)


def _agrees(field: str, stated: object, said: object) -> bool:
    return not said or _value(field, stated) == _value(field, said)


def _value(field: str, value: Any) -> object:
    if field in ("uses", "exposes"):
        return {message_name(each) for each in value or ()}
    return {each.lower() for each in value} if field == "tables" else value


def _report(relation: Relation, file: CodeMap, derived: CodeMap, findings: Findings) -> None:
    others: Sequence[str] = [type(each).__name__ for each in derived.relations if {*each.names} == {*relation.names}]
    findings.report(
        "map.differs", file.place_of(relation),
        f"the map says {type(relation).__name__} of {' and '.join(map(repr, relation.names))}, and the system "
        f"{derived.name!r} does not state it so",
        expected=f"what the system states: {', '.join(others)}" if others else "the relations of the system only",
        next="remove it from the map: the system states relations, and the map may add the hash of a kernel",
    )  # fmt: skip


def _once(roots: Iterable[Path]) -> tuple[Path, ...]:
    return tuple({root.resolve(): root for root in reversed([*roots])}.values())[::-1]
