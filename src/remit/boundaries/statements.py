"""The texts in a file that may be SQL, with what names in them stand for as far as that is written in the file."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from remit.boundaries.scopes import Names, Scope

_LONGEST = 100_000
_MOST = 32
"""The most texts that one expression may stand for."""


def completed(node: ast.expr, scope: Scope, names: Names) -> list[str]:
    """The texts that an expression may be: names of constants are replaced by their texts, and all else by `?`. To be
    called when all names of the file are bound."""
    if isinstance(node, ast.JoinedStr):
        return _joined(node.values, scope, names)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined([node.left, node.right], scope, names)
    return [*names.texts(node, scope)] or [written(node) or "?"]


def _joined(parts: Sequence[ast.expr], scope: Scope, names: Names) -> list[str]:
    begun = [""]
    for part in parts:
        begun = [f"{text}{end}" for text in begun for end in completed(part, scope, names)][:_MOST]
    return begun


def table_of(node: ast.ClassDef) -> tuple[ast.expr, str] | None:
    """The value of `__tablename__` in a class, and the schema in its `__table_args__`. None for any other class."""
    said = {
        target.id: each.value
        for each in node.body
        if isinstance(each, ast.Assign)
        for target in each.targets
        if isinstance(target, ast.Name) and target.id in ("__tablename__", "__table_args__")
    }
    name = said.get("__tablename__")
    return (name, _schema_in(said.get("__table_args__"))) if name is not None else None


def _schema_in(given: ast.expr | None) -> str:
    if isinstance(given, ast.Tuple) and given.elts:
        given = given.elts[-1]
    pairs = zip(given.keys, given.values, strict=True) if isinstance(given, ast.Dict) else ()
    schemas = [written(value) for key, value in pairs if key is not None and written(key) == "schema"]
    return schemas[0] if schemas else ""


def written(node: ast.expr) -> str:
    """The text of an expression, with `?` in place of what is not written in the file. Empty if it is no text."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bytes):
            return node.value[:_LONGEST].decode("utf-8", "replace")
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(written(each) or "?" for each in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        first = written(node.left)
        if isinstance(node.op, ast.Mod):
            return first
        last = written(node.right)
        return (first or "?") + (last or "?") if first or last else ""
    return ""


def beside_texts(node: ast.expr) -> Iterator[ast.expr]:
    """The expressions in a text that are no texts themselves."""
    if isinstance(node, ast.JoinedStr):
        yield from (each.value for each in node.values if isinstance(each, ast.FormattedValue))
    elif isinstance(node, ast.BinOp):
        parts = (node.left, node.right)
        is_text = bool(written(node))
        for part in parts:
            yield from beside_texts(part) if is_text else (part,)
    elif not isinstance(node, ast.Constant):
        yield node
