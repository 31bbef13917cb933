"""Every package belongs to a context, or is known to belong to none."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.boundaries.facts import Facts
from remit.errors import Findings


def note_unowned(code: Code, findings: Findings) -> None:
    """Notes the packages that belong to no context, each with its number of modules."""
    if not any(context.packages for context in code.map.contexts):
        return
    packages: dict[str, list[Facts]] = {}
    for facts in code.read:
        if code.owner_of(facts.module) is None and code.kernel_of(facts.module) is None and not facts.is_bare:
            packages.setdefault(_package(facts.module, code), []).append(facts)
    for package, modules in sorted(packages.items()):
        count = f"{len(modules)} module{'s' if len(modules) > 1 else ''}"
        findings.note(
            "code.unowned", f"{modules[0].path}:1", f"{package} ({count}) belongs to no context",
            expected="each package in a context of the map",
            next=f"add it to one: packages = [..., {package!r}]; what all contexts need may stay apart",
        )  # fmt: skip


def _package(module: str, code: Code) -> str:
    """The highest package above a module that contains no context."""
    parts = module.split(".")
    owned = [package for context in code.map.contexts for package in context.packages]
    for count in range(1, len(parts)):
        package = ".".join(parts[:count])
        if not any(each.startswith(f"{package}.") for each in owned):
            return package
    return module
