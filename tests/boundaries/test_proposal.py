"""A first map is proposed from packages and imports. It can be read, and is a start."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from remit.boundaries import check_code, read_map
from remit.boundaries.proposal import propose_map
from remit.relations import CustomerSupplier, OpenHost, Partnership
from tests.boundaries.code_base import written

FILES = {
    "shop/billing/handlers.py": "import shop.sales.model\nimport shop.mail.api\nimport shop.kernel\n",
    "shop/mail/api.py": "import shop.billing.api\nimport shop.kernel\n",
    "shop/sales/model.py": "import shop.kernel\n",
    "shop/kernel/__init__.py": "x = 1\n",
    "shop/kernel/money.py": "x = 1\n",
}


@pytest.mark.parametrize("named", ["src", "src/shop"])
def test_packages_become_contexts_and_imports_relations(tmp_path: Path, named: str) -> None:
    written(tmp_path / "src", FILES)
    path = tmp_path / "remit-map.toml"
    path.write_text(propose_map(tmp_path / named, tmp_path))
    assert "[[relations]]  # 1 import\n" in path.read_text()
    assert "[[relations]]  # 1 import one way, 1 the other: meant?\n" in path.read_text()
    found = read_map(path)
    assert found.roots == (tmp_path / "src",)
    assert {each.name: each.packages for each in found.contexts} == {
        name: (f"shop.{name}",) for name in ("billing", "kernel", "mail", "sales")
    }
    assert found.relations == (
        OpenHost("kernel"), Partnership("billing", "mail"), CustomerSupplier(supplier="sales", customer="billing"),
    )  # fmt: skip
    assert [each.code for each in check_code(found)] == ["import.unpublished"]


def test_packages_of_like_names_become_contexts_of_different_names(tmp_path: Path) -> None:
    for name in ("shop/_sales", "shop/sales", "shop/2nd", "shop/über"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "one.py").write_text("x = 1\n")
    path = tmp_path / "remit-map.toml"
    path.write_text(propose_map(tmp_path, tmp_path))
    assert read_map(path).names == ("context-2nd", "sales", "sales-2", "context-über")


def test_a_folder_without_code_has_no_map(tmp_path: Path) -> None:
    assert propose_map(tmp_path, tmp_path) == ""
    assert propose_map(tmp_path / "absent", tmp_path) == ""


@pytest.mark.parametrize("package", ["starlette", "pydantic_settings"])
def test_an_installed_package_has_a_first_report(package: str, tmp_path: Path) -> None:
    path = tmp_path / "remit-map.toml"
    path.write_text(propose_map(Path(sysconfig.get_path("purelib")) / package, tmp_path))
    found = read_map(path)
    assert len(found.contexts) > 2
    assert found.relations
    codes = {each.code for each in check_code(found)}
    assert codes <= {"import.unpublished", "relation.cycle", "import.cycle"}
