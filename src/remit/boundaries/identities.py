"""Which names of a module are identities: by them, contexts refer to each other's things."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from remit.boundaries.scopes import Expression, Names

_BASE = "remit.values.Identifier"
_MAKES = "typing.NewType"


def identities_of(names: Names, classes: Iterable[ast.ClassDef]) -> frozenset[str]:
    """The names of a module that are a `NewType`, or one of its classes that is an `Identifier` of `remit.values`."""
    scope = names.scope
    made = {
        name
        for name, (bound, *_) in scope.names.items()
        if isinstance(bound, Expression)
        and isinstance(bound.node, ast.Call)
        and _MAKES in names.origins(bound.node.func, bound.scope)
    }
    derived = {each.name for each in classes if any(_BASE in names.origins(base, scope) for base in each.bases)}
    return frozenset(made | derived)
