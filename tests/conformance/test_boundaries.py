"""The contracts of import-linter as code maps: `remit` says of any graph what import-linter says of it."""

from __future__ import annotations

import json
import re
from itertools import permutations
from pathlib import Path
from typing import Any

import grimp
import pytest
from grimp.exceptions import GrimpException
from hypothesis import given, settings
from hypothesis import strategies as st
from importlinter.configuration import configure
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract
from importlinter.domain.contract import InvalidContractOptions
from importlinter.domain.helpers import MissingImport

from tests.conformance.boundaries import Project, exit_status, is_kept, results
from tests.conformance.contracts import Options
from tests.conformance.imports import Graph, Malformed

configure()
REFUSED = (ValueError, InvalidContractOptions, MissingImport, GrimpException)
ROOTS = ["shop", "other"]
MODULES = (
    *("shop", "shop.a", "shop.a.x", "shop.a.y", "shop.b", "shop.b.x", "shop.b.x.deep", "shop.c", "shop.d", "other"),
    *("other.a", "other.b", "outside"),
)
CHILDREN = ("shop.a.x", "shop.b.x.deep", "shop.c", "shop.d")
JUDGES: dict[str, Any] = {
    "forbidden": ForbiddenContract,
    "layers": LayersContract,
    "independence": IndependenceContract,
    "acyclic_siblings": AcyclicSiblingsContract,
    "protected": ProtectedContract,
}
NAMES = st.sampled_from([*MODULES, *MODULES, "shop.*", "shop.**", "shop.*.x", "other.*", "missing"])
SIBLINGS = st.sampled_from(["shop.a", "shop.b", "shop.c", "shop.d", "other.a", "other.*"])
OWN = st.sampled_from([each for each in MODULES if each != "outside"])
YES = st.sampled_from(["True", "False"])
IGNORED = st.sampled_from(["shop.** -> shop.**", "shop.a -> shop.*", "other.* -> shop", "* -> outside", "shop.a ->"])
LAYERS = st.sampled_from(
    [
        *(
            ["a", "b"],
            ["(c)", "b", "a"],
            ["d", "a | b"],
            ["c : d", "b"],
            ["(missing)", "b | (c)", "a : d"],
            ["(a.x)", "a.y"],
        ),
        *(["missing"], ["a | b : c"], ["a", "a | b"], ["(x)", "(y)"], ["b | (c)", "d"], ["a", "a.x"]),
    ]
)
CONTAINERS = st.sampled_from([["shop"], ["shop"], ["shop", "other"], ["shop.*"], ["shop.a"], ["missing"]])


def several(names: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(names, min_size=1, max_size=3)


def contracts() -> st.SearchStrategy[dict[str, Any]]:
    shared = {
        "ignore_imports": several(IGNORED),
        "unmatched_ignore_imports_alerting": st.sampled_from(["none", "warn", "error"]),
    }
    kinds: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "forbidden": (
            {"source_modules": several(NAMES), "forbidden_modules": several(NAMES)},
            {"allow_indirect_imports": YES, "as_packages": YES},
        ),
        "layers": (
            {"layers": LAYERS, "containers": CONTAINERS},
            {
                "exhaustive": YES,
                "exhaustive_ignores": several(st.sampled_from("abcd")),
            },
        ),
        "independence": ({"modules": several(SIBLINGS | NAMES)}, {}),
        "acyclic_siblings": (
            {"ancestors": several(NAMES)},
            {"depth": st.sampled_from(["0", "1", "-1"]), "skip_descendants": several(NAMES)},
        ),
        "protected": (
            {"protected_modules": several(NAMES), "allowed_importers": several(NAMES)},
            {"as_packages": YES},
        ),
    }
    drawn = [
        st.fixed_dictionaries({"type": st.just(kind), **required}, optional={**optional, **shared})
        for kind, (required, optional) in kinds.items()
    ]
    full = LAYERS.map(lambda layers: [re.sub(r"(?<![\w.])(?=\w)", "shop.", each) for each in layers])
    return st.one_of(*drawn, st.fixed_dictionaries({"type": st.just("layers"), "layers": full}, optional=shared))


def graphs() -> st.SearchStrategy[Graph]:
    any_pair = st.tuples(OWN, st.sampled_from(MODULES)).filter(lambda pair: pair[0] != pair[1])
    pairs = st.lists(any_pair, max_size=20) | st.lists(st.sampled_from([*permutations(CHILDREN, 2)]), max_size=12)
    return pairs.map(lambda imports: Graph(frozenset(MODULES), frozenset(imports)))


def judged(graph: Graph, contract: dict[str, Any]) -> bool | None:
    """Whether import-linter finds the contract kept. None: it refuses the contract."""
    drawn = grimp.ImportGraph()
    for module in graph.modules:
        drawn.add_module(module, is_squashed=module == "outside")
    for importer, imported in graph.imports:
        drawn.add_import(importer=importer, imported=imported, line_number=1, line_contents="-")
    session = {"root_packages": ROOTS, "include_external_packages": "True"}
    options = {key: value for key, value in contract.items() if key != "type"}
    try:
        kept: bool = JUDGES[contract["type"]]("it", session, options).check(drawn, verbose=False).kept
    except REFUSED:
        return None
    return kept


def said(graph: Graph, contract: dict[str, Any]) -> bool | None:
    try:
        return is_kept(graph, Options({"name": "it", **contract}), Project(ROOTS))
    except Malformed:
        return None


@given(graphs(), contracts())
@settings(max_examples=40)
def test_a_contract_is_judged_as_import_linter_judges_it(graph: Graph, contract: dict[str, Any]) -> None:
    assert said(graph, contract) == judged(graph, contract)


ROUND = Graph(
    frozenset({"shop", *(f"shop.{each}" for each in ("a", "a.x", "b", "b.x", "c", "d"))}),
    frozenset({("shop.a.x", "shop.b.x"), ("shop.b.x", "shop.c"), ("shop.c", "shop.a.x")}),
)


@pytest.mark.parametrize(
    ("contract", "kept"),
    [
        ({"type": "acyclic_siblings", "ancestors": ["shop"]}, False),
        ({"type": "acyclic_siblings", "ancestors": ["shop"], "ignore_imports": ["shop.c -> shop.**"]}, True),
        ({"type": "independence", "modules": ["shop.a", "shop.c"]}, False),
        ({"type": "independence", "modules": ["shop.a", "shop.d"]}, True),
        ({"type": "layers", "layers": ["shop.b", "shop.d", "shop.c"]}, False),
        ({"type": "layers", "layers": ["shop.d", "shop.a | shop.c"]}, False),
        ({"type": "layers", "layers": ["shop.d", "shop.a : shop.c"]}, True),
        ({"type": "protected", "protected_modules": ["shop.b"], "allowed_importers": ["shop.c"]}, False),
        ({"type": "protected", "protected_modules": ["shop.b"], "allowed_importers": ["shop.a"]}, True),
        ({"type": "forbidden", "source_modules": ["shop.a"], "forbidden_modules": ["shop.c"]}, False),
        ({"type": "forbidden", "source_modules": ["shop.a"], "forbidden_modules": ["shop.d"]}, True),
    ],
)
def test_each_type_of_contract_is_kept_and_broken(contract: dict[str, Any], kept: bool) -> None:
    project = Project(["shop"])
    assert is_kept(ROUND, Options({"name": "it", **contract}), project) is kept


SOME = Graph(frozenset({"shop", "shop.a", "shop.b", "shop.c"}), frozenset({("shop.a", "shop.b"), ("shop.b", "shop.c")}))
INI = """
[importlinter]
root_package = shop

[importlinter:contract:one]
name = One
type = forbidden
source_modules = shop.a
forbidden_modules =
    shop.c
    shop.*
"""
TOML = """
[tool.importlinter]
root_packages = ["shop"]

[[tool.importlinter.contracts]]
name = "One"
type = "layers"
layers = ["a", "b", "c"]
containers = ["shop"]
exhaustive = true
"""


@pytest.mark.parametrize(
    ("text", "file", "status"),
    [
        (INI, ".importlinter", 1),
        (INI.replace("shop.c\n    shop.*", "shop.a"), "setup.cfg", 0),
        (INI + "ignore_imports =\n    shop.a -> shop.*\n", ".importlinter", 0),
        (INI + "allow_indirect_imports = maybe\n", ".importlinter", 1),
        (INI.replace("    shop.*\n", "") + "allow_indirect_imports = true\n", ".importlinter", 0),
        (INI.replace("root_package = shop", ""), ".importlinter", 1),
        (INI.replace("root_package = shop", "root_package = nothing"), ".importlinter", 1),
        (INI.replace("type = forbidden", "type = unheard"), ".importlinter", 1),
        (INI.replace("source_modules", "sources"), ".importlinter", 1),
        ("[importlinter", ".importlinter", 1),
        ("[importlinter]\nroot_package = shop", ".importlinter", 1),
        ("", ".importlinter", 1),
        (TOML, "pyproject.toml", 0),
        (TOML.replace('"a", "b"', '"b", "a"'), "pyproject.toml", 1),
        (TOML.replace('"a", ', ""), "pyproject.toml", 1),
        (TOML.replace('"a", ', "") + 'exhaustive_ignores = ["a"]', "pyproject.toml", 0),
        ("[tool.black]", "pyproject.toml", 1),
        ("[tool", "pyproject.toml", 1),
    ],
)
def test_a_configuration_is_read_as_import_linter_reads_it(text: str, file: str, status: int) -> None:
    assert exit_status(SOME, text, file) == status


@pytest.mark.parametrize(("source", "status"), [("space.shop.a", 1), ("space.shop.b", 0)])
def test_a_root_package_may_be_a_part_of_a_namespace(source: str, status: int) -> None:
    graph = Graph(
        frozenset({"space.shop", "space.shop.a", "space.shop.b", "lib"}), frozenset({("space.shop.a", "lib")})
    )
    text = INI.replace("root_package = shop", "root_package = space.shop\ninclude_external_packages = True")
    text = text.replace("shop.c\n    shop.*", "lib").replace("source_modules = shop.a", f"source_modules = {source}")
    assert exit_status(graph, text, ".importlinter") == status


def test_a_case_with_another_status_is_a_reason(tmp_path: Path) -> None:
    own = INI.replace("[importlinter]", "[importlinter]\ncontract_types = mine: shop.contracts.Mine")
    cases = [
        {"id": "met", "contract": INI, "expected_exit": 1},
        {"id": "missed", "contract": INI, "expected_exit": 0},
        {"id": "own", "contract": own.replace("type = forbidden", "type = mine"), "expected_exit": 0},
    ]
    drawn = {"modules": sorted(SOME.modules), "imports": [[*pair, 1] for pair in sorted(SOME.imports)]}
    data = {
        "graphs": {"shop": drawn},
        "cases": [{"package": "shop", "contract_file": ".ini", **case} for case in cases],
    }
    (tmp_path / "cases.json").write_text(json.dumps(data))
    met, missed, own_type = results(tmp_path)
    assert met.reason == ""
    assert missed.reason == "expected 0, found 1"
    assert "mine" in own_type.reason
