"""The table of spellings in docs/boundaries.md: each row is found at its line, or cannot be seen statically."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.boundaries import check_code
from remit.relations import CustomerSupplier
from tests.boundaries.code_base import mapped, written
from tests.boundaries.spellings import Row, rows

AROUND = {
    "shop/again.py": "from shop.sales.model import Order\n",
    "shop/everything.py": "from shop.sales.model import *\n",
    "shop/sales/model.py": "class Order: ...\ndef register(function): return function\n",
    "pyproject.toml": '[project.entry-points."shop.orders"]\norder = "shop.sales.model:Order"\n',
}


def test_the_table_has_every_spelling() -> None:
    assert len([row for row in rows() if row.line]) >= 60
    assert len([row for row in rows() if row.line is None]) >= 6


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.spelling)
def test_a_spelling_is_found_at_its_line_or_cannot_be_seen(row: Row, tmp_path: Path) -> None:
    compile(row.text, "handlers.py", "exec")
    folder = written(tmp_path, {**AROUND, "shop/billing/handlers.py": row.text})
    found = check_code(mapped(folder, CustomerSupplier(supplier="sales", customer="billing")))
    seen = [(each.code, each.where.removeprefix(f"{folder}/")) for each in found if "imports shop.sales" in each.what]
    if row.line is None:
        assert seen == []
    else:
        assert ("import.unpublished", f"shop/billing/handlers.py:{row.line}") in seen


def test_only_imports_that_type_checkers_see_depend_on_the_setting(tmp_path: Path) -> None:
    """Without them, all other spellings are still found."""
    typing = {"type checking only", "string annotation", "string inside an annotation", "`typing.get_type_hints`"}
    typing |= {"`typing.cast`", "`typing.ForwardRef`"}
    for number, row in enumerate(row for row in rows() if row.line):
        folder = written(tmp_path / str(number), {**AROUND, "shop/billing/handlers.py": row.text})
        relation = CustomerSupplier(supplier="sales", customer="billing")
        found = check_code(mapped(folder, relation, type_checking=False))
        assert bool(found) is (row.spelling not in typing), row.spelling
