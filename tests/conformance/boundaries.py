"""import-linter's cases: each contract becomes code maps, and `remit` judges the packages of the graph by them.

- forbidden: for each pair, a context that is upstream of the one that it must not import
- layers: a context for each layer, downstream of those below it; independent siblings go separate ways, and others are
  partners
- independence: contexts that go separate ways
- acyclic_siblings: contexts, of which only cycles are judged; everything else is their partner
- protected: a context downstream of all others, and a partner of those that may import it

What belongs to no context is passed through: an import through it counts. Where only direct imports count, the rest is
a context of its own, and everybody's partner.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from remit.boundaries import CodeContext, CodeMap, check_code
from remit.relations import Conformist, Partnership, Relation, SeparateWays
from tests.conformance.contracts import KNOWN, TYPES, Options, existing, ignored, read_contracts, roots_of
from tests.conformance.imports import Graph, Malformed, is_internal, is_within
from tests.conformance.results import Result

SET = "boundaries-import-linter"
JUDGED = frozenset({"import.direction", "import.unrelated", "import.separate-ways", "import.cycle"})
"""The findings that break a contract. What a context publishes is no subject of a contract."""
REST = "rest"


class NotTranslated(Exception):
    """A contract of which `remit` knows nothing: it is of a type that a project brings itself."""


@dataclass(frozen=True)
class Project:
    """What is checked: packages, whether imports of others are known, and types of contracts that it brings itself."""

    roots: list[str]
    has_external: bool = True
    own_types: list[str] = field(default_factory=list[str])


def results(folder: Path) -> Iterator[Result]:
    """The result of every case."""
    data: dict[str, Any] = json.loads((folder / "cases.json").read_text())
    for case in data["cases"]:
        drawn = data["graphs"][case["package"]]
        graph = Graph(frozenset(drawn["modules"]), frozenset((each[0], each[1]) for each in drawn["imports"]))
        yield Result(SET, case["id"], _reason(graph, case))


def _reason(graph: Graph, case: dict[str, Any]) -> str:
    try:
        found = exit_status(graph, case["contract"], case["contract_file"])
    except NotTranslated as error:
        return str(error)
    return "" if found == case["expected_exit"] else f"expected {case['expected_exit']}, found {found}"


def exit_status(graph: Graph, text: str, file: str) -> int:
    """How the linter ends: 0 if all contracts are kept, 1 if one is broken or malformed."""
    try:
        options, contracts = read_contracts(text, file)
        roots = roots_of(options, graph)
        project = Project(roots, options.flag("include_external_packages"), options.texts("contract_types", []))
        drawn = graph if project.has_external else graph.inside(roots)
        return 0 if all(is_kept(drawn, each, project) for each in contracts) else 1
    except Malformed:
        return 1


def is_kept(graph: Graph, contract: Options, project: Project) -> bool:
    """Whether `remit` finds nothing against a contract. Raises `Malformed` and `NotTranslated`."""
    contract.text("name")
    kind = contract.text("type")
    if kind not in _CONTRACTS:
        if kind in [each.partition(":")[0].strip() for each in project.own_types]:
            raise NotTranslated(f"the contract type {kind} is code of its project")
        raise Malformed(f"there is no contract type {kind}")
    unknown = {*contract.values} - {*KNOWN, *TYPES[kind]}
    if unknown:
        raise Malformed(f"{kind} has no options {unknown}")
    return _CONTRACTS[kind](graph, contract, project)


def _is_clean(
    graph: Graph, contexts: dict[str, list[str]], relations: list[Relation], *, judged: frozenset[str] = JUDGED
) -> bool:
    """Whether `remit check` finds no import that the relations forbid."""
    return not {finding.code for finding in _check(graph, contexts, relations)} & judged


def _check(graph: Graph, contexts: dict[str, list[str]], relations: list[Relation]) -> Any:
    described = tuple(CodeContext(name=name, packages=tuple(packages)) for name, packages in contexts.items())
    with TemporaryDirectory() as folder:
        graph.write(Path(folder))
        return check_code(CodeMap(name="linted", contexts=described, relations=tuple(relations), roots=(Path(folder),)))


def _rest(graph: Graph) -> list[str]:
    """The top-level packages: whatever is in no other context is in this one."""
    return sorted({module.partition(".")[0] for module in graph.modules})


def _forbidden(graph: Graph, contract: Options, project: Project) -> bool:
    graph = ignored(graph, contract)
    sources = existing(graph, contract.expressions("source_modules"))
    named = [module for each in contract.expressions("forbidden_modules") for module in graph.meant(each)]
    internal = [each for each in named if is_internal(each, project.roots)]
    existing(graph, internal)
    external = [each for each in named if each not in internal]
    if external and not project.has_external:
        raise Malformed("external packages are not included")
    if any("." in each for each in external):
        raise Malformed("a part of an external package is named")
    indirect = not contract.flag("allow_indirect_imports")
    as_packages = contract.flag("as_packages", otherwise=True)
    forbidden = [each for each in named if each in graph.modules]
    if not as_packages:
        graph, now = graph.with_alone({*sources, *forbidden})
        sources, forbidden = [now[each] for each in sources], [now[each] for each in forbidden]
    pairs = [
        (one, other) for one in sources for other in forbidden if not (is_within(one, other) or is_within(other, one))
    ]
    return all(_is_clean(graph, *_never(graph, one, other, indirect=indirect)) for one, other in pairs)


def _never(graph: Graph, source: str, other: str, *, indirect: bool) -> tuple[dict[str, list[str]], list[Relation]]:
    contexts = {"source": [source], "forbidden": [other]}
    relations: list[Relation] = [Conformist(upstream="source", downstream="forbidden")]
    if not indirect:
        contexts[REST] = [each for each in _rest(graph) if each not in (source, other)]
        relations += [Partnership(REST, "source"), Partnership(REST, "forbidden")]
    return contexts, relations


def _independence(graph: Graph, contract: Options, project: Project) -> bool:
    graph = ignored(graph, contract)
    modules = existing(graph, contract.expressions("modules"))
    if any(is_within(one, other) or is_within(other, one) for one, other in combinations(modules, 2)):
        raise Malformed("a module is inside of another one")
    names = {f"module{number}": [module] for number, module in enumerate(modules)}
    return _is_clean(graph, names, [SeparateWays(one, other) for one, other in combinations(names, 2)])


def _layers(graph: Graph, contract: Options, project: Project) -> bool:
    layers = [_layer(each) for each in contract.texts("layers")]
    tails = [tail for layer, _ in layers for tail in layer]
    if len({tail.strip("()") for tail in tails}) < len(tails):
        raise Malformed("a layer is named twice")
    containers = contract.expressions("containers", [])
    exhaustive = contract.flag("exhaustive")
    if exhaustive and not containers:
        raise Malformed("exhaustive needs containers")
    graph = ignored(graph, contract)
    found = [module for each in containers for module in graph.meant(each)]
    if not all(is_internal(each, project.roots) for each in found):
        raise Malformed("a container is outside of the root packages")
    prefixes = [f"{each}." for each in found] if containers else [""]
    placed = [
        [([_placed(graph, prefix, tail) for tail in layer], sign) for layer, sign in layers] for prefix in prefixes
    ]
    kept = [_is_layered(graph, [([each for each in layer if each], sign) for layer, sign in one]) for one in placed]
    ignores = contract.texts("exhaustive_ignores", []) if exhaustive else []
    declared = {tail.strip("()") for tail in tails} | {*ignores}
    complete = [not exhaustive or _is_complete(graph, prefix.removesuffix("."), declared) for prefix in prefixes]
    return all(kept) and all(complete)


def _layer(line: str) -> tuple[list[str], str]:
    """The names in a layer, and the sign between them: `|` if they are independent."""
    if "|" in line and ":" in line:
        raise Malformed(f"{line}: two signs")
    sign = ":" if ":" in line else "|"
    return [each.strip() for each in line.split(sign)], sign


def _placed(graph: Graph, prefix: str, tail: str) -> str:
    """The module of a layer. Empty if it is optional and not there."""
    module = prefix + tail.strip("()")
    if module in graph.modules:
        return module
    if not (tail.startswith("(") and tail.endswith(")")):
        raise Malformed(f"there is no layer {module}")
    return ""


def _is_layered(graph: Graph, layers: list[tuple[list[str], str]]) -> bool:
    """From the highest layer down."""
    contexts: dict[str, list[str]] = {}
    relations: list[Relation] = []
    for modules, sign in layers:
        own = {f"layer{len(contexts) + number}": [module] for number, module in enumerate(modules)}
        relations += [Conformist(upstream=lower, downstream=higher) for lower in own for higher in contexts]
        for one, other in combinations(own, 2):
            relations.append(SeparateWays(one, other) if sign == "|" else Partnership(one, other))
        contexts |= own
    packages = [package for each in contexts.values() for package in each]
    if any(is_within(one, other) or is_within(other, one) for one, other in combinations(packages, 2)):
        raise Malformed("a layer is inside of another one")
    return _is_clean(graph, contexts, relations)


def _is_complete(graph: Graph, container: str, declared: set[str]) -> bool:
    """Whether every module directly inside of a container belongs to a context."""
    children = graph.children(container)
    contexts = {f"part{number}": [each] for number, each in enumerate(children) if each.rpartition(".")[2] in declared}
    if not contexts:  # then nothing is described, and `remit` notes nothing
        return not children
    notes = _check(graph, contexts, []).notes
    unowned = [note.what.partition(" ")[0] for note in notes if note.code == "code.unowned"]
    return not any(each.startswith(f"{container}.") for each in unowned)


def _acyclic_siblings(graph: Graph, contract: Options, project: Project) -> bool:
    named, skipped = contract.expressions("ancestors"), contract.expressions("skip_descendants", [])
    if {*named} & {*skipped}:
        raise Malformed("an ancestor is skipped")
    depth = contract.text("depth", "10")
    if not depth.isdigit():
        raise Malformed(f"depth is {depth}")
    for each in (*named, *skipped):
        if not [module for module in graph.meant(each) if module in graph.modules]:
            raise Malformed(f"{each} matches no module")
    ancestors, skip = _with_insides(graph, named, project), existing(graph, skipped)
    graph = ignored(graph, contract)
    generation = ancestors
    for _ in range(int(depth) + 1):
        if not all(_is_acyclic(graph, each) for each in generation):
            return False
        generation = [child for each in generation for child in graph.children(each) if child not in skip]
    return True


def _with_insides(graph: Graph, expressions: list[str], project: Project) -> list[str]:
    """The modules that expressions mean. Raises `Malformed` for one of which nobody knows what it contains."""
    found = existing(graph, expressions)
    if not all(is_internal(each, project.roots) for each in found):
        raise Malformed("external packages have no known modules")
    return found


def _is_acyclic(graph: Graph, ancestor: str) -> bool:
    children = {f"child{number}": [child] for number, child in enumerate(graph.children(ancestor))}
    if len(children) < 2:
        return True
    partners: list[Relation] = [Partnership(REST, each) for each in children]
    contexts = {**children, REST: list(dict.fromkeys([ancestor, *_rest(graph)]))}
    return _is_clean(graph, contexts, partners, judged=frozenset({"import.cycle"}))  # they may import one another


def _protected(graph: Graph, contract: Options, project: Project) -> bool:
    graph = ignored(graph, contract)
    protected = [module for each in contract.expressions("protected_modules") for module in graph.meant(each)]
    allowed = [module for each in contract.expressions("allowed_importers") for module in graph.meant(each)]
    existing(graph, protected)
    if contract.flag("as_packages", otherwise=True):
        allowed = _with_insides(graph, allowed, project)
    else:
        allowed = [each for each in dict.fromkeys(allowed) if each in graph.modules]
        graph, now = graph.with_alone({*protected, *allowed})
        protected, allowed = [now[each] for each in protected], [now[each] for each in allowed]
    return all(_is_protected(graph, each, allowed) for each in dict.fromkeys(protected))


def _is_protected(graph: Graph, module: str, allowed: list[str]) -> bool:
    """Modules inside of the protected one may be allowed too, and import it anyway."""
    importers = [each for each in allowed if not is_within(each, module)]
    taken = {module, *importers}
    contexts = {"protected": [module], REST: [each for each in _rest(graph) if each not in taken]}
    relations: list[Relation] = [Conformist(upstream=REST, downstream="protected")]
    if importers:
        contexts["allowed"] = importers
        relations += [Partnership("allowed", "protected"), Partnership("allowed", REST)]
    return _is_clean(graph, contexts, relations)


_CONTRACTS: dict[str, Callable[[Graph, Options, Project], bool]] = {
    "forbidden": _forbidden,
    "layers": _layers,
    "independence": _independence,
    "acyclic_siblings": _acyclic_siblings,
    "protected": _protected,
}
