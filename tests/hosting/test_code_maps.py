"""The code map of a system is derived from where its contexts and messages are declared."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from remit import Context, System
from remit.boundaries import CodeContext, check_code
from remit.hosting.checking import check_system
from remit.relations import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    Foreign,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)

EVENT = "from remit import IntegrationEvent\nclass {}(IntegrationEvent, version=1, key='order'):\n    order: str\n"
CONTEXT = "from remit import Context\n{0} = Context('{0}', owner='team-{0}', outbox=[{1}])\n"
Written = Mapping[str, str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which modules are imported, and forgotten again."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def system_of(folder: Path, files: Written, places: Mapping[str, str]) -> System:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    importlib.invalidate_caches()
    sales, billing = places
    return System("shop", contexts=places, relations=[CustomerSupplier(supplier=sales, customer=billing)])


def test_a_context_has_its_package_and_publishes_its_api(folder: Path) -> None:
    files = {
        "store/__init__.py": "", "store/sales/__init__.py": "", "store/sales/api.py": EVENT.format("Placed"),
        "store/sales/handlers.py": "from store.sales.api import Placed\n" + CONTEXT.format("sales", "Placed"),
        "store/billing/__init__.py": "", "store/billing/handlers.py": CONTEXT.format("billing", ""),
    }  # fmt: skip
    found = system_of(folder, files, {"sales": "store.sales.handlers", "billing": "store.billing.handlers"}).code_map()
    assert (found.name, found.roots, found.packages) == ("shop", (folder,), ("store",))
    sales, billing = found.contexts
    assert sales == CodeContext(
        name="sales",
        packages=("store.sales",),
        owner=("team-sales",),
        schema="sales",
        schema_is_usual=True,
        kind="supporting",
    )
    assert billing.packages == ("store.billing",)
    assert check_code(found) == []


def test_a_shared_kernel_in_a_package_of_its_own_is_read(folder: Path) -> None:
    files = {
        "sold/__init__.py": CONTEXT.format("sales", ""), "billed/__init__.py": CONTEXT.format("billing", ""),
        "prices/__init__.py": "import billed\n",
    }  # fmt: skip
    system_of(folder, files, {"sales": "sold", "billing": "billed"})
    importlib.import_module("prices")
    kernel = SharedKernel("sales", "billing", package="prices")
    system = System("shop", contexts={"sales": "sold:sales", "billing": "billed:billing"}, relations=[kernel])
    assert [each.code for each in check_code(system.code_map())] == ["kernel.dependent"]


def test_contexts_of_one_package_have_their_modules(folder: Path) -> None:
    files = {
        "stall/__init__.py": "", "stall/sales.py": EVENT.format("Placed") + CONTEXT.format("sales", "Placed"),
        "stall/billing.py": "from stall.sales import Placed, sales\n" + CONTEXT.format("billing", ""),
    }  # fmt: skip
    found = system_of(folder, files, {"sales": "stall.sales", "billing": "stall.billing"}).code_map()
    assert [each.packages for each in found.contexts] == [("stall.sales",), ("stall.billing",)]
    assert found.contexts[0].published == ("stall.sales",)
    assert check_code(found) == []


def test_a_published_language_in_a_package_of_its_own_belongs_to_its_context(folder: Path) -> None:
    files = {
        "kiosk_api/__init__.py": EVENT.format("Placed"), "kiosk/__init__.py": "",
        "kiosk/handlers.py": "from kiosk_api import Placed\n" + CONTEXT.format("sales", "Placed"),
        "ledger/__init__.py": "",
        "ledger/handlers.py": "from kiosk_api import Placed\nimport kiosk.handlers\n" + CONTEXT.format("billing", ""),
    }  # fmt: skip
    found = system_of(folder, files, {"sales": "kiosk.handlers", "billing": "ledger.handlers"}).code_map()
    assert found.contexts[0].packages == ("kiosk", "kiosk_api")
    assert found.contexts[0].published == ("kiosk_api",)
    assert [each.code for each in check_code(found)] == ["import.unpublished"]


def test_a_module_with_messages_of_two_contexts_belongs_to_none(folder: Path) -> None:
    files = {
        "messages.py": EVENT.format("Placed") + EVENT.format("Paid").partition("\n")[2],
        "till/__init__.py": "", "till/handlers.py": "from messages import Placed\n" + CONTEXT.format("sales", "Placed"),
        "bank/__init__.py": "", "bank/handlers.py": "from messages import Paid\n" + CONTEXT.format("billing", "Paid"),
    }  # fmt: skip
    found = system_of(folder, files, {"sales": "till.handlers", "billing": "bank.handlers"}).code_map()
    assert [each.packages for each in found.contexts] == [("till",), ("bank",)]
    assert check_code(found) == []


@pytest.mark.parametrize("kind", [Partnership, SeparateWays, partial(SharedKernel, package="kernel")])
def test_a_relation_of_equals_that_both_state_is_one_relation(kind: Callable[[str, str], Relation]) -> None:
    contexts = [Context(name, owner=name, relations=[kind("sales", "billing")]) for name in ("sales", "billing")]
    system = System("shop", contexts=contexts)
    assert len(system.code_map().relations) == 1
    assert "relation.doubled" not in [each.code for each in (*check_code(system.code_map()), *check_system(system))]


def test_an_illegal_relation_is_told_once() -> None:
    supplies = [CustomerSupplier(supplier=one, customer=other) for one, other in (("a", "b"), ("b", "a"))]
    billing = Context("b", owner="b", relations=[supplies[0], Conformist(upstream="a", downstream="b")])
    system = System("shop", contexts=[Context("a", owner="a", relations=supplies[1:]), billing])
    assert sorted(each.code for each in check_system(system)) == ["relation.contradiction", "relation.cycle"]


def test_one_outside_service_of_two_contexts_is_found_without_any_package() -> None:
    orders, payments = Context("orders"), Context("payments")
    layers = [
        AntiCorruptionLayer(upstream=Foreign("gateway"), downstream=each, module=f"shop.{each}.gateway")
        for each in ("orders", "payments")
    ]
    found = check_system(System("shop", contexts=[orders, payments], relations=layers))
    assert [each.code for each in found if each.code.startswith(("gateway.", "map."))] == ["gateway.shared"]
    found = check_system(System("shop", contexts=[orders, payments], relations=layers[1:]))
    assert [each.code for each in found if each.code.startswith(("gateway.", "map."))] == []
