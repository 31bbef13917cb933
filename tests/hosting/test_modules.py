"""A module that declares something on a context and is imported by nobody is found, and nothing else is."""

from __future__ import annotations

import ast
import sys
import time
import warnings
from types import SimpleNamespace
from typing import Any

import pytest

from remit.errors import ModelError
from remit.hosting.modules import not_imported
from tests.checks.packages import Packages
from tests.checks.shop import only

STALL = {
    "stall/__init__.py": "",
    "stall/sales/__init__.py": "",
    "stall/sales/api.py": "from remit import *\nclass Placed(DomainEvent):\n    order: str\n",
    "stall/sales/context.py": "from remit import *\nsales = Context('sales')\n",
    "stall/system.py": """
        from remit import *
        system = System("stall", contexts={"sales": "stall.sales.context:sales"})
        """,
}
REACTION = "\nasync def on_placed(event: Placed) -> None: ...\n"


def found(packages: Packages, files: dict[str, str]) -> list[str]:
    """The names of the modules that are found, and the lines."""
    system = packages.imported(STALL | files, "stall.system").system
    assert {each.code for each in system.check()} <= {"module.forgotten"}
    return [f"{each.what.split()[0]}:{each.where.rpartition(':')[2]}" for each in system.check()]


def test_module_that_nobody_imports_is_an_error_at_the_start(packages: Packages) -> None:
    reactions = f"from .context import sales\nfrom .api import Placed\n@sales.react(Placed){REACTION}"
    stall = packages.imported(STALL | {"stall/sales/reactions.py": reactions}, "stall.system")
    finding = only(stall.system.check())
    assert (finding.code, finding.where) == ("module.forgotten", f"{packages.folder}/stall/sales/reactions.py:3")
    assert finding.what == "stall.sales.reactions declares on_placed on context 'sales', and is not imported"
    assert "import stall.sales.reactions where the system is declared" in finding.next
    with pytest.raises(ModelError, match=r"module\.forgotten"), stall.system.connect_sync(store="memory:"):
        pass
    packages.module("stall.sales.reactions")
    assert stall.system.check() == []


WAYS = {
    "from the module": "from stall.sales.context import sales as s\n@s.react(1)\nasync def f(): ...",
    "through the module": "import stall.sales.context\n@stall.sales.context.sales.react(1)\nasync def f(): ...",
    "through an alias of the module": "import stall.sales.context as c\n@c.sales.answer(1)\nasync def f(): ...",
    "from the package": "from . import context\n\n@context.sales.handle(1)\nasync def f(): ...",
    "by a star": "from .context import *\n@sales.publish(1)\ndef f(): ...",
    "by a name of its own": "from .context import sales\nours = sales\n@ours.project\nclass F: ...",
    "by a call": "from .context import sales\n\nsales.publish(1)(print)",
    "by a call that is kept": "from .context import sales\n\nbound = sales.react(1)(print)",
    "by a call that is kept with its type": "from .context import sales\n\nbound: object = sales.react(1)(print)",
    "by a call in parentheses": "from .context import sales\n\n@(sales.react(1))\ndef f(): ...",
    "by a call in a condition": "from .context import sales\n\nif (bound := sales.react(1)(print)): ...",
    "by an annotated name": "from .context import sales\nours: object = sales\n@ours.project\nclass F: ...",
    "beside a script": "from .context import sales\nif __name__ == '__main__': ...\nelse:\n    sales.publish(1)(print)",
    "where it may fail": "try:\n    from .context import sales\nexcept ImportError: ...\n@sales.react(1)\ndef f(): ...",
    "in a condition": "from .context import sales\nif True:\n    @sales.react(1)\n    def f(): ...",
    "in a class": "from .context import sales\nclass Policy:\n    @sales.react(1)\n    def f(self): ...",
    "through another that nobody imports": "from .handed import ours\n\n@ours.react(1)\ndef f(): ...",
}
LINES = {"where it may fail": 4}


@pytest.mark.parametrize("way", WAYS)
def test_name_is_followed_to_the_context(packages: Packages, way: str) -> None:
    handed = "from stall.sales.context import sales\nours = sales\n"
    files = {"stall/sales/forgotten.py": WAYS[way], "stall/sales/handed.py": handed}
    (named,) = found(packages, files)
    assert named.startswith("stall.sales.forgotten:")


NOT_MEANT = {
    "another context": "from remit import *\nsales = Context('other')\n@sales.react(1)\ndef f(): ...",
    "for checkers only": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .context import sales\n"
    "    @sales.react(1)\n    def f(): ...",
    "for scripts only": "from .context import sales\nif __name__ == '__main__':\n    @sales.react(1)\n    def f(): ...",
    "another context under an imported name": "from remit import *\nfrom .context import sales\n"
    "sales = Context('other')\n@sales.react(1)\ndef f(): ...",
    "within a function": "from .context import sales\ndef register():\n    @sales.react(1)\n    def f(): ...",
    "of a parameter": "def register(sales):\n    @sales.react(1)\n    def f(): ...",
    "another method": "from .context import sales\nsales.provide(int, int)\nsales.get('/', int)\nsales.name.handle(1)",
    "an unknown name": "@sales.react(1)\ndef f(): ...",
    "a circle": "from .forgotten import sales\n@sales.react(1)\ndef f(): ...",
    "a name of itself": "sales = sales\n@sales.react(1)\ndef f(): ...",
    "out of the package": "from ....... import sales\n@sales.react(1)\ndef f(): ...",
    "in a text": "TEXT = '''\nfrom .context import sales\n@sales.react(1)\ndef f(): ...\n'''",
    "nothing": "",
}


@pytest.mark.parametrize("way", NOT_MEANT)
def test_what_declares_nothing_on_the_context_is_not_found(packages: Packages, way: str) -> None:
    assert found(packages, {"stall/sales/forgotten.py": NOT_MEANT[way]}) == []


FORGOTTEN = "from stall.sales.context import sales\n@sales.react(1)\ndef f(): ...\n"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("stall/sales/deep/er/forgotten.py", "stall.sales.deep.er.forgotten"),
        ("stall/sales/deep/__init__.py", "stall.sales.deep"),
        ("stall/sales/tests/forgotten.py", ""),
        ("stall/sales/test_forgotten.py", ""),
        ("stall/sales/conftest.py", ""),
        ("stall/sales/not-a-name/forgotten.py", ""),
        ("stall/sales/.hidden/forgotten.py", ""),
        ("stall/stock/forgotten.py", ""),
        ("stall/forgotten.py", ""),
        ("stall/sales/forgotten.txt", ""),
    ],
)
def test_files_of_the_package_are_looked_at_and_no_others(packages: Packages, path: str, name: str) -> None:
    assert found(packages, {path: FORGOTTEN}) == ([f"{name}:2"] if name else [])


def test_package_without_an_init_file_is_one(packages: Packages) -> None:
    files = {path: text for path, text in STALL.items() if not path.endswith("__init__.py")}
    system = packages.imported(files | {"stall/sales/forgotten.py": FORGOTTEN}, "stall.system").system
    assert only(system.check()).what.startswith("stall.sales.forgotten ")


def test_modules_beside_a_context_in_no_package_are_looked_at(packages: Packages) -> None:
    files = {
        "stall.py": "from remit import *\nsales = Context('sales')\nsystem = System('stall', contexts=[sales])",
        "stall_reactions.py": "from stall import sales\n@sales.react(1)\ndef f(): ...",
        "deeper/stall_reactions.py": "from stall import sales\n@sales.react(1)\ndef f(): ...",
    }
    assert only(packages.imported(files).system.check()).what.startswith("stall_reactions ")


def test_module_that_cannot_be_read_is_noted(packages: Packages) -> None:
    files = {
        "stall/sales/broken.py": "from .context import sales\n@sales.react(1)\nasync def f(:\n",
        "stall/sales/other.py": "from .context import sales\nthis is no Python\n",
        "stall/sales/nul.py": "from .context import sales\n@sales.react(1)\n\0",
        "stall/sales/warns.py": "from .context import sales\nTEXT = '\\d'\nsales.reaction\nx.handle\n",
    }
    system = packages.imported(STALL | files, "stall.system").system
    with warnings.catch_warnings(action="error"):
        findings = system.check()
    assert findings == []
    assert [(note.code, note.where) for note in findings.notes] == [
        ("module.unreadable", f"{packages.folder}/stall/sales/broken.py:3"),
        ("module.unreadable", f"{packages.folder}/stall/sales/nul.py:1"),
    ]


def test_module_that_runs_under_another_name_is_imported(packages: Packages) -> None:
    files = {"stall/sales/reactions.py": FORGOTTEN.replace("@sales.react(1)\n", "print\nsales.react\n")}
    system = packages.imported(STALL | files, "stall.system").system
    module = packages.module("stall.sales.reactions")
    del sys.modules["stall.sales.reactions"]
    sys.modules["__stall__"] = module
    try:
        (packages.folder / "stall/sales/reactions.py").write_text(FORGOTTEN)
        assert system.check() == []
    finally:
        del sys.modules["__stall__"]


def test_contexts_that_cannot_be_imported_are_findings(packages: Packages) -> None:
    system = packages.imported(STALL | {"stall/sales/context.py": "1 / 0"}, "stall.system").system
    assert only(system.check()).code == "context.import"


def test_huge_package_is_looked_through_at_once(packages: Packages) -> None:
    body = "\n".join(f"def f{n}(x):\n    return x.handle({n})\n" for n in range(100))
    files = {f"stall/sales/part{n}/file{m}.py": f"import os\n{body}" for n in range(20) for m in range(20)}
    files |= {"stall/sales/last.py": FORGOTTEN}
    system = packages.imported(STALL | files, "stall.system").system
    system.check()
    begun = time.process_time()
    assert len(system.check()) == 1
    assert time.process_time() - begun < 0.5, "400 files are read, and one is parsed"


EDGES = {
    "by the name of the context": "from remit.edges import HttpEdge\nedge = HttpEdge('sales')",
    "by the context": "from remit.edges import HttpEdge\nfrom .context import sales\nedge = HttpEdge(sales)",
    "under another name": "from remit.edges import HttpEdge as Edge\nedge = Edge('sales')",
    "through the module": "import remit.edges\nedge = remit.edges.HttpEdge('sales', origins=['*'])",
    "with an annotation": "from remit.edges import HttpEdge\nedge: HttpEdge = HttpEdge('sales')",
}
EDGED = {
    "stall/stock/__init__.py": "",
    "stall/stock/context.py": "from remit import *\nstock = Context('stock')\n",
    "stall/stock/edge.py": "from remit.edges import HttpEdge\nedge = HttpEdge('stock')\n",
    "stall/system.py": """
        from remit import *
        system = System(
            "stall",
            contexts={"sales": "stall.sales.context:sales", "stock": "stall.stock.context:stock"},
            edges={"stock": "stall.stock.edge:edge"},
        )
        """,
}


@pytest.mark.parametrize("way", EDGES)
def test_edge_that_nobody_imports_is_found_in_a_system_that_has_others(packages: Packages, way: str) -> None:
    assert found(packages, EDGED | {"stall/sales/web.py": EDGES[way]}) == [
        f"stall.sales.web:{3 if 'by the context' in way else 2}"
    ]


@pytest.mark.parametrize("of", ["'other'", "name", "", "stock"])
def test_edge_of_another_context_is_not_missed(packages: Packages, of: str) -> None:
    text = f"from remit.edges import HttpEdge\nfrom remit import *\nstock = Context('stock')\nedge = HttpEdge({of})"
    assert found(packages, EDGED | {"stall/sales/web.py": text}) == []


def test_edge_of_a_system_without_edges_is_noted(packages: Packages) -> None:
    system = packages.imported(STALL | {"stall/sales/web.py": EDGES["by the context"]}, "stall.system").system
    said = system.check()
    (note,) = said.notes
    assert (said, note.code) == ([], "edge.forgotten")
    packages.module("stall.sales.web")
    (note,) = system.check().notes
    assert (note.code, note.where) == ("edge.forgotten", "stall.sales.web"), "so is one that is imported"


def test_edge_that_another_process_serves_is_not_missed(packages: Packages) -> None:
    stall = packages.imported(STALL | EDGED, "stall.system")
    hosted = stall.system.hosting(["stock"], edges=()).model()
    unseen = not_imported(hosted)
    assert (unseen, unseen.notes) == ([], [])


def test_module_is_read_again_where_the_interpreter_has_lost_count(
    packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPython 3.11 raises SystemError if a finalizer parses something while a module is parsed."""
    failed = [SystemError("AST constructor recursion depth mismatch")]

    def fails_once(*arguments: Any) -> ast.Module:
        if failed:
            raise failed.pop()
        tree: ast.Module = ast.parse(*arguments)
        return tree

    monkeypatch.setattr("remit.hosting.reading.ast", SimpleNamespace(**vars(ast) | {"parse": fails_once}))
    (named,) = found(packages, {"stall/sales/forgotten.py": next(iter(WAYS.values()))})
    assert "forgotten" in named
    assert failed == []
