"""Calls that import a module by its name, or name what is in one. The table in docs/boundaries.md lists them all."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from remit.boundaries.scopes import Names, Scope


class Spelling(NamedTuple):
    """A function one of whose arguments names a module."""

    how: str
    """The row of the table."""
    position: int = 0
    keyword: str = "name"
    imports: bool = True
    """Whether the call imports the module, or only names it."""
    is_path: bool = False
    """Whether the argument is the path of a file."""


_RESOURCES = (
    "files", "read_text", "read_binary", "open_text", "open_binary", "path", "contents", "is_resource",
)  # fmt: skip
SPELLINGS: Mapping[str, tuple[Spelling, ...]] = {
    "importlib.import_module": (Spelling("importlib.import_module()"),),
    "builtins.__import__": (Spelling("__import__()"),),
    "importlib.__import__": (Spelling("__import__()"),),
    "importlib.util.find_spec": (Spelling("importlib.util …", imports=False),),
    "importlib.util.spec_from_file_location": (
        Spelling("importlib.util …"), Spelling("importlib.util …", 1, "location", is_path=True),
    ),
    "importlib.machinery.SourceFileLoader": (
        Spelling("importlib.util …", 0, "fullname"), Spelling("importlib.util …", 1, "path", is_path=True),
    ),
    **{f"importlib.resources.{each}": (Spelling("importlib.resources …", 0, "anchor"),) for each in _RESOURCES},
    "pkgutil.resolve_name": (Spelling("pkgutil.resolve_name()"),),
    "pkgutil.get_data": (Spelling("pkgutil.get_data()", 0, "package"),),
    "pkgutil.walk_packages": (Spelling("pkgutil.walk_packages()", 1, "prefix"),),
    "pkgutil.iter_modules": (Spelling("pkgutil.walk_packages()", 1, "prefix", imports=False),),
    "runpy.run_module": (Spelling("runpy …", 0, "mod_name"),),
    "runpy.run_path": (Spelling("runpy …", 0, "path_name", is_path=True),),
    "sys.modules.get": (Spelling("sys.modules[…]", imports=False),),
    "sys.modules.pop": (Spelling("sys.modules[…]", imports=False),),
    "sys.modules.__getitem__": (Spelling("sys.modules[…]", imports=False),),
    "unittest.mock.patch": (Spelling("mock.patch()", 0, "target", imports=False),),
    "pydoc.locate": (Spelling("pydoc.locate()", 0, "path"),),
    "django.utils.module_loading.import_string": (Spelling("import_string()", 0, "dotted_path"),),
    "werkzeug.utils.import_string": (Spelling("import_string()", 0, "import_name"),),
}  # fmt: skip
"""By the dotted name of the function."""
EVALUATES = frozenset({"builtins.exec", "builtins.eval", "builtins.compile"})
"""Functions that run the text that they are given."""
ANNOTATES: Mapping[str, tuple[int, str]] = {
    "typing.cast": (0, "typ"), "typing.ForwardRef": (0, "arg"), "typing.TypeVar": (99, "bound"),
    "typing.NewType": (1, "tp"), "typing_extensions.TypeVar": (99, "bound"),
}  # fmt: skip
"""Functions with an argument that is an annotation, by its position and its name."""
ENTRY_POINTS = "importlib.metadata.entry_points"


class Found(NamedTuple):
    """A module that a call names."""

    target: str
    how: str


def argument(node: ast.Call, position: int, keyword: str) -> ast.expr | None:
    """An argument of a call, by its position or its name. None if it is not given."""
    for each in node.keywords:
        if each.arg == keyword:
            return each.value
    return node.args[position] if position < len(node.args) else None


def named_by(called: str, node: ast.Call, names: Names, scope: Scope) -> tuple[list[Found], str]:
    """The modules that a call of a function of `SPELLINGS` names; and the row of the table, if the call imports a
    module that is not written in the file."""
    found: list[Found] = []
    unknown = ""
    for spelling in SPELLINGS[called]:
        given = argument(node, spelling.position, spelling.keyword)
        if given is None:
            continue
        texts = list(names.texts(given, scope))
        for text in texts:
            found += [Found(each, spelling.how) for each in _targets(text, spelling, node, names, scope)]
        if not texts and spelling.imports and not spelling.is_path and not _is_own(given, names, scope):
            unknown = spelling.how
    return found, unknown


def passed_on(called: str, node: ast.Call, names: Names, scope: Scope) -> list[Found]:
    """The modules that a call names by passing on a function of `SPELLINGS` with its arguments: `map(import_module,
    ["a.b"])`, `partial(import_module, "a.b")`."""
    if called not in SPELLINGS:
        return []
    spelling = SPELLINGS[called][0]
    texts = [text for each in node.args for text in _all_texts(each, names, scope)]
    return [Found(each, spelling.how) for text in texts for each in _targets(text, spelling, node, names, scope)]


def _all_texts(node: ast.expr, names: Names, scope: Scope) -> Iterator[str]:
    for each in node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else [node]:
        yield from names.texts(each, scope)


def _targets(text: str, spelling: Spelling, node: ast.Call, names: Names, scope: Scope) -> Iterator[str]:
    if spelling.is_path:
        yield text.removesuffix(".py").removesuffix("/__init__").strip("./").replace("/", ".")
        return
    text = text.strip().replace(":", ".").rstrip(".")
    if text.startswith("."):
        yield names.absolute(text, package=names.package_in(node, scope))
        return
    yield text
    if spelling.how == "__import__()":
        level = argument(node, 4, "level")
        if isinstance(level, ast.Constant) and isinstance(level.value, int) and level.value > 0:
            text = names.absolute(text, level.value)
            yield text
        members = argument(node, 3, "fromlist")
        if isinstance(members, ast.List | ast.Tuple):
            yield from (f"{text}.{each}" for member in members.elts for each in names.texts(member, scope))


def _is_own(node: ast.expr, names: Names, scope: Scope) -> bool:
    """Whether an argument is a module of the package itself, such as `__spec__.parent`."""
    return any(each.startswith("builtins.__spec__") for each in names.origins(node, scope))
