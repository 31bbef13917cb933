"""A projection in a module of a context is declared by a context; otherwise no event is folded into it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remit.contexts import Model
from remit.contexts.annotations import asked_by, is_kind, projected_by
from remit.contexts.declarations import line_of
from remit.contexts.homes import Home
from remit.domain import Projection
from remit.errors import Findings, one_of

_BARE: Any = Projection


def check_forgotten(model: Model, findings: Findings) -> None:
    known = {projection for context in (*model.contexts, *model.beside) for projection in context.projections}
    known |= set(_asked_for(model))
    for home in model.homes:
        for projection in _projections_in(home):
            if projection in known:
                continue
            names = _owners(model, home, projection)
            findings.report(
                "projection.forgotten", line_of(projection),
                f"{projection.__name__} is a projection that no context declares: no event is folded into it",
                expected=one_of(f"@{name}.project" for name in names),
                next=f"@{names[0] if len(names) == 1 else '<context>'}.project above class {projection.__name__},"
                " or delete the class",
            )  # fmt: skip


def _asked_for(model: Model) -> Iterator[Any]:
    """The documents that handlers ask for. `check_dependencies` reports those that no context declares."""
    for context in model.contexts:
        for handler in context.handlers:
            for asked in asked_by(context, handler):
                if asked.injectable.of is Projection:
                    yield asked.subject


def _projections_in(home: Home) -> Iterator[type[Projection[Any, Any]]]:
    """The complete projections: they name their events, define `key` and `evolve`, and have no subclasses."""
    for module in home.modules:
        classes: list[Any] = [each for each in vars(module).values() if is_kind(each, Projection)]
        for value in dict.fromkeys(classes):
            if value.__module__ != module.__name__ or value.__subclasses__():
                continue
            written = value.key is not _BARE.key and value.evolve is not _BARE.evolve
            if written and projected_by(value) and not value.__name__.startswith("_"):
                yield value


def _owners(model: Model, home: Home, projection: type[Projection[Any, Any]]) -> list[str]:
    """The contexts that may declare it: those that own its events, otherwise all contexts of this home."""
    names = [context.name for context in home.contexts]
    owners = {model.owner_of(event) for event in projected_by(projection)}
    return [name for name in names if name in owners] or names
