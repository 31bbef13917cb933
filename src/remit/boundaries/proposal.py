"""A first map of a code base that has none: its packages as contexts, and the directions in which they import today.

It is where a team begins, and not what a team wants: contexts are guessed from packages, and each pair of them is a
conformist in the direction in which most of its imports go.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec

from remit.boundaries.check import read_code
from remit.boundaries.code import Code, is_within
from remit.boundaries.codemap import CodeContext, CodeMap
from remit.boundaries.direction import directions, upstream_first
from remit.errors import Findings
from remit.stores.sql_text import tables_in

_SHARED = frozenset({
    "common", "conf", "config", "helpers", "infra", "infrastructure", "lib", "libs", "settings", "shared", "types",
    "util", "utils",
})  # fmt: skip
"""Names of packages that all contexts use, and that belong to none."""
_BESIDE = frozenset({
    "alembic", "benchmarks", "bin", "build", "dist", "doc", "docs", "example", "examples", "migrations", "notebooks",
    "scripts", "setup", "tools", "vendor",
})  # fmt: skip
"""Names of folders that are no part of the program."""
_TABLE = ("__tablename__", "db_table")
"""The names by which a class says in which table it is kept: of SQLAlchemy, and of Django."""
_CREATES = re.compile(r"\bCREATE\s+(?:\w+\s+)*?TABLE\b", re.IGNORECASE)
_TOLD = 4
"""The most modules that a comment lists."""


def propose_map(folder: Path, above: Path) -> str:
    """The text of a map for the code in a folder, which is a package, or holds packages. Roots in it are relative to
    the folder `above`, in which the map will stand. Empty if there is no code.

    Imports nothing. What cannot be read is left out; `check_code` reports it.
    """
    root, base = _root_of(folder)
    top = base.partition(".")[0]
    bare = CodeMap(name=(top or root.absolute().name), roots=(root,), packages=(top,) if top else ())
    code = read_code(bare, Findings())
    contexts = _with_tied(code, _contexts(code, base))
    tables = _tables(Code(replace(bare, contexts=tuple(contexts)), code.modules.facts, {}))
    named = tuple(replace(each, tables=tuple(tables.get(each.name, ()))) for each in contexts)
    seen = Code(replace(bare, contexts=named), code.modules.facts, {})
    return "".join(f"{line}\n" for line in _written(seen, _touched(seen), above)) if contexts else ""


def _root_of(folder: Path) -> tuple[Path, str]:
    """The root that a folder is in, and its dotted name there. Empty: it is the root."""
    folder = folder.absolute()
    names: list[str] = []
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    if not names and (folder / "src").is_dir() and not (folder / "src" / "__init__.py").exists():
        folder /= "src"
    return folder, ".".join(names)


def _contexts(code: Code, base: str) -> list[CodeContext]:
    """The contexts that the packages inside of a module may be."""
    inside: dict[str, list[str]] = {}
    for module in code.modules.facts:
        inside.setdefault(module.rpartition(".")[0], []).append(module)
    found = [*_candidates(base, inside, code)]
    while len(found) == 1 and inside.get(found[0]):
        found = [*_candidates(found[0], inside, code)]
    return _named(found)


def _named(packages: Iterable[str]) -> list[CodeContext]:
    """A context for each package, named like it. `_openapi` and `openapi` beside it are one."""
    names: dict[str, list[str]] = {}
    for package in packages:
        parent, _, last = package.rpartition(".")
        name = _name(last)
        if name in names and names[name][0].rpartition(".")[0] != parent:
            name = _name(f"{parent.rpartition('.')[2]}-{last}")
        names.setdefault(name, []).append(package)
    return [CodeContext(name=name, packages=tuple(each)) for name, each in names.items()]


def _with_tied(code: Code, contexts: list[CodeContext]) -> list[CodeContext]:
    """With contexts for what stands beside these: what they import and what imports them. It would tie them together
    if it belonged to none of them."""
    seen = Code(replace(code.map, contexts=tuple(contexts)), code.modules.facts, {})
    beside = [each for each in seen.imports if seen.owner_of(each) is None]
    used = {imported for module, each in seen.imports.items() if seen.owner_of(module) for imported in each}
    waiting = [each for each in beside if each in used]
    for each in waiting:  # grows meanwhile
        used |= seen.imports[each].keys()
        waiting += [other for other in beside if other in used and other not in waiting]
    tied = [each for each in waiting if any(seen.owner_of(other) for other in _reached(each, seen))]
    owned = [package for context in contexts for package in context.packages]
    homes = [home for home in dict.fromkeys(_home(each, owned) for each in tied) if home]
    holders = {module.rpartition(".")[0] for module in code.modules.facts}
    packages = [home for home in homes if home in holders or _is_package(home, code)]
    modules: dict[str, list[str]] = {}
    for home in homes:
        if home not in packages:
            modules.setdefault(home.rpartition(".")[0], []).append(home)
    together = [CodeContext(name=_name(above or "main"), packages=tuple(each)) for above, each in modules.items()]
    return [*contexts, *_named(packages), *together]


def _reached(module: str, code: Code) -> Iterable[str]:
    """What a module of no context imports, directly and through other such modules."""
    found = dict.fromkeys(code.imports.get(module, ()))
    waiting = list(found)
    for each in waiting:  # grows meanwhile
        if code.owner_of(each) is None:
            waiting += [other for other in code.imports.get(each, ()) if other not in found]
            found |= dict.fromkeys(code.imports.get(each, ()))
    return found


def _home(module: str, owned: Sequence[str]) -> str:
    """The highest package above a module that contains no context; the module itself if there is none. Empty for a
    package that holds contexts."""
    parts = module.split(".")
    above = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next((each for each in above if not any(package.startswith(f"{each}.") for package in owned)), "")


def _name(text: str) -> str:
    name = text.strip("_").replace(".", "-")
    return name if name[:1].isascii() and name[:1].isalpha() else f"context-{name}"


def _candidates(base: str, inside: Mapping[str, Sequence[str]], code: Code) -> Iterator[str]:
    """The packages below a module that may be contexts. A package that only holds packages stands for these. Where
    there is at most one package, it is the modules too."""
    members = [each for each in inside.get(base, ()) if not _is_apart(each)]
    packages = [each for each in members if each in inside or _is_package(each, code)]
    for package in packages if len(packages) > 1 or packages == members else members:
        below = inside.get(package, ())
        if below and all(each in inside or _is_package(each, code) for each in below) and _is_bare(package, code):
            yield from _candidates(package, inside, code)
        elif not _is_bare(package, code) or below:
            yield package


def _is_apart(module: str) -> bool:
    last = module.rpartition(".")[2].strip("_")
    return last in _SHARED or last in _BESIDE or last in ("", "init", "main")


def _is_package(module: str, code: Code) -> bool:
    facts = code.modules.facts[module]
    return facts is not None and facts.is_package


def _is_bare(module: str, code: Code) -> bool:
    facts = code.modules.facts[module]
    return facts is None or facts.is_bare


def _tables(code: Code) -> Mapping[str, Sequence[str]]:
    """The tables of each context: those of its classes, and those that it alone creates."""
    claims: dict[str, set[str]] = {}
    for facts in code.read:
        if (owner := code.owner_of(facts.module)) is None:
            continue
        created = (tables_in(text) for text, _ in facts.sql if _CREATES.search(text))
        for table in (*_mapped(facts.path), *(parts[-1] for each in created for parts in each)):
            claims.setdefault(table.lower(), set()).add(owner)
    found: dict[str, list[str]] = {}
    for table, owners in sorted(claims.items()):
        if len(owners) == 1:
            found.setdefault(owners.pop(), []).append(table)
    return found


def _mapped(path: str) -> Iterator[str]:
    """The tables of the classes in a file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        nodes = ast.walk(ast.parse(text)) if any(each in text for each in _TABLE) else ()
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(table))) if name in _TABLE:
                yield table
            case _:
                pass


# --- what touches what -----------------------------------------------------------------------------------------------


class _Touched(NamedTuple):
    pairs: Counter[tuple[str, str]]
    """How many modules of the other context each context imports, counted for each importing module."""
    modules: Mapping[str, Counter[str]]
    """The modules of each context that others import, and how often."""


def _touched(code: Code) -> _Touched:
    pairs: Counter[tuple[str, str]] = Counter()
    modules: dict[str, Counter[str]] = {}
    places = {(each.importer, *each.key[:2]): each for each in code.contacts}  # once, however many names are imported
    for contact in places.values():
        pairs[contact.owner, contact.context] += 1
        modules.setdefault(contact.context, Counter())[contact.steps[0].module] += 1
    return _Touched(pairs, modules)


# --- as text ---------------------------------------------------------------------------------------------------------


def _written(code: Code, touched: _Touched, above: Path) -> Iterator[str]:
    relations = directions(touched.pairs)
    order = upstream_first(code.map.names, relations)
    relations.sort(key=lambda pair: (order.index(pair[0]), order.index(pair[1])))
    yield from _head(code, os.path.relpath(code.map.roots[0], above.absolute()))
    for name in order:
        yield from _context(code, name, touched)
    yield from _RELATIONS if relations else ()
    for upstream, downstream in relations:
        yield from _relation(upstream, downstream, touched)


def _head(code: Code, root: str) -> Iterator[str]:
    owned = [package for context in code.map.contexts for package in context.packages]
    tops = [*dict.fromkeys(
        top for module in code.modules.facts
        if (top := module.partition(".")[0]) in _SHARED or any(is_within(each, (top,)) for each in owned)
    )]  # fmt: skip
    yield "# A first map, proposed from the packages. Packages are often layers or tools instead of contexts: remove"
    yield "# those, put together what changes together, and name contexts as people do."
    yield ""
    yield "[map]"
    yield f"name = {_quoted(tops[0] if len(tops) == 1 else code.map.name)}"
    yield f"roots = [{_quoted(Path(root).as_posix())}]"
    yield f"packages = {_list(tops)}"


def _context(code: Code, name: str, touched: _Touched) -> Iterator[str]:
    context = code.map.context(name)
    assert context is not None  # noqa: S101  # the names are those of the map
    yield ""
    yield f"[contexts.{name if name.isascii() else _quoted(name)}]"
    yield f"packages = {_list(context.packages)}"
    if context.tables:
        yield f"tables = {_list(context.tables)}"
    used = [
        f"{module} ({count})"
        for module, count in touched.modules.get(name, Counter[str]()).most_common()
        if not code.is_published(module, name)
    ]
    if used:
        more = f", and {len(used) - _TOLD} more" if len(used) > _TOLD else ""
        yield f"# Imported by others and not published: {', '.join(used[:_TOLD])}{more}"


_RELATIONS = (
    "",
    "# Who imports whom today, in the direction of most imports. `conformist` promises the least. Replace",
    "# it where you know better: customer-supplier, open-host, anti-corruption-layer, partnership, shared-kernel.",
)


def _relation(upstream: str, downstream: str, touched: _Touched) -> Iterator[str]:
    yield ""
    yield f"# {downstream} imports {upstream}: {touched.pairs[downstream, upstream]}"
    if against := touched.pairs[upstream, downstream]:
        yield f"# {upstream} imports {downstream}: {against}, against this direction (import.direction)"
    yield "[[relations]]"
    yield 'kind = "conformist"'
    yield f"upstream = {_quoted(upstream)}"
    yield f"downstream = {_quoted(downstream)}"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()  # a string of JSON is one of TOML


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, names))}]"
