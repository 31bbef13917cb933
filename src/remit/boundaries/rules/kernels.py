"""A shared kernel is used by the contexts that share it, uses none of them, and changes only when both agree."""

from __future__ import annotations

import os
from hashlib import file_digest, sha256
from pathlib import Path

from remit.boundaries.code import Code, is_within
from remit.contexts import SharedKernel
from remit.errors import Findings


def check_kernels(code: Code, findings: Findings) -> None:
    """Reports strangers that import a kernel, kernels that import contexts, and kernels that have changed."""
    for facts in code.read if code.kernels else ():
        for module, use in code.imports[facts.module].items():
            _check_import(facts.module, module, code.place(facts.module, use.line), code, findings)
    for relation in code.map.relations:
        if isinstance(relation, SharedKernel):
            _check_content(relation, code, findings)


def _check_import(importer: str, imported: str, where: str, code: Code, findings: Findings) -> None:
    owner, kernel = code.owner_of(importer), code.kernel_of(imported)
    if kernel is not None and owner is not None and owner not in code.kernels[kernel]:
        sharing = " and ".join(map(repr, sorted(code.kernels[kernel])))
        findings.report(
            "kernel.stranger", where, f"context {owner!r} imports {imported}, the kernel that {sharing} share",
            expected=f"imports of the kernel by {sharing} only",
            next=f"remove the import, or declare SharedKernel with {owner!r} and package={kernel!r}",
        )  # fmt: skip
    kernel, owner = code.kernel_of(importer), code.owner_of(imported)
    if kernel is not None and owner is not None:
        findings.report(
            "kernel.dependent", where, f"the shared kernel {kernel} imports {imported} of context {owner!r}",
            expected="a kernel that depends on no context", next="move what it needs into the kernel",
        )  # fmt: skip


def _check_content(relation: SharedKernel, code: Code, findings: Findings) -> None:
    if relation.package not in code.modules:  # not said, or reported as missing
        return
    present = content_of(relation.package, code, findings)
    where, both = code.map.place_of(relation), " and ".join(map(repr, relation.names))
    if not relation.hash:
        findings.note(
            "kernel.unhashed", where, f"the kernel {relation.package} of {both} may change without notice",
            expected="the hash of its content in the map", next=f'hash = "{present}"',
        )  # fmt: skip
    elif relation.hash != present:
        findings.report(
            "kernel.changed", where,
            f"the kernel {relation.package} of {both} has changed ({_files(relation.package, code)})",
            expected=f"content with the hash {relation.hash}",
            next=f'run the tests of {both}, and then write into the map: hash = "{present}"',
            identity=f"the kernel {relation.package} of {both} has changed",
        )  # fmt: skip


def content_of(package: str, code: Code, findings: Findings) -> str:
    """The hash of all files of a package, by their names and contents. Line ends of its source text and the place of
    the package do not matter. Reports files that cannot be read."""
    digest = sha256()
    for facts in sorted(code.read, key=lambda each: each.module):
        if is_within(facts.module, (package,)) and facts.digest:
            digest.update(f"{facts.module}\n{facts.digest}\n".encode())
    for name, path in _others(package, code, findings):
        if (content := _hash_of(path, findings)) is not None:
            digest.update(f"{name}\n{content}\n".encode())
    return f"sha256:{digest.hexdigest()[:32]}"


def _files(package: str, code: Code) -> str:
    """The files of a kernel, the first three by name. One hash stands for all of them."""
    paths = [facts.path for facts in code.read if is_within(facts.module, (package,)) and facts.digest]
    paths = sorted([*paths, *(str(path) for _, path in _others(package, code, Findings()))])
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _others(package: str, code: Code, findings: Findings) -> list[tuple[str, Path]]:
    """The files in the folders of a package that were not read as source text: their names in the package, sorted."""
    read = {Path(facts.path) for facts in code.read if facts.digest}
    found: list[tuple[str, Path]] = []
    for folder in _folders(package, code):
        for parent, folders, files in os.walk(folder, onerror=lambda error: _report(error, findings)):
            folders[:] = [each for each in folders if each != "__pycache__"]
            links = [each for each in folders if Path(parent, each).is_symlink()]
            paths = {Path(parent, each) for each in (*files, *links)} - read
            found += [(path.relative_to(folder).as_posix(), path) for path in paths]
    return sorted(found)


def _folders(package: str, code: Code) -> set[Path]:
    """The folders that hold a package. None for a module."""
    found: set[Path] = set()
    for facts in code.read:
        if is_within(facts.module, (package,)):
            depth = facts.module.count(".") - package.count(".") - 1 + facts.is_package
            found |= {Path(facts.path).parents[depth]} if depth >= 0 else set()
    return found


def _hash_of(path: Path, findings: Findings) -> str | None:
    """The hash of what is in a file. Of a link to a folder, that of where it leads. None for what is no file."""
    try:
        if path.is_symlink() and path.is_dir():
            return sha256(os.fsencode(path.readlink())).hexdigest()
        if path.exists() and not path.is_file():  # a pipe, which has no content
            return None
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        _report(error, findings)
        return None


def _report(error: OSError, findings: Findings) -> None:
    findings.report(
        "source.unreadable", f"{error.filename}",
        f"a part of a shared kernel cannot be read, so the hash leaves it out: {error.strerror}",
        expected="files and folders that may be read", next="make it readable, or delete it",
    )  # fmt: skip
