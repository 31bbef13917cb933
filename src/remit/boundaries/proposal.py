"""Proposes a first map for a code base that has none: its packages as contexts, and its imports as relations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from remit.boundaries.check import read_code
from remit.boundaries.code import Code
from remit.boundaries.codemap import CodeContext, CodeMap
from remit.boundaries.files import files_of
from remit.errors import Findings

_HOST = 3
"""A context that so many others import is proposed as an open host."""


def propose_map(folder: Path, above: Path) -> str:
    """The text of a map for the code in a folder, which is a package, or holds packages. Roots in it are relative to
    the folder `above`, in which the map will stand. Empty if there is no code.

    Each package becomes a context; of a single package, each package inside of it. Relations are what the imports say
    today: contexts that import each other are partners, a context that three others import is an open host, and every
    other import makes a customer. Imports nothing.
    """
    folder = folder.absolute()
    is_package = (folder / "__init__.py").is_file()
    root, packages = (folder.parent, (folder.name,)) if is_package else (folder, ())
    files = files_of(CodeMap(name=folder.name, roots=(root,), packages=packages), Findings())
    tops = sorted({name for name in files if "." not in name and files[name].is_package})
    inside = _inside(files, tops[0]) if len(tops) == 1 else tops
    contexts = tuple(CodeContext(name=name, packages=(package,)) for package, name in _named(inside or tops))
    code = CodeMap(name=folder.name, contexts=contexts, roots=(root,), packages=tuple(tops))
    return "".join(_written(read_code(code, Findings()), above)) if contexts else ""


def _named(packages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """A name of its own for the context of each package."""
    seen: Counter[str] = Counter()
    for package in packages:
        name = package.rpartition(".")[2].strip("_") or "context"
        name = name if name[0].isascii() and name[0].isalpha() else f"context-{name}"
        seen[name] += 1
        yield package, name if seen[name] == 1 else f"{name}-{seen[name]}"


def _inside(files: Iterable[str], top: str) -> list[str]:
    """The packages and modules directly inside of a package. Only its packages, if there are several."""
    depth = top.count(".") + 1
    inner = Counter(".".join(name.split(".")[: depth + 1]) for name in files if name.startswith(f"{top}."))
    packages = sorted(name for name, modules in inner.items() if modules > 1)
    return packages if len(packages) > 1 else sorted(inner)


def _written(code: Code, above: Path) -> Iterator[str]:
    used = Counter((contact.context, contact.owner) for contact in code.contacts)
    mutual = {(one, other) for one, other in used if (other, one) in used}
    guests = Counter(upstream for upstream, _ in used)
    hosts = [name for name in code.map.names if guests[name] >= _HOST]
    root, packages = code.map.roots[0], ", ".join(f'"{each}"' for each in code.map.packages)
    yield f'# A proposal: what imports say today, not what was meant.\n[map]\nname = "{code.map.name}"\n'
    yield f'roots = ["{_relative(root, above)}"]\npackages = [{packages}]\n'
    for context in code.map.contexts:
        name = context.name if context.name.isascii() else f'"{context.name}"'
        yield f'\n[contexts.{name}]\npackages = ["{context.packages[0]}"]\n'
    for host in hosts:
        yield f'\n[[relations]]  # {guests[host]} contexts import it\nkind = "open-host"\nhost = "{host}"\n'
    for upstream, downstream in sorted(used):
        count = used[upstream, downstream]
        if (upstream, downstream) in mutual:
            if upstream < downstream:
                yield (
                    f"\n[[relations]]  # {_imports(count)} one way, {used[downstream, upstream]} the other: meant?\n"
                    f'kind = "partnership"\none = "{upstream}"\nother = "{downstream}"\n'
                )
        elif upstream not in hosts:
            yield (
                f'\n[[relations]]  # {_imports(count)}\nkind = "customer-supplier"\n'
                f'supplier = "{upstream}"\ncustomer = "{downstream}"\n'
            )


def _imports(count: int) -> str:
    return "1 import" if count == 1 else f"{count} imports"


def _relative(root: Path, above: Path) -> str:
    """A folder as a map names it."""
    try:
        return root.relative_to(above.absolute()).as_posix()
    except ValueError:
        return root.as_posix()
