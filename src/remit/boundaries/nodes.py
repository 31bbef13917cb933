"""What is common to the syntax trees of all files: the parts of a node, and conditions for type checkers."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any, cast

FOLLOWED = (
    ast.Name, ast.Attribute, ast.Call, ast.Constant, ast.JoinedStr, ast.BinOp, ast.Subscript, ast.IfExp, ast.List,
    ast.Tuple, ast.Set, ast.Dict,
)  # fmt: skip
"""The values of assignments through which names and texts are followed."""
LEAVES = frozenset({ast.Pass, ast.Break, ast.Continue, ast.Load, ast.Store, ast.Del})
"""Nodes that name nothing."""
_WITHOUT_MEANING = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)


def children(node: ast.AST) -> Iterable[ast.AST]:
    """The nodes in a node that have a meaning of their own."""
    for name in node._fields:
        value: Any = getattr(node, name, None)
        if type(value) is list:
            yield from (each for each in cast("list[object]", value) if isinstance(each, ast.AST))
        elif isinstance(value, ast.AST) and not isinstance(value, _WITHOUT_MEANING):
            yield value


def for_checkers(test: ast.expr) -> bool | None:
    """Whether a condition holds for type checkers only (True), or for all but them (False). None: for both."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = for_checkers(test.operand)
        return None if inner is None else not inner
    return True if is_named(test, "TYPE_CHECKING") else None


def is_named(node: ast.expr, name: str) -> bool:
    """Whether an expression is a name, or ends with it."""
    return (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)


def items_of(target: ast.expr, iterated: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The names that a loop binds, each with an expression for what it stands for: an item, or a part of an item."""
    item = ast.Subscript(iterated, ast.Name("item", ast.Load()), ast.Load())
    if isinstance(target, ast.Name):
        yield target.id, item
    elif isinstance(target, ast.Tuple):
        for number, each in enumerate(target.elts):
            if isinstance(each, ast.Name):
                yield each.id, ast.Subscript(item, ast.Constant(number), ast.Load())


def captured_by(pattern: ast.pattern) -> Iterator[str]:
    """The names that a pattern of a `case` captures."""
    for each in ast.walk(pattern):
        name = each.rest if isinstance(each, ast.MatchMapping) else getattr(each, "name", None)
        if isinstance(each, ast.MatchAs | ast.MatchStar | ast.MatchMapping) and name:
            yield name
