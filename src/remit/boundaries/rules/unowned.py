"""Every package belongs to a context, or is known to belong to none."""

from __future__ import annotations

from collections.abc import Sequence

from remit.boundaries.code import Code
from remit.boundaries.facts import Facts
from remit.errors import Findings


def note_unowned(code: Code, findings: Findings) -> None:
    """Notes the packages that belong to no context, each with its number of modules.

    A module beside the packages of contexts is noted only if a context imports it. Otherwise it puts the contexts
    together, and belongs to none of them. So does a module in a package that makes a `System`. Modules that declare
    identities and nothing else are not noted: by them, contexts refer to each other's things.
    """
    owned = [package for context in code.map.contexts for package in context.packages]
    imported = {module for facts in code.read if code.owner_of(facts.module) for module in code.imports[facts.module]}
    packages: dict[str, list[Facts]] = {}
    for facts in code.read if owned else ():
        if code.owner_of(facts.module) is None and code.kernel_of(facts.module) is None and not facts.is_bare:
            package = _package(facts.module, owned)
            holds_contexts = any(each.startswith(f"{package}.") for each in owned)
            is_inside = package != facts.module or (facts.is_package and not holds_contexts)
            is_seen = facts.module in imported or (is_inside and not _makes_system(facts, code))
            if is_seen and not _has_only_identities(facts):
                packages.setdefault(package, []).append(facts)
    for package, modules in sorted(packages.items()):
        is_around = any(each.startswith(f"{package}.") for each in owned)
        count = f"{len(modules)} module{'s' if len(modules) > 1 else ''}"
        findings.note(
            "code.unowned", f"{modules[0].path}:1", f"{package} ({count}) belongs to no context",
            expected="each package in a context of the map",
            next="move what contexts import from it into one of them; what all contexts need may stay" if is_around
            else f"add it to one: packages = [..., {package!r}]; what all contexts need may stay apart",
            identity=package,
        )  # fmt: skip


def _makes_system(facts: Facts, code: Code) -> bool:
    return any(target == "remit.System" for _, target in code.outside_uses(facts))


def _has_only_identities(facts: Facts) -> bool:
    return bool(facts.identities) and facts.own == facts.identities


def _package(module: str, owned: Sequence[str]) -> str:
    """The highest package above a module that contains no context, or the module itself."""
    parts = module.split(".")
    for count in range(1, len(parts)):
        package = ".".join(parts[:count])
        if not any(each.startswith(f"{package}.") for each in owned):
            return package
    return module
