"""Names in a file: to which module, or to which expression, a name is bound. Nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import resolve_name
from typing import NamedTuple, TypeAlias

_LIMIT = 4
"""The most alternatives of one name that are followed: a name that is bound in both branches of a condition."""
_DEEPEST = 40
"""The longest chain of aliases that is followed."""


class Scope:
    """A module, class or function, and the names that it binds."""

    __slots__ = ("is_class", "names", "of_module", "outer")

    def __init__(self, outer: Scope | None, *, is_class: bool = False) -> None:
        self.names: dict[str, list[Binding]] = {}
        self.outer = outer
        self.is_class = is_class
        self.of_module: set[str] | None = None
        """The names that a `global` statement binds in the module instead."""

    def bind(self, name: str, value: Binding) -> None:
        """Binds a name to a dotted name, or to an expression with its scope. An empty text stands for any other value:
        it hides names of outer scopes."""
        scope = self
        if self.of_module is not None and name in self.of_module:
            while scope.outer is not None:
                scope = scope.outer
        known = scope.names.setdefault(name, [])
        if len(known) < _LIMIT and value not in known:
            known.append(value)

    def found(self, name: str) -> list[Binding] | None:
        """The bindings of a name, as code in this scope sees it. None if it is bound nowhere."""
        scope: Scope | None = self
        while scope is not None:
            if (known := scope.names.get(name)) is not None and not (scope.is_class and scope is not self):
                return known
            scope = scope.outer
        return None


class Expression(NamedTuple):
    """An expression, and the scope in which its names stand."""

    node: ast.expr
    scope: Scope


Binding: TypeAlias = "str | Expression"

MAKES_MODULE = frozenset({
    "importlib.import_module", "sys.modules.get", "sys.modules.pop", "sys.modules.__getitem__", "pkgutil.resolve_name",
    "pydoc.locate",
})  # fmt: skip
"""Functions that return the module that their first argument names."""
MAKES_PACKAGE = frozenset({"builtins.__import__", "importlib.__import__"})
"""Functions that return its top package, unless they are given `fromlist`."""
BUILTIN = "builtins."
"""Before the name of what is bound nowhere in the file."""


class Names:
    """The names of one module."""

    def __init__(self, module: str, *, is_package: bool) -> None:
        self.module = module
        self.package = module if is_package else module.rpartition(".")[0]
        self.scope = Scope(None)
        self.scopes = [self.scope]
        self.stars: list[str] = []
        self._origins: dict[int, tuple[str, ...]] = {}
        self._texts: dict[int, tuple[str, ...]] = {}

    def inside(self, outer: Scope, *, is_class: bool = False) -> Scope:
        """A new scope of the module."""
        self.scopes.append(Scope(outer, is_class=is_class))
        return self.scopes[-1]

    def forget(self) -> None:
        """Forgets all bindings. They hold scopes that hold them, which would otherwise stay in memory for long."""
        for scope in self.scopes:
            scope.names.clear()

    def absolute(self, name: str, level: int = 0, package: str | None = None) -> str:
        """The absolute name of a relative import. Empty if it leads out of the top package."""
        relative = "." * level + name
        try:
            return resolve_name(relative, self.package if package is None else package) if relative else ""
        except (ImportError, ValueError):
            return ""

    def origins(self, node: ast.expr, scope: Scope, depth: int = 0) -> Iterator[str]:
        """The dotted names that an expression may stand for: of modules, and of what is in them."""
        if depth > _DEEPEST:
            return
        depth += 1
        if isinstance(node, ast.Name):
            yield from self._of_name(node.id, scope, depth)
        elif isinstance(node, ast.Attribute):
            for base in self.origins(node.value, scope, depth):
                yield f"{base}.{node.attr}"
        elif isinstance(node, ast.Subscript):
            yield from self._of_item(node, scope, depth)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node, scope, depth)
        else:
            for each in _alternatives(node):
                yield from self.origins(each, scope, depth)

    def _of_name(self, name: str, scope: Scope, depth: int) -> Iterator[str]:
        known = scope.found(name)
        if known is None:
            yield from (f"{star}.{name}" for star in self.stars)
            yield f"{BUILTIN}{name}"
            return
        for each in known:
            if isinstance(each, Expression):
                yield from self.followed(each, depth)
            elif each:
                yield each

    def followed(self, bound: Expression, depth: int = 0) -> tuple[str, ...]:
        """The dotted names that a bound expression may stand for. Looked up once, also if names form a circle."""
        key = id(bound.node)
        if key not in self._origins:
            self._origins[key] = ()
            self._origins[key] = tuple(dict.fromkeys(self.origins(bound.node, bound.scope, depth)))[:_LIMIT]
        return self._origins[key]

    def _of_item(self, node: ast.Subscript, scope: Scope, depth: int) -> Iterator[str]:
        """`sys.modules["a.b"]`, and `package.__dict__["module"]`."""
        for base in self.origins(node.value, scope, depth):
            for key in self.texts(node.slice, scope, depth):
                if base == "sys.modules":
                    yield key
                elif base.endswith(".__dict__"):
                    yield f"{base.removesuffix('.__dict__')}.{key}"

    def _of_call(self, node: ast.Call, scope: Scope, depth: int) -> Iterator[str]:
        """What a call returns, if that is a module or something in it."""
        for called in self.origins(node.func, scope, depth) if node.args else ():
            if called == "builtins.getattr" and len(node.args) > 1:
                for base in self.origins(node.args[0], scope, depth):
                    yield from (f"{base}.{each}" for each in self.texts(node.args[1], scope, depth))
            elif called == "builtins.vars":
                yield from (f"{base}.__dict__" for base in self.origins(node.args[0], scope, depth))
            elif called in MAKES_MODULE:
                for each in self.texts(node.args[0], scope, depth):
                    yield self.absolute(each, package=self.package_in(node, scope)) if each[:1] == "." else each
            elif called in MAKES_PACKAGE:
                has_names = len(node.args) > 3 or any(
                    each.arg == "fromlist" for each in node.keywords
                )  # the fourth parameter
                for each in self.texts(node.args[0], scope, depth):
                    yield each if has_names else each.partition(".")[0]

    def package_in(self, node: ast.Call, scope: Scope) -> str | None:
        """The package that a call gives, to which a relative name belongs."""
        given = [each.value for each in node.keywords if each.arg == "package"] or node.args[1:2]
        return next(self.texts(given[0], scope), None) if given else None

    def texts(self, node: ast.expr, scope: Scope, depth: int = 0) -> Iterator[str]:
        """The texts that an expression may be, as far as they are written in the file."""
        if depth > _DEEPEST:
            return
        depth += 1
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield from self._joined(node.values, scope, depth)
        elif isinstance(node, ast.FormattedValue):
            yield from self.texts(node.value, scope, depth)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield from self._joined([node.left, node.right], scope, depth)
        elif isinstance(node, ast.Name):
            yield from self._text_of_name(node.id, scope, depth)
        elif isinstance(node, ast.Call):
            yield from self._text_of_call(node, scope, depth)
        elif isinstance(node, ast.IfExp):
            yield from self.texts(node.body, scope, depth)
            yield from self.texts(node.orelse, scope, depth)

    def _text_of_name(self, name: str, scope: Scope, depth: int) -> Iterator[str]:
        known = scope.found(name)
        if known is None and name in ("__name__", "__package__"):
            yield self.module if name == "__name__" else self.package
        for each in known or ():
            if isinstance(each, Expression):
                key = id(each.node)
                if key not in self._texts:
                    self._texts[key] = ()
                    self._texts[key] = tuple(dict.fromkeys(self.texts(each.node, each.scope, depth)))[:_LIMIT]
                yield from self._texts[key]

    def _text_of_call(self, node: ast.Call, scope: Scope, depth: int) -> Iterator[str]:
        """`".".join(["a", "b"])`, and `"{}.b".format("a")`."""
        if not isinstance(node.func, ast.Attribute):
            return
        match node.func.attr, node.args:
            case "join", [ast.List(elts=parts) | ast.Tuple(elts=parts)]:
                for between in self.texts(node.func.value, scope, depth):
                    yield from self._joined(parts, scope, depth, between)
            case "format", arguments if arguments:
                for form in self.texts(node.func.value, scope, depth):
                    given = [next(self.texts(each, scope, depth), None) for each in arguments]
                    pieces = form.split("{}")
                    if len(pieces) == len(given) + 1 and None not in given:
                        yield "".join(text or "" for pair in zip(pieces, [*given, ""], strict=True) for text in pair)
            case _:
                pass

    def _joined(self, parts: list[ast.expr], scope: Scope, depth: int, between: str = "") -> list[str]:
        """The texts that parts make together. At most `_LIMIT`, however many alternatives each part has."""
        begun = [""]
        for number, part in enumerate(parts):
            ends = [*self.texts(part, scope, depth)]
            begun = [f"{text}{between if number else ''}{end}" for text in begun for end in ends][:_LIMIT]
        return begun


def _alternatives(node: ast.expr) -> list[ast.expr]:
    """The expressions of which an expression has the value of one."""
    if isinstance(node, ast.NamedExpr | ast.Await | ast.Starred):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    return node.values if isinstance(node, ast.BoolOp) else []
