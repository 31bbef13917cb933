"""What newer versions of Python write is read by them: parameters of types, and `type` statements."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from remit.relations import CustomerSupplier
from tests.boundaries.code_base import checked, mapped, noted, written

BUYS = CustomerSupplier(supplier="sales", customer="billing")
HANDLERS = "shop/billing/handlers.py"
ORDER = "shop.sales.model.Order"
OF_12 = [
    f"def f[T: {ORDER}](x: T) -> T: ...\n",
    f"def f[T: '{ORDER}'](x: T): ...\n",
    f"class A[T: (int, {ORDER})]: ...\n",
    f"type X = {ORDER}\n",
    f"type X[T: {ORDER}] = list[T]\n",
    f"type X = list['{ORDER}']\n",
]
OF_13 = [
    f"class A[T = {ORDER}]: ...\n",
    f"def f[T = '{ORDER}'](): ...\n",
]


@pytest.mark.parametrize(
    "text",
    [
        *(OF_12 if sys.version_info >= (3, 12) else ()),
        *(OF_13 if sys.version_info >= (3, 13) else ()),
        "x = shop\n" + "".join(f"x = {number}\n" for number in range(50)) + "x.sales.model.Order\n",
        "".join(f"x = a{number}()\n" for number in range(50)) + "x = shop\nx.sales.model.Order\n",
        "".join(f"a{number}: 'int' = 0\n" for number in range(1100)) + f"x: '{ORDER}'\n",
    ],
)  # fmt: skip
def test_a_dependency_is_found(tmp_path: Path, text: str) -> None:
    folder = written(tmp_path, {HANDLERS: f"import shop\n{text}"})
    assert [code for code, _ in checked(mapped(folder, BUYS))] == ["import.unpublished"]


def test_what_is_too_much_to_read_is_noted(tmp_path: Path) -> None:
    text = "".join(f"x = a{number}()\n" for number in range(1001))
    assert noted(mapped(written(tmp_path, {HANDLERS: text}), BUYS)) == [("import.computed", f"{HANDLERS}:1")]
