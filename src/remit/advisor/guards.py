"""Which calls of a handler stand where their errors are caught: read from its source text, without running it.

Which functions a handler has, and what a name stands for, is found in the bytecode. The source text says which `try`
and `with suppress(...)` surround the line of a name.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, cast

from remit.contexts.annotations import is_kind
from remit.contexts.mentioned import Named, function_of, names_in
from remit.messages import Command, Message, Query

_Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEEPEST = 8
"""How many variables are followed from a message to its call."""


def guards_in(handler: Callable[..., Any], error: type[Exception]) -> dict[type[Message], bool]:
    """The commands and queries that a handler names: whether an error of this type is caught wherever it calls them.

    A message in a variable is judged where the variable is used, a message that is passed to a function of the package
    by what that function catches, and such a function where it is called. A clause that ends with `raise` catches
    nothing, whatever it raises. Code without source text catches nothing.
    """
    return _Guards(list(names_in(handler)), error).judged()


class _Step(NamedTuple):
    """A statement around a line, and the field of it in which the line stands."""

    node: ast.AST
    field: str


class _Guards:
    def __init__(self, names: list[Named], error: type[Exception]) -> None:
        self.names = names
        self.error = error
        self.at: dict[tuple[str, int], list[Any]] = {}
        """The values of the names in each line."""
        for each in names:
            self.at.setdefault((_file(each.function), each.line), []).append(each.value)

    def judged(self) -> dict[type[Message], bool]:
        bare = self._bare_functions()
        found: dict[type[Message], bool] = {}
        for each in self.names:
            if is_kind(each.value, Command, Query):
                guarded = each.function not in bare or self._is_caught(each) or self._is_passed_on(each)
                found[each.value] = found.get(each.value, True) and guarded
        return found

    def _bare_functions(self) -> set[Any]:
        """The functions whose callers let an error of theirs through: the handler itself, and what it calls so."""
        calls = [(each, called) for each in self.names if (called := function_of(each.value)) is not None]
        functions = {each.function for each in self.names}
        called_by = {called for each, called in calls if called is not each.function}
        bare = {each for each in functions if each not in called_by}
        waiting = list(bare)
        while waiting:
            function = waiting.pop()
            for each, called in calls:
                if each.function is function and called not in bare and not self._is_caught(each):
                    bare.add(called)
                    waiting.append(called)
        return bare

    def _is_caught(self, named: Named) -> bool:
        return self._catches(_file(named.function), named.line, 0)

    def _is_passed_on(self, named: Named) -> bool:
        """Whether the line passes the message to a function that catches the error of its own calls."""
        passed = (function_of(each) for each in self.at[_file(named.function), named.line])
        for function in filter(None, passed):
            node = _function_at(_file(function), function.__code__.co_firstlineno)
            tries = [each for each in ast.walk(node) if self._is_guard(_file(function), each)] if node else []
            if any(isinstance(inner, ast.Await | ast.Call) for each in tries for inner in ast.walk(each)):
                return True
        return False

    def _catches(self, file: str, line: int, depth: int) -> bool:
        """Whether an error in a line is caught, in the line or where what the line makes is used."""
        inner, around = _around(file, line)
        if any(step.field == "body" and self._is_guard(file, step.node) for step in inner):
            return True
        if any(step.field != "finalbody" and _returns_at_last(step.node) for step in inner):
            return True
        if inner and _is_left_alone(inner[-1].node, line):
            return True
        if not inner or depth > _DEEPEST:
            return False
        uses: list[int] = []
        function = inner[0].node
        if (name := _made(inner)) is not None:
            uses = [each for each in _loads(function, name) if each > line]
        elif isinstance(function, _FUNCTIONS) and around and isinstance(around[-1].node, ast.stmt):
            outer = next((step.node for step in reversed(around) if isinstance(step.node, _FUNCTIONS)), None)
            uses = _loads(outer, function.name) if outer is not None else []
        return bool(uses) and all(self._catches(file, each, depth + 1) for each in uses)

    def _is_guard(self, file: str, node: ast.AST) -> bool:
        if isinstance(node, ast.Try | ast.TryStar):
            for each in node.handlers:
                if each.type is None or any(self._is_wide(value) for value in self._values(file, each.type)):
                    return not _raises(each.body)
        if isinstance(node, ast.With | ast.AsyncWith):
            calls = [each.context_expr for each in node.items if isinstance(each.context_expr, ast.Call)]
            kept = [each for each in calls if ast.unparse(each.func).rpartition(".")[2] == "suppress"]
            return any(self._is_wide(value) for each in kept for value in self._values(file, each))
        return False

    def _values(self, file: str, node: ast.expr) -> Iterator[Any]:
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            yield from self.at.get((file, line), ())

    def _is_wide(self, value: Any) -> bool:
        if isinstance(value, tuple):  # `except (ValueError, *ERRORS)`
            return any(map(self._is_wide, cast("Any", value)))
        return isinstance(value, type) and is_kind(value, BaseException) and issubclass(self.error, value)


def _raises(body: list[ast.stmt]) -> bool:
    """Whether a clause ends by raising an error: the caught one, or another one in its place."""
    last = body[-1]
    if isinstance(last, ast.If):
        return bool(last.orelse) and _raises(last.body) and _raises(last.orelse)
    if isinstance(last, ast.With | ast.AsyncWith):
        return _raises(last.body)
    return isinstance(last, ast.Raise)


def _returns_at_last(node: ast.AST) -> bool:
    """Whether a `finally` returns, which discards every error."""
    return isinstance(node, ast.Try | ast.TryStar) and any(isinstance(each, ast.Return) for each in node.finalbody)


def _is_left_alone(statement: ast.AST, line: int) -> bool:
    """Whether the errors of what a line makes go elsewhere: `gather(..., return_exceptions=True)` returns them, and a
    task that nobody waits for keeps them."""
    for each in ast.walk(statement):
        if isinstance(each, ast.Call) and each.lineno <= line <= (each.end_lineno or each.lineno):
            called = ast.unparse(each.func)
            if called in ("gather", "asyncio.gather"):
                given = (one.value for one in each.keywords if one.arg == "return_exceptions")
                if any(isinstance(value, ast.Constant) and value.value is True for value in given):
                    return True
            is_bare = isinstance(statement, ast.Expr) and statement.value is each
            if is_bare and called in ("create_task", "asyncio.create_task", "ensure_future", "asyncio.ensure_future"):
                return True
    return False


def _made(inner: list[_Step]) -> str | None:
    """The variable for which a statement makes a value without waiting for it, or the one that a loop binds."""
    last = inner[-1].node
    target = None
    if isinstance(last, ast.Assign) and len(last.targets) == 1:
        target = last.targets[0]
    elif isinstance(last, ast.AnnAssign):
        target = last.target
    elif isinstance(last, ast.For | ast.AsyncFor) and inner[-1].field in ("target", "iter"):
        return last.target.id if isinstance(last.target, ast.Name) else None
    if target is None or not isinstance(target, ast.Name):
        return None
    return None if any(isinstance(each, ast.Await) for each in ast.walk(last)) else target.id


def _loads(within: ast.AST, name: str) -> list[int]:
    """The lines in which a variable is used."""
    found = (each for each in ast.walk(within) if isinstance(each, ast.Name) and each.id == name)
    return [each.lineno for each in found if isinstance(each.ctx, ast.Load)]


def _around(file: str, line: int) -> tuple[list[_Step], list[_Step]]:
    """The statements around a line, outer ones first: from the innermost function on, and those outside of it."""
    steps: list[_Step] = []
    node: ast.AST | None = _tree(file)
    while node is not None:
        field, inner = _inside(node, line)
        steps.append(_Step(node, field))
        node = inner
    at = max((number for number, step in enumerate(steps) if isinstance(step.node, _FUNCTIONS)), default=0)
    return steps[at:], steps[:at]


def _inside(node: ast.AST, line: int) -> tuple[str, ast.AST | None]:
    """The field of a statement in which a line stands, and the statement or clause there. No statement for a part that
    has none in it."""
    for field, value in ast.iter_fields(node):
        parts = cast("list[object]", value) if isinstance(value, list) else [cast("object", value)]
        for each in parts:
            first, last = getattr(each, "lineno", None), getattr(each, "end_lineno", None)
            if isinstance(each, ast.match_case):
                first, last = each.pattern.lineno, each.body[-1].end_lineno
            if first is not None and last is not None and first <= line <= last:
                return field, each if isinstance(each, ast.stmt | ast.ExceptHandler | ast.match_case) else None
    return "", None


def _function_at(file: str, line: int) -> _Function | None:
    for each in ast.walk(_tree(file) or ast.Module([], [])):
        if isinstance(each, _FUNCTIONS) and line in (each.lineno, *(one.lineno for one in each.decorator_list)):
            return each
    return None


def _file(function: Any) -> str:
    return str(function.__code__.co_filename)


@lru_cache(maxsize=64)
def _tree(file: str) -> ast.Module | None:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
