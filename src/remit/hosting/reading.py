"""Reads the declarations of a module that is not imported from its source text."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.util import resolve_name
from types import ModuleType
from typing import Any, NamedTuple, TypeGuard

from remit.contexts import Context
from remit.edges import HttpEdge

ROLES = frozenset({"handle", "answer", "react", "publish", "publish_as", "project", "translate", "upcast"})
"""The methods of a context whose effect would be missed silently. Not `provide`: a handler that asks for a missing
service is reported anyway."""

_ASSIGNED = (ast.Name, ast.Attribute, ast.Call)
"""The assigned values that count as bindings. The result of a call is unknown, but it replaces an imported name."""

Unread = Mapping[str, "Module"]
"""Modules that are not imported, by name."""


class ReadDeclaration(NamedTuple):
    """A declaration of a module on a context, read from its source text."""

    context: Context[Any] | str
    """The context, or its name."""
    what: str
    line: int
    is_edge: bool = False


class _Import(NamedTuple):
    module: str
    name: str | None
    """The imported name. None if the module itself is imported."""


class Module:
    """A module that is not imported."""

    def __init__(self, name: str, path: str, text: bytes, *, is_package: bool, declares: bool) -> None:
        self.name = name
        self.path = path
        self._text = text
        self._package = name if is_package else name.rpartition(".")[0]
        self._declares = declares

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree. Raises the errors of `ast.parse` if it has a declaration; otherwise an empty tree."""
        try:
            return _parsed(self._text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            if self._declares:
                raise
            return ast.Module(body=[], type_ignores=[])

    def declared(self, unread: Unread) -> list[ReadDeclaration]:
        """The declarations that it would make if it were imported."""
        return (
            [each for statement in self._statements() for each in self._declared_by(statement, unread)]
            if (self._declares)
            else []
        )

    def value(self, name: str, unread: Unread, seen: frozenset[tuple[str, str]] = frozenset()) -> Any:
        """The value of a name: an object of an imported module, or a `Module` that is not imported. None if unknown."""
        if (self.name, name) in seen:
            return None
        seen |= {(self.name, name)}
        bound = self._bound.get(name)
        if isinstance(bound, _Import):
            module = _module(bound.module, unread)
            return module if bound.name is None else _member(module, bound.name, unread, seen)
        if isinstance(bound, ast.expr):
            return self._resolved(bound, unread, seen)
        found = (_member(_module(star, unread), name, unread, seen) for star in self._stars)
        return next((value for value in found if value is not None), None)

    @cached_property
    def _bound(self) -> dict[str, _Import | ast.expr]:
        return {name: value for statement in self._statements() for name, value in self._bindings(statement)}

    @cached_property
    def _stars(self) -> list[str]:
        froms = (each for each in self._statements() if isinstance(each, ast.ImportFrom))
        return [self._source(each) for each in froms if each.names[0].name == "*"]

    def _bindings(self, statement: ast.stmt) -> Iterator[tuple[str, _Import | ast.expr]]:
        if isinstance(statement, ast.Import):
            for each in statement.names:
                first = each.name.partition(".")[0]
                yield (each.asname, _Import(each.name, None)) if each.asname else (first, _Import(first, None))
        elif isinstance(statement, ast.ImportFrom):
            source = self._source(statement)
            yield from ((each.asname or each.name, _Import(source, each.name)) for each in statement.names)
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, _ASSIGNED):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in (each for each in targets if isinstance(each, ast.Name)):
                yield target.id, statement.value

    def _source(self, statement: ast.ImportFrom) -> str:
        try:
            return resolve_name("." * statement.level + (statement.module or ""), self._package)
        except ImportError:  # a relative import above the top package
            return ""

    def _statements(self) -> Iterator[ast.stmt]:
        """The statements that run at import, in order, without those for type checkers or scripts, and those inside
        functions."""
        waiting = list(reversed(self.tree.body))
        while waiting:
            statement = waiting.pop()
            yield statement
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(statement, ast.If) and (_is_for_checkers(statement.test) or _is_for_scripts(statement.test)):
                waiting += reversed(statement.orelse)
                continue
            for block in ("finalbody", "orelse", "handlers", "cases", "body"):
                inner: list[Any] = getattr(statement, block, [])
                for each in reversed(inner):
                    waiting += [each] if isinstance(each, ast.stmt) else reversed(each.body)

    def _declared_by(self, statement: ast.stmt, unread: Unread) -> Iterator[ReadDeclaration]:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            said, what = statement.decorator_list, statement.name
        else:
            said, what = list(_expressions(statement)), ""
        for expression in said:
            context = self._context_in(expression, unread)
            if context is not None:
                yield ReadDeclaration(context, what or ast.unparse(expression), expression.lineno)
            elif (of := self._edge_in(expression, unread)) is not None:
                yield ReadDeclaration(of, ast.unparse(expression), expression.lineno, is_edge=True)

    def _context_in(self, expression: ast.expr, unread: Unread) -> Context[Any] | None:
        """The context in `context.handle(Message)`, `context.handle(Message)(function)` and `context.project`."""
        while isinstance(expression, ast.Call):
            expression = expression.func
        if not isinstance(expression, ast.Attribute) or expression.attr not in ROLES:
            return None
        value = self._resolved(expression.value, unread, frozenset())
        return value if _is_context(value) else None

    def _edge_in(self, expression: ast.expr, unread: Unread) -> Context[Any] | str | None:
        """The context of `HttpEdge(context)`, or its name."""
        if not isinstance(expression, ast.Call) or not expression.args:
            return None
        if self._resolved(expression.func, unread, frozenset()) is not HttpEdge:
            return None
        of = expression.args[0]
        value = of.value if isinstance(of, ast.Constant) else self._resolved(of, unread, frozenset())
        return value if isinstance(value, str) or _is_context(value) else None

    def _resolved(self, expression: ast.expr, unread: Unread, seen: frozenset[tuple[str, str]]) -> Any:
        if isinstance(expression, ast.Name):
            return self.value(expression.id, unread, seen)
        if isinstance(expression, ast.Attribute):
            return _member(self._resolved(expression.value, unread, seen), expression.attr, unread, seen)
        return None


def _is_context(value: object) -> TypeGuard[Context[Any]]:
    return isinstance(value, Context)


def _module(name: str, unread: Unread) -> Any:
    return sys.modules.get(name) or unread.get(name)


def _member(owner: Any, name: str, unread: Unread, seen: frozenset[tuple[str, str]]) -> Any:
    """The value of a name in a module. Runs no code of the user."""
    if isinstance(owner, Module):
        value = owner.value(name, unread, seen)
        return value if value is not None else _module(f"{owner.name}.{name}", unread)
    if isinstance(owner, ModuleType):
        return vars(owner)[name] if name in vars(owner) else _module(f"{owner.__name__}.{name}", unread)
    return None


def _parsed(text: bytes) -> ast.Module:
    try:
        return ast.parse(text)
    except SystemError:  # CPython 3.11 raises it if a finalizer parses something meanwhile; a second time it does not
        return ast.parse(text)


def _expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement that may make a declaration: its value or its condition."""
    if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign):
        found = statement.value
    else:
        found = statement.test if isinstance(statement, ast.If | ast.While) else None
    if found is not None:
        yield found.value if isinstance(found, ast.NamedExpr) else found


def _is_for_scripts(test: ast.expr) -> bool:
    """Whether a condition is `__name__ == "__main__"`, which does not hold in an imported module."""
    return isinstance(test, ast.Compare) and ast.unparse(test) in _SCRIPTS


_SCRIPTS = frozenset({"__name__ == '__main__'", "'__main__' == __name__"})


def _is_for_checkers(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
