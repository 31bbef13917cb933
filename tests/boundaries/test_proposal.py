"""A first map is proposed from packages and imports. It can be read, and is a start."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from remit.boundaries import check_code, read_map
from remit.boundaries.direction import directions, upstream_first
from remit.boundaries.proposal import propose_map
from remit.relations import Conformist
from tests.boundaries.code_base import written

FILES = {
    "shop/billing/handlers.py": "import shop.sales.model\nimport shop.mail.api\nimport shop.kernel\n",
    "shop/billing/letters.py": "import shop.mail.api\n",
    "shop/mail/api.py": "import shop.billing.api\nimport shop.kernel\n",
    "shop/sales/model.py": "import shop.kernel\n",
    "shop/kernel/__init__.py": "x = 1\n",
    "shop/kernel/money.py": "x = 1\n",
}


@pytest.mark.parametrize("named", ["src", "src/shop"])
def test_packages_become_contexts_and_most_imports_say_who_is_upstream(tmp_path: Path, named: str) -> None:
    written(tmp_path / "src", FILES)
    path = tmp_path / "remit-map.toml"
    path.write_text(propose_map(tmp_path / named, tmp_path))
    found = read_map(path)
    assert found.roots == (tmp_path / "src",)
    assert {each.name: each.packages for each in found.contexts} == {
        name: (f"shop.{name}",) for name in ("billing", "kernel", "mail", "sales")
    }
    assert found.relations == (
        Conformist(upstream="kernel", downstream="mail"), Conformist(upstream="kernel", downstream="sales"),
        Conformist(upstream="kernel", downstream="billing"), Conformist(upstream="mail", downstream="billing"),
        Conformist(upstream="sales", downstream="billing"),
    )  # fmt: skip
    assert [each.code for each in check_code(found)] == ["import.direction", "import.unpublished", "import.cycle"]
    text = path.read_text()
    assert "# mail imports billing: 1, against this direction (import.direction)" in text
    assert "# Imported by others and not published: shop.sales.model (1)" in text


def test_packages_of_like_names_become_contexts_of_different_names(tmp_path: Path) -> None:
    for name in ("shop/_sales", "shop/sales", "shop/2nd", "shop/über"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "one.py").write_text("x = 1\n")
    path = tmp_path / "remit-map.toml"
    path.write_text(propose_map(tmp_path, tmp_path))
    assert read_map(path).names == ("context-2nd", "sales", "context-über")
    assert '"shop._sales", "shop.sales"' in path.read_text()


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
    assert codes <= {"import.unpublished", "import.direction", "import.unrelated", "import.cycle"}


def test_what_no_context_depends_on_and_what_all_use_stay_apart(tmp_path: Path) -> None:
    files = {
        "shop/utils/text.py": "x = 1\n", "shop/common/all.py": "import shop.sales.model\n",
        "shop/main.py": "import shop.sales\n", "shop/base.py": "import shop.sales.model\n", "docs/conf.py": "x = 1\n",
        "shop/billing/handlers.py": "import shop.utils.text, shop.common.all, shop.base\n",
    }  # fmt: skip
    written(tmp_path, files, without=("shop/kernel/__init__.py", "shop/mail/__init__.py", "shop/mail/api.py"))
    path = tmp_path / "remit-map.toml"
    path.write_text(propose_map(tmp_path, tmp_path))
    found = read_map(path)
    assert {each.name: each.packages for each in found.contexts} == {
        "sales": ("shop.sales",), "billing": ("shop.billing",), "common": ("shop.common",), "shop": ("shop.base",),
    }  # fmt: skip


def test_a_package_of_packages_stands_for_these(tmp_path: Path) -> None:
    files = ("shop/apps/sales/one.py", "shop/apps/billing/one.py", "shop/mail/one.py", "shop/__init__.py")
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    path = tmp_path / "remit-map.toml"
    path.write_text(propose_map(tmp_path, tmp_path))
    assert {*read_map(path).names} == {"sales", "billing", "mail"}


def test_tables_belong_to_the_context_that_makes_them(tmp_path: Path) -> None:
    files = {
        "shop/sales/model.py": "class Order:\n    __tablename__ = 'orders'\n",
        "shop/billing/model.py": "SCHEMA = 'CREATE TABLE IF NOT EXISTS invoices (number text)'\n",
        "shop/billing/handlers.py": "x = 'SELECT number FROM orders'\n",
    }
    written(tmp_path, files)
    path = tmp_path / "remit-map.toml"
    path.write_text(propose_map(tmp_path, tmp_path))
    found = read_map(path)
    assert {each.name: each.tables for each in found.contexts if each.tables} == {
        "sales": ("orders",), "billing": ("invoices",),
    }  # fmt: skip
    assert [each.code for each in check_code(found)] == ["sql.foreign-table"]


def test_contexts_in_a_circle_have_the_directions_of_most_imports() -> None:
    pairs = {("a", "b"): 3, ("b", "a"): 1, ("b", "c"): 2, ("c", "a"): 1, ("d", "a"): 1}
    found = directions(pairs)
    assert found == [("b", "a"), ("c", "b"), ("a", "d")]
    assert upstream_first("abcd", found) == ["c", "b", "a", "d"]


def test_one_package_among_modules_is_a_context_like_them(tmp_path: Path) -> None:
    for name in ("shop/sales/one.py", "shop/sales/two.py", "shop/billing.py", "shop/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    path = tmp_path / "remit-map.toml"
    path.write_text(propose_map(tmp_path, tmp_path))
    assert {*read_map(path).names} == {"sales", "billing"}
