"""What a context loads of another one against the map is refused at start, also where no reader can see it."""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit import System
from remit.errors import ModelError
from remit.hosting.checking import check_system
from remit.relations import CustomerSupplier, Relation, SeparateWays
from tests.boundaries.spellings import rows

CONTEXT = "from remit import Context\n{0} = Context('{0}')\n"
UNSEEN = {
    "a computed name": "import importlib, os\nimportlib.import_module(os.environ.get('ORDERS', 'shop.sales.model'))\n",
    "a name from elsewhere": "import importlib\nimportlib.import_module('ledom.selas.pohs'[::-1])\n",
    "`exec` of a computed text": "exec(bytes.fromhex('696d706f72742073686f702e73616c65732e6d6f64656c'))\n",
    "a computed attribute": "import shop.sales\nmodel = getattr(shop.sales, ''.join(reversed('ledom')))\n",
    "`globals`": "import shop\nmodel = globals()['shop'].sales.model\n",
    "`attrgetter`": "import operator, shop\nmodel = operator.attrgetter('sales.model')(shop)\n",
}
"""Spellings of the table that cannot be seen and load when their module is imported."""
BUYS = CustomerSupplier(supplier="sales", customer="billing")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with two contexts, from which modules are imported, and forgotten again."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in ("shop", "shop/sales", "shop/billing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "shop/sales/api.py").write_text("from shop.sales.model import Order as Published\n")
    (tmp_path / "shop/sales/model.py").write_text("class Order: ...\nclass Published: ...\n")
    (tmp_path / "shop/sales/handlers.py").write_text("import shop.sales.api\n" + CONTEXT.format("sales"))
    before = set(sys.modules)
    importlib.invalidate_caches()
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def shop(folder: Path, text: str, *relations: Relation) -> System:
    (folder / "shop/billing/handlers.py").write_text(text + CONTEXT.format("billing"))
    places = {"sales": "shop.sales.handlers", "billing": "shop.billing.handlers"}
    return System("shop", contexts=places, relations=relations)


@pytest.mark.parametrize("spelling", UNSEEN)
@pytest.mark.parametrize("relation", [BUYS, SeparateWays("sales", "billing")])
def test_what_cannot_be_seen_is_refused_when_it_loads(folder: Path, spelling: str, relation: Relation) -> None:
    system = shop(folder, UNSEEN[spelling], relation)
    with pytest.raises(ModelError) as raised:
        system.hosting().model()
    (finding,) = raised.value.findings
    assert finding.code == "import.loaded"
    assert finding.where.startswith(f"{folder}/shop/billing/handlers.py:")
    assert "'billing'" in finding.what
    assert "'sales'" in finding.what


def test_the_table_names_these_spellings() -> None:
    assert set(UNSEEN) <= {row.spelling for row in rows() if row.line is None}


@pytest.mark.parametrize(
    ("text", "relations"),
    [
        ("import importlib\nimportlib.import_module('shop.sales.api')\n", [BUYS]),
        ("from shop.sales.api import Published\n", [BUYS]),
        ("from shop.sales import api\n", [BUYS]),
        ("import shop.sales.api\n", [BUYS]),
        ("def later():\n    import shop.sales.model\n", [BUYS]),
        (UNSEEN["a computed name"], []),
    ],
)
def test_what_the_map_allows_is_loaded(folder: Path, text: str, relations: list[Relation]) -> None:
    assert shop(folder, text, *relations).hosting().model().names == ("sales", "billing")


def test_a_process_that_does_not_host_the_other_context_refuses_too(folder: Path) -> None:
    system = shop(folder, UNSEEN["a computed name"], SeparateWays("sales", "billing"))
    with pytest.raises(ModelError, match=r"import\.loaded"):
        system.hosting(["billing"]).model()


def test_contexts_that_were_imported_before_are_looked_at(folder: Path) -> None:
    (folder / "shop/billing/handlers.py").write_text("from shop.sales.model import Order\n" + CONTEXT.format("billing"))
    sales = importlib.import_module("shop.sales.handlers").sales
    billing = importlib.import_module("shop.billing.handlers").billing
    with pytest.raises(ModelError, match=r"import\.loaded"):
        System("shop", contexts=[sales, billing], relations=[SeparateWays("sales", "billing")]).model()


def test_remit_check_reports_one_import_once(folder: Path) -> None:
    found = check_system(shop(folder, "from shop.sales.model import Published\n", BUYS))
    assert [each.code for each in found] == ["import.unpublished"]


def test_imports_are_as_they_were_after_loading(folder: Path) -> None:
    plain = builtins.__import__, importlib.import_module
    shop(folder, "", BUYS).hosting()
    assert (builtins.__import__, importlib.import_module) == plain


def test_contexts_that_are_not_hosted_are_not_judged_because_they_may_state_relations_themselves(folder: Path) -> None:
    for name in ("shop/mail", "shop/billing"):
        (folder / name).mkdir(exist_ok=True)
        (folder / f"{name}/__init__.py").write_text("")
    (folder / "shop/billing/api.py").write_text("import shop.sales.api\n")
    (folder / "shop/billing/handlers.py").write_text(
        "import shop.billing.api\nfrom remit import Context\nfrom remit.relations import Conformist\n"
        "billing = Context('billing', relations=[Conformist(upstream='sales', downstream='billing')])\n"
    )
    (folder / "shop/mail/handlers.py").write_text("import shop.billing.api\n" + CONTEXT.format("mail"))
    places = {name: f"shop.{name}.handlers" for name in ("sales", "billing", "mail")}
    system = System("shop", contexts=places, relations=[CustomerSupplier(supplier="billing", customer="mail")])
    assert [each.code for each in system.check(["mail"])] == []
    assert [each.code for each in system.check()] == []
    for name in places:  # all modules are loaded now
        assert system.hosting([name]).model().names[0] == name
