"""The registry as a CODEOWNERS file, after the rules of GitHub
(https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners).

The last pattern that matches wins, so deeper folders come after the folders that contain them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from remit.registry.entries import Registry
from remit.registry.layout import MapError

_OWNER = re.compile(r"@[A-Za-z0-9](?:[A-Za-z0-9-]*)(?:/[A-Za-z0-9._-]+)?|[^\s@#]+@[^\s@#]+\.[^\s@#]+")
"""`@user`, `@organisation/team`, or an address of electronic mail."""
_PLACE = "{team}"


def codeowners_of(registry: Registry, folders: Mapping[str, Path], root: Path, form: str = "@{team}") -> str:
    """The text of the file: the path of each package of a context, and its owner; and that of each shared kernel, with
    the owners of all contexts that share it. `{team}` in `form` stands for the
    owner. `folders` are the folders (or files) of packages; those outside of `root` are left out as a comment.

    Raises `MapError` for a form without `{team}`, and for an owner that is no name of GitHub.
    """
    if _PLACE not in form:
        raise MapError(
            f"{form!r} does not say where the name of the team stands", where="remit map --team",
            expected="a form with {team}", next="--team '@your-organisation/{team}'",
        )  # fmt: skip
    lines, left = list[tuple[str, str]](), list[str]()
    owner_of = {entry.name: entry.owner for entry in registry.own}
    named = [(entry.name, package, [entry.name]) for entry in registry.own for package in entry.packages]
    named += [("shared kernel", kernel.package, [*kernel.contexts]) for kernel in registry.kernels]
    for name, package, contexts in named:
        path = folders.get(package)
        owners = dict.fromkeys(_owners(owner, form, each) for each in contexts if (owner := owner_of.get(each)))
        if path is None or not path.is_relative_to(root):
            left.append(f"# {name}: package {package} is not below this folder")
        elif not owners:
            left.append(f"# {name}: no owner ({_pattern(path, root)})")
        else:
            lines.append((_pattern(path, root), " ".join(owners)))
    ordered = sorted(set(lines), key=lambda line: (line[0].count("/"), line[0]))
    head = f"# Owners of the contexts of {registry.name}. Made by `remit map --codeowners`; the last match wins.\n"
    return head + "".join(f"{line}\n" for line in [*(f"{path} {owner}" for path, owner in ordered), *left])


def _owners(owner: str, form: str, context: str) -> str:
    """The owners, should a context name several, which is a finding of the check."""
    return " ".join(_owner(each.strip(), form, context) for each in owner.split(","))


def _owner(owner: str, form: str, context: str) -> str:
    name = owner if owner.startswith("@") or "@" in owner else form.replace(_PLACE, owner)
    if not _OWNER.fullmatch(name):
        raise MapError(
            f"{name!r} is no owner that GitHub knows", where=f"Context({context!r})",
            expected="@user, @organisation/team, or an address of electronic mail",
            next=f"rename the owner {owner!r}, or give another form: --team '@your-organisation/{{team}}'",
        )  # fmt: skip
    return name


def _pattern(path: Path, root: Path) -> str:
    """The path from the root of the repository: a folder ends with `/`. GitHub wants spaces and brackets escaped. It
    cannot escape `#`, so that sign and the signs of patterns are replaced by `?`, which stands for any character."""
    text = str(PurePosixPath("/", path.relative_to(root).as_posix()))
    text = re.sub(r"([ \[\]])", r"\\\1", re.sub(r"[\\#*?]", "?", text))
    return text if path.suffix == ".py" else f"{text}/"
