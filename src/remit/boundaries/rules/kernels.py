"""A shared kernel is used by the contexts that share it, uses none of them, and changes only when both agree."""

from __future__ import annotations

from hashlib import sha256

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
    present = content_of(relation.package, code)
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


def _files(package: str, code: Code) -> str:
    """The files of a kernel, the first three by name. One hash stands for all of them."""
    paths = sorted(facts.path for facts in code.read if is_within(facts.module, (package,)))
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def content_of(package: str, code: Code) -> str:
    """The hash of the source text of a package. Line ends and the places of its files do not matter."""
    digest = sha256()
    for facts in sorted(code.read, key=lambda each: each.module):
        if is_within(facts.module, (package,)):
            digest.update(f"{facts.module}\n{facts.digest}\n".encode())
    return f"sha256:{digest.hexdigest()[:32]}"
