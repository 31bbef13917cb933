"""Which file is read for a module: the one that Python imports. No file beside it hides it."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.boundaries import read_code
from remit.errors import Findings
from remit.relations import CustomerSupplier
from tests.boundaries.code_base import checked, mapped, noted, written

BUYS = CustomerSupplier(supplier="sales", customer="billing")
HANDLERS = "shop/billing/handlers.py"
INTERNAL = "import shop.sales.model\n"


@pytest.mark.parametrize(
    "beside",
    [
        "shop/billing/handlers.bak.py",
        "shop/billing/Handlers.old.py",
        "shop/billing/handlers.bak.so",
        "shop/billing/handlers/extra.py",
        "shop/billing/handlers/tried.ipynb",
        "shop/billing.old/handlers.py",
        "shop/billing.py/handlers.py",
    ],
)
def test_no_file_beside_a_module_hides_it(tmp_path: Path, beside: str) -> None:
    text = '{"cells": []}' if beside.endswith(".ipynb") else "x = 1\n"
    folder = written(tmp_path, {HANDLERS: INTERNAL, beside: text})
    assert checked(mapped(folder, BUYS)) == [("import.unpublished", f"{HANDLERS}:1")]


def test_a_package_counts_before_the_module_beside_it(tmp_path: Path) -> None:
    folder = written(tmp_path, {HANDLERS: INTERNAL, "shop/billing/handlers/__init__.py": "x = 1\n"})
    assert checked(mapped(folder, BUYS)) == []


def test_a_package_of_a_later_root_counts_before_a_folder_without_init(tmp_path: Path) -> None:
    folder = written(tmp_path / "src")
    (tmp_path / "first/shop/sales").mkdir(parents=True)
    (tmp_path / "first/shop/sales/further.py").write_text("x = 1\n")
    modules = read_code(mapped(folder, BUYS, roots=(tmp_path / "first", folder)), Findings()).modules
    assert modules.facts["shop.sales"] is not None
    assert "shop.sales.further" in modules


def test_the_tag_of_a_compiled_module_is_no_part_of_its_name(tmp_path: Path) -> None:
    tagged = ["fast.cpython-311-x86_64-linux-gnu.so", "quick.abi3.so", "swift.cp311-win_amd64.pyd", "plain.so"]
    folder = written(tmp_path, {f"shop/billing/{name}": "" for name in tagged})
    modules = read_code(mapped(folder, BUYS), Findings()).modules
    assert {f"shop.billing.{name.partition('.')[0]}" for name in tagged} <= {*modules.facts}


@pytest.mark.parametrize("name", ["blood_tests", "ab_test", "tests", "test_drive"])
def test_a_package_of_a_context_is_read_although_it_is_named_like_a_test(tmp_path: Path, name: str) -> None:
    handlers = f"shop/{name}/handlers.py"
    written(tmp_path, {f"shop/{name}/__init__.py": "", handlers: "import shop.sales.model\n"})
    relation = CustomerSupplier(supplier="sales", customer="mail")
    code = mapped(tmp_path, relation, contexts={"mail": {"packages": (f"shop.{name}",)}})
    assert ("import.unpublished", f"{handlers}:1") in checked(code)


def test_a_module_that_only_begins_like_tests_is_read(tmp_path: Path) -> None:
    written(tmp_path, {"shop/billing/tests_helper.py": "import shop.sales.model\n"})
    assert ("import.unpublished", "shop/billing/tests_helper.py:1") in checked(mapped(tmp_path, BUYS))


def test_tests_of_a_context_are_left_out_without_a_word(tmp_path: Path) -> None:
    test = "import shop.sales.model\ndef test_it(): ...\n"
    files = (
        "tests/helper.py",
        "test_it.py",
        "it_test.py",
        "conftest.py",
        "unit_tests/test_it.py",
        "unit_tests/help.py",
    )
    written(tmp_path, {f"shop/billing/{name}": test for name in files})
    code = mapped(tmp_path, BUYS)
    assert checked(code) == []
    assert [each for each in noted(code) if each[0] == "source.tests"] == []


@pytest.mark.parametrize("name", ["ab_test.py", "test_drive/plan.py"])
def test_what_is_only_named_like_a_test_is_noted(tmp_path: Path, name: str) -> None:
    written(tmp_path, {f"shop/billing/{name}": "import shop.sales.model\n"})
    code = mapped(tmp_path, BUYS)
    assert checked(code) == []
    assert ("source.tests", f"shop/billing/{name.partition('/')[0]}") in noted(code)
