"""Reads one file of source text, without importing it: everything that it names of other modules.

One pass over the syntax tree notes bindings, and what is named through them; then each name is resolved. So a name is
known wherever the file binds it.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from remit.boundaries.facts import Facts, Model, Use
from remit.boundaries.impurity import IMPURE, impure_use
from remit.boundaries.nodes import FOLLOWED, LEAVES, captured_by, children, for_checkers, is_named, items_of
from remit.boundaries.scopes import BUILTIN, Expression, Names, Scope
from remit.boundaries.spellings import ANNOTATES, ENTRY_POINTS, EVALUATES, SPELLINGS, argument, named_by, passed_on
from remit.boundaries.statements import (
    NAMES_TABLE,
    REFERS,
    Grown,
    beside_texts,
    completed,
    grown_texts,
    run_by,
    table_of,
    written,
)
from remit.stores.sql_forms import looks_like_sql

_RUN_AS_TEXT = 1000
"""The most texts of `exec` that are read in one file. An `exec` may contain another one."""
_ANNOTATIONS = 50_000
"""The most annotations in quotes that are read in one file."""


def read_source(module: str, path: str, text: bytes, tops: frozenset[str], *, is_package: bool) -> Facts:
    """What a file says. `tops` are the top-level packages of the code base. Raises nothing for a faulty file."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
        reader = _Reader(module, path, tops, is_package=is_package)
        try:
            facts = reader.read(tree)
        finally:
            reader.names.forget()
        is_bare = all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in tree.body)
        return facts._replace(is_bare=is_bare, digest=sha256(b"\n".join(text.splitlines())).hexdigest())
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else 1
        fault = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
        return Facts(module, path, is_package, fault=fault, line=line or 1)


class _At(NamedTuple):
    """Where a piece of source text stands."""

    scope: Scope
    deferred: bool = False
    typing: bool = False
    line: int = 0
    """The line of the text that holds it, for a text that is run or an annotation. 0: its own line counts."""
    how: str = ""
    """The row of the table, for what stands in a text."""

    def line_of(self, node: ast.AST) -> int:
        return self.line or getattr(node, "lineno", 1)


class _Reader:
    def __init__(self, module: str, path: str, tops: frozenset[str], *, is_package: bool) -> None:
        self.names = Names(module, is_package=is_package)
        self.path, self.tops, self.is_package = path, tops, is_package
        self.uses: dict[tuple[str, bool, bool], Use] = {}
        self.imported: list[Use] = []
        self.chains: list[tuple[ast.expr, _At]] = []
        self.calls: list[tuple[ast.Call, _At]] = []
        self.texts_left = {"exec": _RUN_AS_TEXT, "eval": _ANNOTATIONS}
        self.public: tuple[str, ...] | None = None
        self.models: list[Model] = []
        self.impure: list[tuple[str, int]] = []
        self.sql: list[tuple[str, int]] = []
        self.statements: list[tuple[ast.expr, _At]] = []
        """What looks like SQL. Names in it are not looked up yet."""
        self.keys: list[tuple[str, int]] = []
        self.tables: list[tuple[ast.expr, str, _At]] = []
        """The tables that classes declare, and their schemas."""
        self.unknown: list[tuple[str, int]] = []
        self.grown: list[Grown] = []
        self.run: set[int] = set()
        """The identities of the expressions that are given to something that runs SQL."""
        self.numbers: set[int] = set()
        """The identities of the expressions that are known to be no texts."""

    def read(self, tree: ast.Module) -> Facts:
        scope = self.names.scope
        self.walk(tree.body, _At(scope))
        while self.chains or self.calls:
            chains, calls, self.chains, self.calls = self.chains, self.calls, [], []
            for node, at in chains:
                self._resolve_chain(node, at)
            for call, at in calls:
                self._resolve_call(call, at)
        if min(self.texts_left.values()) < 0 or any(each.is_full for each in self.names.scopes):
            self.unknown.append(("", 1))
        for node, at in self.statements:
            self.sql += [(text, at.line_of(node)) for text in completed(node, at.scope, self.names)]
        self.sql += grown_texts(self.grown, self.names)
        for node, schema, at in self.tables:
            named = [f"{schema}.{text}" if schema else text for text in self.names.texts(node, at.scope)]
            self.sql += [(f"REFERENCES {table}", at.line_of(node)) for table in named]
        passed = {name: self._origins(name, scope) for name in scope.names}
        module = self.names.module
        return Facts(
            module, self.path, self.is_package,
            uses=tuple(sorted(self.uses.values(), key=lambda use: use.line)),
            names={name: origins for name, origins in passed.items() if origins},
            stars=tuple(dict.fromkeys(self.names.stars)),
            own=frozenset(name for name, origins in passed.items() if not origins),
            identities=frozenset(name for name in passed if self._is_identity(name)), public=self.public,
            models=tuple(self.models), impure=tuple(self.impure), sql=tuple(self.sql), keys=tuple(self.keys),
            unknown=tuple(self.unknown),
        )  # fmt: skip

    def _origins(self, name: str, scope: Scope) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(
                origin
                for each in scope.names[name]
                for origin in (self.names.followed(each) if isinstance(each, Expression) else [each])
                if origin and not origin.startswith(BUILTIN) and "()" not in origin
            )
        )

    def _is_identity(self, name: str) -> bool:
        bound = self.names.scope.names[name][0]
        return (
            isinstance(bound, Expression)
            and isinstance(bound.node, ast.Call)
            and "typing.NewType" in self.names.origins(bound.node.func, bound.scope)
        )

    def use(self, target: str, node: ast.AST, how: str, at: _At) -> None:
        """Notes a dependency, each target once in each state, at its first line."""
        if not target or target == self.names.module:
            return
        key = (target, at.typing, at.deferred)
        line = at.line_of(node)
        known = self.uses.get(key)
        if known is None or line < known.line:
            self.uses[key] = Use(sys.intern(target), line, at.how or how, at.typing, at.deferred)

    # the pass

    def walk(self, nodes: Iterable[ast.AST], at: _At) -> None:
        waiting: list[tuple[ast.AST, _At]] = [(node, at) for node in nodes]
        while waiting:
            node, at = waiting.pop()
            kind = type(node)
            visit = _VISITS.get(kind)
            if visit is not None:
                waiting += visit(self, node, at)
            elif kind not in LEAVES:
                waiting += [(each, at) for each in children(node)]

    def visit_import(self, node: ast.Import, at: _At) -> list[tuple[ast.AST, _At]]:
        for each in node.names:
            self.use(each.name, node, "import", at)
            if each.asname:
                at.scope.bind(each.asname, each.name)
            else:
                first = each.name.partition(".")[0]
                at.scope.bind(first, first)
        return []

    def visit_import_from(self, node: ast.ImportFrom, at: _At) -> list[tuple[ast.AST, _At]]:
        source = self.names.absolute(node.module or "", node.level)
        how = "relative" if node.level else "from"
        for each in node.names if source else ():
            if each.name == "*":
                self.use(source, node, "star", at)
                self.names.stars.append(source)
            else:
                origin = f"{source}.{each.name}"
                self.use(origin, node, how, at)
                at.scope.bind(each.asname or each.name, origin)
        return []

    def visit_name(self, node: ast.Name, at: _At) -> list[tuple[ast.AST, _At]]:
        if not isinstance(node.ctx, ast.Load):
            at.scope.bind(node.id, "")
        elif self.names.stars:
            self.chains.append((node, at))
        return []

    def visit_attribute(self, node: ast.Attribute, at: _At) -> list[tuple[ast.AST, _At]]:
        self.chains.append((node, at))
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            base = base.value
        return [] if isinstance(base, ast.Name) else [(base, at)]

    def visit_subscript(self, node: ast.Subscript, at: _At) -> list[tuple[ast.AST, _At]]:
        if isinstance(node.slice, ast.Constant | ast.JoinedStr | ast.BinOp | ast.Name):
            self.chains.append((node, at))
        return [(node.value, at), (node.slice, at)]

    def visit_call(self, node: ast.Call, at: _At) -> list[tuple[ast.AST, _At]]:
        self.calls.append((node, at))
        if (run := run_by(node)) is not None:
            self.run.add(id(run))
        form = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr == "format" else None
        joined = written(node)
        if looks_like_sql(joined or (written(form) if form is not None else ""), is_run=id(node) in self.run):
            self.statements.append((node, at))
        if joined:  # its parts are no statements of their own
            return [(each, at) for part in children(node.args[0]) for each in beside_texts(part)]
        inner: list[ast.AST] = [node.func, *node.args, *(each.value for each in node.keywords)]
        return [(each, at) for each in inner]

    def visit_text(self, node: ast.expr, at: _At) -> list[tuple[ast.AST, _At]]:
        """A text, or what is made of texts: perhaps SQL. Numbers that are added have the same form."""
        text = "" if id(node) in self.numbers else written(node)
        if text:
            if looks_like_sql(text, is_run=id(node) in self.run):
                self.statements.append((node, at))
            return [(each, at) for each in beside_texts(node)]
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Add):  # neither side is a text, so that no part of them is looked at again
                self.numbers |= {id(node.left), id(node.right)}
            return [(node.left, at), (node.right, at)]
        return [(each, at) for each in beside_texts(node)]

    def visit_statement(self, node: ast.Expr, at: _At) -> list[tuple[ast.AST, _At]]:
        """An expression that stands alone. A text that stands alone is a docstring."""
        return [] if isinstance(node.value, ast.Constant) else [(node.value, at)]

    def visit_function(self, node: Any, at: _At) -> list[tuple[ast.AST, _At]]:
        at.scope.bind(node.name, "")
        arguments: ast.arguments = node.args
        inner = _At(self.names.inside(at.scope), deferred=True, typing=at.typing, line=at.line, how=at.how)
        waiting = [(each, at) for each in node.decorator_list] + self._type_parameters(node, at, inner.scope)
        waiting += self._parameters(arguments, at, inner.scope)
        if node.returns is not None:
            waiting += self.annotated(node.returns, at)
        return waiting + [(each, inner) for each in node.body]

    def visit_lambda(self, node: ast.Lambda, at: _At) -> list[tuple[ast.AST, _At]]:
        inner = _At(self.names.inside(at.scope), deferred=True, typing=at.typing, line=at.line, how=at.how)
        return [*self._parameters(node.args, at, inner.scope), (node.body, inner)]

    def _parameters(self, given: ast.arguments, at: _At, scope: Scope) -> list[tuple[ast.AST, _At]]:
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
        waiting: list[tuple[ast.AST, _At]] = [(each, at) for each in (*given.defaults, *given.kw_defaults) if each]
        for each in every:
            is_path = each.annotation is not None and is_named(each.annotation, "Path")
            made = ast.Call(each.annotation, [], []) if is_path and each.annotation is not None else None
            scope.bind(each.arg, Expression(made, at.scope) if made is not None else "")
            if each.annotation is not None:
                waiting += self.annotated(each.annotation, at)
        return waiting

    def visit_class(self, node: ast.ClassDef, at: _At) -> list[tuple[ast.AST, _At]]:
        at.scope.bind(node.name, "")
        fields = tuple(
            each.target.id
            for each in node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        )
        if fields and at.scope is self.names.scope:
            self.models.append(Model(node.name, node.lineno, fields))
        inner = at._replace(scope=self.names.inside(at.scope, is_class=True))
        if (table := table_of(node)) is not None:
            self.tables.append((*table, inner))
        around = [*node.decorator_list, *node.bases, *(each.value for each in node.keywords)]
        parameters = self._type_parameters(node, at, inner.scope)
        return [*((each, at) for each in around), *parameters, *((each, inner) for each in node.body)]

    def _type_parameters(self, node: Any, at: _At, scope: Scope) -> list[tuple[ast.AST, _At]]:
        """The bounds and defaults of `[T: bound = default]`, from Python 3.12 and 3.13 on."""
        waiting: list[tuple[ast.AST, _At]] = []
        for each in getattr(node, "type_params", ()):
            scope.bind(each.name, "")
            given = (getattr(each, "bound", None), getattr(each, "default_value", None))
            for annotation in filter(None, given):
                waiting += self.annotated(annotation, at)
        return waiting

    def visit_type_alias(self, node: Any, at: _At) -> list[tuple[ast.AST, _At]]:
        """`type Name[T] = ...`. Its name is passed on like that of an assignment."""
        inner = at._replace(scope=self.names.inside(at.scope))
        self._bind(node.name.id, node.value, at)
        return self._type_parameters(node, at, inner.scope) + self.annotated(node.value, inner)

    def visit_assign(self, node: ast.Assign, at: _At) -> list[tuple[ast.AST, _At]]:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._bind(target.id, node.value, at)
        others = [each for each in node.targets if not isinstance(each, ast.Name)]
        return [(each, at) for each in (*others, node.value)]

    def visit_grown(self, node: ast.AugAssign, at: _At) -> list[tuple[ast.AST, _At]]:
        """`name += value`: perhaps a text that grows to SQL."""
        if isinstance(node.op, ast.Add) and isinstance(node.target, ast.Name):
            self.grown.append(Grown(node.target.id, node.value, at.scope, at.line_of(node)))
            return [(node.value, at)]
        return [(node.target, at), (node.value, at)]

    def visit_annotated_assign(self, node: ast.AnnAssign, at: _At) -> list[tuple[ast.AST, _At]]:
        if isinstance(node.target, ast.Name):
            self._bind(node.target.id, node.value, at)
        target: list[tuple[ast.AST, _At]] = [] if isinstance(node.target, ast.Name) else [(node.target, at)]
        return target + self.annotated(node.annotation, at) + ([(node.value, at)] if node.value else [])

    def visit_named(self, node: ast.NamedExpr, at: _At) -> list[tuple[ast.AST, _At]]:
        self._bind(node.target.id, node.value, at)
        return [(node.value, at)]

    def _bind(self, name: str, value: ast.expr | None, at: _At) -> None:
        if name == "__all__" and at.scope is self.names.scope and isinstance(value, ast.List | ast.Tuple):
            self.public = tuple(text for each in value.elts for text in self.names.texts(each, at.scope))
        is_number = isinstance(value, ast.Constant) and not isinstance(value.value, str)
        at.scope.bind(name, Expression(value, at.scope) if isinstance(value, FOLLOWED) and not is_number else "")

    def visit_if(self, node: Any, at: _At) -> list[tuple[ast.AST, _At]]:
        checkers = for_checkers(node.test)
        body, otherwise = node.body, node.orelse
        if isinstance(node, ast.IfExp):
            body, otherwise = [body], [otherwise]
        typing = at._replace(typing=True)
        return [
            (node.test, at),
            *((each, typing if checkers is True else at) for each in body),
            *((each, typing if checkers is False else at) for each in otherwise),
        ]

    def visit_loop(self, node: Any, at: _At) -> list[tuple[ast.AST, _At]]:
        """A loop: its names stand for the items of what it goes through."""
        inner: list[ast.AST] = [node.iter, *node.body, *node.orelse]
        return [(each, at) for each in (*inner, *self._bind_items(node, at))]

    def visit_comprehension(self, node: Any, at: _At) -> list[tuple[ast.AST, _At]]:
        """A comprehension: its names are its own."""
        inner = at._replace(scope=self.names.inside(at.scope, is_part=True))
        waiting = [(part, inner) for name in ("elt", "key", "value") if (part := getattr(node, name, None)) is not None]
        for number, each in enumerate(node.generators):
            waiting.append((each.iter, inner if number else at))
            waiting += [(part, inner) for part in (*each.ifs, *self._bind_items(each, inner))]
        return waiting

    def _bind_items(self, node: Any, at: _At) -> list[ast.AST]:
        """Binds the names of a loop. Returns what it assigns to besides."""
        bind = at.scope.bind_here if isinstance(node, ast.comprehension) else at.scope.bind
        for name, item in items_of(node.target, node.iter):
            bind(name, Expression(item, at.scope))
        return [] if isinstance(node.target, ast.Name | ast.Tuple) else [node.target]

    def visit_case(self, node: ast.match_case, at: _At) -> list[tuple[ast.AST, _At]]:
        """A `case`: the names that its pattern captures hide others in it."""
        inner = at._replace(scope=self.names.inside(at.scope, is_part=True))
        for name in captured_by(node.pattern):
            inner.scope.bind_here(name, "")
            at.scope.bind(name, "")
        return [(node.pattern, at), *((each, inner) for each in (*filter(None, [node.guard]), *node.body))]

    def visit_shared(self, node: ast.Global | ast.Nonlocal, at: _At) -> list[tuple[ast.AST, _At]]:
        at.scope.share(node.names, with_module=isinstance(node, ast.Global))
        return []

    def visit_handler(self, node: ast.ExceptHandler, at: _At) -> list[tuple[ast.AST, _At]]:
        if node.name:
            at.scope.bind(node.name, "")
        return [(each, at) for each in (*filter(None, [node.type]), *node.body)]

    def annotated(self, node: ast.expr, at: _At) -> list[tuple[ast.AST, _At]]:
        """An annotation. Texts in it are annotations too, but not those in `Literal[...]`."""
        waiting: list[tuple[ast.AST, _At]] = []
        inside: list[ast.AST] = [node]
        while inside:
            each = inside.pop()
            if isinstance(each, ast.Constant):
                if isinstance(each.value, str):
                    waiting += self._text_annotation(each.value, each, at)
            elif isinstance(each, ast.Subscript):
                waiting.append((each.value, at))
                if is_named(each.value, "Annotated") and isinstance(each.slice, ast.Tuple):
                    inside += each.slice.elts[:1]
                    waiting += [(metadata, at) for metadata in each.slice.elts[1:]]
                elif not is_named(each.value, "Literal"):
                    inside.append(each.slice)
            elif isinstance(each, ast.Tuple | ast.List | ast.BinOp | ast.Starred):
                inside += ast.iter_child_nodes(each)
            elif isinstance(each, ast.expr):
                waiting.append((each, at))
        return waiting

    def _text_annotation(self, text: str, node: ast.AST, at: _At) -> list[tuple[ast.AST, _At]]:
        inner = at._replace(typing=True, line=at.line_of(node), how=at.how or "string annotation")
        tree = self._parsed(text.strip(), "eval")
        return self.annotated(tree.body, inner) if isinstance(tree, ast.Expression) else []

    def _parsed(self, text: str, mode: str) -> ast.AST | None:
        """The tree of a text in the file. None for a text that is no Python."""
        self.texts_left[mode] -= 1
        if self.texts_left[mode] < 0:
            return None
        try:
            with warnings.catch_warnings(action="ignore"):
                return ast.parse(text, mode=mode)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    # what the pass has noted

    def _resolve_chain(self, node: ast.expr, at: _At) -> None:
        how = _RESOLVED.get(type(node), "attribute")
        for origin in self.names.origins(node, at.scope):
            if origin.partition(".")[0] in self.tops:
                self.use(origin, node, how, at)
            elif impure := impure_use(origin):
                self.impure.append((impure, at.line_of(node)))

    def _resolve_call(self, node: ast.Call, at: _At) -> None:
        self._resolve_run(node, at)
        for called in self.names.origins(node.func, at.scope):
            if called in SPELLINGS:
                found, unknown = named_by(called, node, self.names, at.scope)
                for target, how in found:
                    self.use(target, node, how, at)
                if unknown:
                    self.unknown.append((unknown, at.line_of(node)))
            elif called in IMPURE and isinstance(node.func, ast.Name):
                self.impure.append((called, at.line_of(node)))
            elif called == "builtins.getattr":
                self.chains.append((node, at))
            else:
                self._resolve_text(called, node, at)
        for each in (each for each in node.args if isinstance(each, ast.Name | ast.Attribute)):
            for passed in self.names.origins(each, at.scope):
                for target, how in passed_on(passed, node, self.names, at.scope):
                    self.use(target, node, how, at)

    def _resolve_text(self, called: str, node: ast.Call, at: _At) -> None:
        """A call with a text that is run, that is an annotation, or that names a table or a group of entry points."""
        if called in EVALUATES:
            self._run_text(node, at)
        elif called in ANNOTATES:
            given = argument(node, *ANNOTATES[called])
            for each, inner in self.annotated(given, at) if given is not None else ():
                self.walk([each], inner)
        elif called in NAMES_TABLE and node.args:
            tables = (NAMES_TABLE[called](text) for text in self.names.texts(node.args[0], at.scope))
            self.sql += [(f"REFERENCES {table}", at.line_of(node)) for table in tables]
        elif called in REFERS:
            named = (argument(node, 0, "to"), argument(node, 4, "through"))
            texts = (text for each in named if each is not None for text in self.names.texts(each, at.scope))
            self.keys += [(text, at.line_of(node)) for text in texts]
        elif called == ENTRY_POINTS:
            self._entry_points(node, at)

    def _resolve_run(self, node: ast.Call, at: _At) -> None:
        """A name that is given to something that runs SQL. What is taken for SQL anyway is known where it stands."""
        run = run_by(node)
        for text in self.names.texts(run, at.scope) if isinstance(run, ast.Name) else ():
            if looks_like_sql(text, is_run=True) and not looks_like_sql(text):
                self.sql.append((text, at.line_of(node)))

    def _run_text(self, node: ast.Call, at: _At) -> None:
        for text in self.names.texts(node.args[0], at.scope) if node.args else ():
            tree = self._parsed(text.strip(), "exec")
            if isinstance(tree, ast.Module):
                self.walk(tree.body, at._replace(line=at.line_of(node), how=at.how or "exec()"))

    def _entry_points(self, node: ast.Call, at: _At) -> None:
        group = argument(node, 9, "group")
        for text in self.names.texts(group, at.scope) if group is not None else ():
            self.use(f"{ENTRY_POINTS}:{text}", node, "entry points", at)


_RESOLVED: Mapping[type[ast.expr], str] = {
    ast.Subscript: "sys.modules[…]", ast.Name: "star", ast.Call: "getattr()",
}  # fmt: skip
"""The rows of the table for what is resolved after the pass. All others are attributes."""
_Visit = Callable[[_Reader, Any, _At], list[tuple[ast.AST, _At]]]
_VISITS: Mapping[type[ast.AST], _Visit] = {
    ast.Import: _Reader.visit_import, ast.ImportFrom: _Reader.visit_import_from, ast.Name: _Reader.visit_name,
    ast.Attribute: _Reader.visit_attribute, ast.Subscript: _Reader.visit_subscript, ast.Call: _Reader.visit_call,
    ast.Constant: _Reader.visit_text, ast.JoinedStr: _Reader.visit_text, ast.BinOp: _Reader.visit_text,
    ast.Expr: _Reader.visit_statement, ast.FunctionDef: _Reader.visit_function,
    ast.AsyncFunctionDef: _Reader.visit_function, ast.Lambda: _Reader.visit_lambda, ast.ClassDef: _Reader.visit_class,
    ast.Assign: _Reader.visit_assign, ast.AugAssign: _Reader.visit_grown, ast.AnnAssign: _Reader.visit_annotated_assign,
    ast.NamedExpr: _Reader.visit_named, ast.If: _Reader.visit_if, ast.IfExp: _Reader.visit_if,
    ast.For: _Reader.visit_loop, ast.AsyncFor: _Reader.visit_loop, ast.match_case: _Reader.visit_case,
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), _Reader.visit_comprehension),
    ast.Global: _Reader.visit_shared, ast.Nonlocal: _Reader.visit_shared, ast.ExceptHandler: _Reader.visit_handler,
    getattr(ast, "TypeAlias", ast.Interactive): _Reader.visit_type_alias,
}  # fmt: skip
