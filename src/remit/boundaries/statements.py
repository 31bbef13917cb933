"""The texts in a file that may be SQL, with what names in them stand for as far as that is written in the file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from remit.boundaries.scopes import Expression, Names, Scope
from remit.stores.sql_forms import looks_like_sql
from remit.stores.sql_text import tables_in

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
    if isinstance(node, ast.Call):
        return _written_join(node)
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


def _written_join(node: ast.Call) -> str:
    """`" ".join(["SELECT *", "FROM orders"])`."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(between)), attr="join"),
            args=[ast.List(elts=parts) | ast.Tuple(elts=parts)],
        ) if any(map(written, parts)):
            return between.join(written(each) or "?" for each in parts)
        case _:
            return ""


RUNS_SQL = frozenset({
    "execute", "executemany", "executescript", "execute_batch", "execute_values", "exec_driver_sql", "fetch",
    "fetchrow", "fetchval", "fetchmany", "text", "raw", "read_sql", "read_sql_query", "mogrify", "copy_expert",
    "scalars", "scalar",
})  # fmt: skip
"""Functions and methods that are given a text to run as SQL. Which object has the method is not known."""


def run_by(node: ast.Call) -> ast.expr | None:
    """The text that a call runs as SQL: its first argument. None for any other call."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return node.args[0] if name in RUNS_SQL and node.args else None


class Grown(NamedTuple):
    """`name += value`, in a scope."""

    name: str
    value: ast.expr
    scope: Scope
    line: int


_MOST_GROWN = 50
"""The most parts of a text that are put together."""


def grown_texts(grown: Sequence[Grown], names: Names) -> Iterator[tuple[str, int]]:
    """The statements that grow by `+=`, with the line of each part that names further tables: those that the text
    before it does not name. Parts count in their order in the file, also in branches of a condition."""
    parts: dict[tuple[int, str], list[Grown]] = {}
    for each in sorted(grown, key=lambda part: part.line):
        parts.setdefault((id(each.scope), each.name), []).append(each)
    for group in parts.values():
        bound = group[0].scope.names.get(group[0].name, ())
        begun = [known.node for known in bound if isinstance(known, Expression)]
        for first in begun:
            if written(first) and first.lineno <= group[-1].line:
                yield from _grown_from(first, group, names)


def _grown_from(first: ast.expr, parts: Sequence[Grown], names: Names) -> Iterator[tuple[str, int]]:
    scope = parts[0].scope
    text = completed(first, scope, names)[0]
    known = set(tables_in(text)) if looks_like_sql(text) else set[tuple[str, ...]]()
    for each in [part for part in parts if part.line >= first.lineno][:_MOST_GROWN]:
        text += completed(each.value, scope, names)[0]
        if looks_like_sql(text):
            alone = completed(each.value, scope, names)[0]
            seen = set(tables_in(alone)) if looks_like_sql(alone) else set[tuple[str, ...]]()
            for table in dict.fromkeys(tables_in(text)):
                if table not in known | seen:
                    yield "REFERENCES " + ".".join(f'"{part}"' for part in table), each.line
            known |= {*tables_in(text)}


def beside_texts(node: ast.AST) -> Iterator[ast.AST]:
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


NAMES_TABLE: Mapping[str, Callable[[str], str]] = {
    "sqlalchemy.ForeignKey": lambda text: text.rpartition(".")[0],
    "sqlalchemy.schema.ForeignKey": lambda text: text.rpartition(".")[0],
    "sqlalchemy.Table": str,
    "sqlalchemy.schema.Table": str,
    **dict.fromkeys(("sqlalchemy.table", "sqlalchemy.sql.table", "sqlalchemy.sql.expression.table"), str),
    "pandas.read_sql_table": str,
}
"""Functions that name a table in their first argument, and what of the text is the table."""
REFERS = frozenset(
    f"{module}.{field}"
    for module in ("django.db.models", "django.db.models.fields.related", "django.contrib.gis.db.models")
    for field in ("ForeignKey", "OneToOneField", "ManyToManyField")
)
"""The fields of Django that refer to another model, which their first argument may name by a text."""
