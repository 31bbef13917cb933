"""Names in a file: to which module, or to which expression, a name is bound. Nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import resolve_name
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from remit.boundaries.impurity import is_path

_LIMIT = 32
"""The most alternatives of one name that are followed: it may be bound in two branches of a condition, or by a loop."""
_MOST_BOUND = 1000
"""The most bindings of one name that are looked at. Most of them stand for nothing of the code base."""
_DEEPEST = 40
"""The longest chain of aliases that is followed."""


class Scope:
    """A module, class or function, and the names that it binds."""

    __slots__ = ("elsewhere", "is_class", "is_full", "is_part", "names", "outer")

    def __init__(self, outer: Scope | None, *, is_class: bool = False, is_part: bool = False) -> None:
        self.names: dict[str, list[Binding]] = {}
        self.outer = outer
        self.is_class = is_class
        self.is_part = is_part
        """Whether it is a comprehension or a `case`. What is bound inside of it is bound in the outer scope."""
        self.is_full = False
        """Whether it binds a name more often than is looked at."""
        self.elsewhere: dict[str, Scope] | None = None
        """The names that a `global` or `nonlocal` statement makes those of another scope."""

    def bind(self, name: str, value: Binding) -> None:
        """Binds a name to a dotted name, or to an expression with its scope. An empty text stands for any other value:
        it hides names of outer scopes."""
        scope = self._whole
        while scope.elsewhere is not None and (other := scope.elsewhere.get(name)) is not None:
            scope = other
        scope.bind_here(name, value)

    @property
    def _whole(self) -> Scope:
        """The module, class or function of which it is a part."""
        scope = self
        while scope.is_part and scope.outer is not None:
            scope = scope.outer
        return scope

    def share(self, names: Iterable[str], *, with_module: bool) -> None:
        """Makes names those of the module, or of the function around this one. What is bound to them moves there: the
        statements of a function are visited in any order."""
        scope = self._whole
        other = scope
        while other.outer is not None and (with_module or other is scope or other.is_class or other.is_part):
            other = other.outer
        if other is scope:
            return
        scope.elsewhere = {} if scope.elsewhere is None else scope.elsewhere
        for name in names:
            scope.elsewhere[name] = other
            for each in scope.names.pop(name, ()):
                other.bind(name, each)

    def bind_here(self, name: str, value: Binding) -> None:
        """Binds a name in this very scope."""
        scope = self
        known = scope.names.setdefault(name, [])
        if value in known:
            return
        if len(known) < _MOST_BOUND:
            known.append(value)
        else:
            scope.is_full = True

    def found(self, name: str) -> list[Binding] | None:
        """The bindings of a name, as code in this scope sees it. None if it is bound nowhere."""
        scope: Scope | None = self
        inside: Scope | None = self
        while scope is not None:
            if (known := scope.names.get(name)) is not None and not (scope.is_class and scope is not inside):
                return known
            if scope is inside and scope.is_part:  # code in a part of a class sees the names of the class
                inside = scope.outer
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
ANY = object()
"""Stands for a key that does not stand in the file."""
PATHS = frozenset({"pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath"})
"""Classes whose objects are followed: what is read and written through them is no pure function."""
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
        self._collections: dict[int, tuple[tuple[object, Expression], ...]] = {}

    def inside(self, outer: Scope, *, is_class: bool = False, is_part: bool = False) -> Scope:
        """A new scope of the module."""
        self.scopes.append(Scope(outer, is_class=is_class, is_part=is_part))
        return self.scopes[-1]

    def forget(self) -> None:
        """Forgets all bindings. They hold scopes that hold them, which would otherwise stay in memory for long."""
        for scope in self.scopes:
            scope.names.clear()
        self._collections.clear()

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
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):  # `folder / "name"` is a path, as `folder`
            yield from filter(is_path, self.origins(node.left, scope, depth))
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

    def _few(self, node: ast.expr, scope: Scope, depth: int) -> list[str]:
        """The dotted names that an expression may stand for, `_LIMIT` at most: what is made of them has many more."""
        return [*islice(self.origins(node, scope, depth), _LIMIT)]

    def _few_texts(self, node: ast.expr, scope: Scope, depth: int) -> list[str]:
        """The texts that an expression may be, `_LIMIT` at most."""
        return [*islice(self.texts(node, scope, depth), _LIMIT)]

    def _of_item(self, node: ast.Subscript, scope: Scope, depth: int) -> Iterator[str]:
        """`sys.modules["a.b"]`, and `package.__dict__["module"]`."""
        for base in self._few(node.value, scope, depth):
            for key in self.texts(node.slice, scope, depth):
                if base == "sys.modules":
                    yield key
                elif base.endswith(".__dict__"):
                    yield f"{base.removesuffix('.__dict__')}.{key}"

    def _of_call(self, node: ast.Call, scope: Scope, depth: int) -> Iterator[str]:
        """What a call returns, if that is a module, something in it, or a path: `pathlib.Path()`."""
        for called in self._few(node.func, scope, depth):
            if called in PATHS or is_path(called):
                yield f"{called}()"
            elif node.args:
                yield from self._of_lookup(called, node, scope, depth)

    def _of_lookup(self, called: str, node: ast.Call, scope: Scope, depth: int) -> Iterator[str]:
        if called == "builtins.getattr" and len(node.args) > 1:
            for base in self._few(node.args[0], scope, depth):
                yield from (f"{base}.{each}" for each in self.texts(node.args[1], scope, depth))
        elif called == "builtins.vars":
            yield from (f"{base}.__dict__" for base in self._few(node.args[0], scope, depth))
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
        read = _TEXTS.get(type(node))
        if read is not None:
            yield from read(self, node, scope, depth + 1)
        for other in _alternatives(node):
            yield from self.texts(other, scope, depth + 1)

    def text_of_constant(self, node: ast.Constant, scope: Scope, depth: int) -> Iterator[str]:
        """A text that stands there."""
        if isinstance(node.value, str):
            yield node.value

    def text_of_format(self, node: ast.JoinedStr, scope: Scope, depth: int) -> Iterator[str]:
        """An f-string."""
        yield from self._joined(node.values, scope, depth)

    def text_of_value(self, node: ast.FormattedValue, scope: Scope, depth: int) -> Iterator[str]:
        """A value in an f-string."""
        yield from self.texts(node.value, scope, depth)

    def text_of_item(self, node: ast.Subscript, scope: Scope, depth: int) -> Iterator[str]:
        """An item of a collection that stands in the file."""
        for each in self._selected(node, scope, depth):
            yield from self.texts(each.node, each.scope, depth)

    def text_of_operation(self, node: ast.BinOp, scope: Scope, depth: int) -> Iterator[str]:
        """`"shop." + name`, and `"%s.model" % name`."""
        if isinstance(node.op, ast.Add):
            yield from self._joined([node.left, node.right], scope, depth)
        elif isinstance(node.op, ast.Mod):
            given = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
            for form in self._few_texts(node.left, scope, depth):
                yield from self._filled(form.split("%s"), given, scope, depth)

    def _selected(self, node: ast.Subscript, scope: Scope, depth: int) -> Iterator[Expression]:
        """The items of a collection that stands in the file, under a key. All, if the key is none that stands there."""
        key = node.slice.value if isinstance(node.slice, ast.Constant) else ANY
        for found, each in self._items(node.value, scope, depth):
            if key is ANY or key == found:
                yield each

    def _items(self, node: ast.expr, scope: Scope, depth: int) -> Iterator[tuple[object, Expression]]:
        """The keys, or numbers, and items of a collection that stands in the file."""
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            yield from ((number, Expression(each, scope)) for number, each in enumerate(node.elts[:_LIMIT]))
        elif isinstance(node, ast.Dict):
            for key, value in list(zip(node.keys, node.values, strict=True))[:_LIMIT]:
                yield key.value if isinstance(key, ast.Constant) else None, Expression(value, scope)
        elif isinstance(node, ast.Subscript) and depth <= _DEEPEST:
            for each in self._selected(node, scope, depth + 1):
                yield from self._items(each.node, each.scope, depth + 1)
        elif isinstance(node, ast.Name):
            for bound in scope.found(node.id) or ():
                yield from self._items_of_bound(bound, depth + 1)
        elif isinstance(node, ast.Call):
            yield from self._items_of_call(node, scope, depth + 1)

    def _items_of_bound(self, bound: Binding, depth: int) -> Iterable[tuple[object, Expression]]:
        """The items of what a name is bound to. Looked up once, also if names form a circle."""
        if not isinstance(bound, Expression):
            return ()
        key = id(bound.node)
        if key not in self._collections:
            self._collections[key] = ()
            self._collections[key] = tuple(self._items(bound.node, bound.scope, depth))[:_LIMIT]
        return self._collections[key]

    def _items_of_call(self, node: ast.Call, scope: Scope, depth: int) -> Iterator[tuple[object, Expression]]:
        """`names.values()`, `names.items()`, and `sorted(names)`."""
        match node.func, node.args:
            case ast.Attribute(value=value, attr="values" | "copy"), []:
                yield from self._items(value, scope, depth)
            case ast.Attribute(value=value, attr="items"), []:
                for key, item in self._items(value, scope, depth):
                    pair = ast.Tuple([ast.Constant(key if isinstance(key, str) else None), item.node], ast.Load())
                    yield key, Expression(pair, item.scope)
            case ast.Name(id="sorted" | "list" | "tuple" | "set" | "frozenset" | "reversed" | "iter"), [first, *_]:
                yield from self._items(first, scope, depth)
            case _:
                pass

    def text_of_name(self, node: ast.Name, scope: Scope, depth: int) -> Iterator[str]:
        """What a name is bound to. Looked up once, also if names form a circle."""
        known = scope.found(node.id)
        if known is None and node.id in ("__name__", "__package__"):
            yield self.module if node.id == "__name__" else self.package
        for each in known or ():
            if isinstance(each, Expression):
                key = id(each.node)
                if key not in self._texts:
                    self._texts[key] = ()
                    self._texts[key] = tuple(dict.fromkeys(self.texts(each.node, each.scope, depth)))[:_LIMIT]
                yield from self._texts[key]

    def text_of_call(self, node: ast.Call, scope: Scope, depth: int) -> Iterator[str]:
        """`".".join(["a", "b"])`, and `"{}.b".format("a")`."""
        if not isinstance(node.func, ast.Attribute):
            return
        match node.func.attr, node.args:
            case "join", [ast.List(elts=parts) | ast.Tuple(elts=parts)]:
                for between in self._few_texts(node.func.value, scope, depth):
                    yield from self._joined(parts, scope, depth, between)
            case "format", arguments if arguments:
                for form in self._few_texts(node.func.value, scope, depth):
                    yield from self._filled(form.split("{}"), arguments, scope, depth)
            case _:
                pass

    def _filled(self, pieces: list[str], given: list[ast.expr], scope: Scope, depth: int) -> list[str]:
        """The texts that pieces make with the given values between them. None if there are more or fewer values."""
        if len(pieces) != len(given) + 1:
            return []
        parts: list[ast.expr] = [ast.Constant(pieces[0])]
        for value, piece in zip(given, pieces[1:], strict=True):
            parts += [value, ast.Constant(piece)]
        return self._joined(parts, scope, depth)

    def _joined(self, parts: list[ast.expr], scope: Scope, depth: int, between: str = "") -> list[str]:
        """The texts that parts make together. At most `_LIMIT`, however many alternatives each part has."""
        begun = [""]
        for number, part in enumerate(parts):
            ends = self._few_texts(part, scope, depth)
            begun = [f"{text}{between if number else ''}{end}" for text in begun for end in ends][:_LIMIT]
        return begun


def _alternatives(node: ast.expr) -> list[ast.expr]:
    """The expressions of which an expression has the value of one."""
    if isinstance(node, ast.NamedExpr | ast.Await | ast.Starred):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    return node.values if isinstance(node, ast.BoolOp) else []


_TEXTS: Mapping[type[ast.expr], Callable[[Names, Any, Scope, int], Iterator[str]]] = {
    ast.Constant: Names.text_of_constant, ast.JoinedStr: Names.text_of_format, ast.Name: Names.text_of_name,
    ast.FormattedValue: Names.text_of_value, ast.BinOp: Names.text_of_operation, ast.Call: Names.text_of_call,
    ast.Subscript: Names.text_of_item,
}  # fmt: skip
"""How the texts of each kind of expression are read."""
