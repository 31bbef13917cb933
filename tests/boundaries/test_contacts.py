"""Each name that a context imports of another one is a finding of its own, so that none hides behind a known one."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.boundaries import check_code
from remit.relations import CustomerSupplier
from tests.boundaries.code_base import mapped, written

BUYS = CustomerSupplier(supplier="sales", customer="billing")
MODEL = "shop.sales.model"
CHECKERS = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"from {MODEL} import Order\nfrom {MODEL} import Secret, wipe\n", ["1 Order", "2 Secret", "2 wipe"]),
        (f"from {MODEL} import Order\nimport {MODEL} as m\nm.Secret()\n", ["1 Order", "2 "]),
        (f"import {MODEL} as m\nm.Order()\nm.Secret()\n", ["1 "]),
        (
            "import shop\nshop.sales.model.Order()\nshop.sales.model.Secret()\n",
            ["2 Order (attribute)", "3 Secret (attribute)"],
        ),
        (f"from {MODEL} import Order\nOrder.create()\nOrder.of(Order.kind)\nx: 'Order'\n", ["1 Order"]),
        (f"from {MODEL} import *\nOrder()\nSecret()\n", ["1 "]),
        (f"{CHECKERS}from {MODEL} import Order\n", ["3 Order, for type checkers only"]),
        (f"{CHECKERS}from {MODEL} import Order\nfrom {MODEL} import Order, wipe\n", ["4 Order", "4 wipe"]),
        (f"{CHECKERS}import {MODEL}\nimport {MODEL}\n", ["4 "]),
    ],
)
def test_each_imported_name_is_found_once(tmp_path: Path, text: str, told: list[str]) -> None:
    model = "class Order: ...\nclass Secret: ...\ndef wipe(): ...\n"
    folder = written(tmp_path, {"shop/billing/handlers.py": text, "shop/sales/model.py": model})
    found = check_code(mapped(folder, BUYS))
    places = [each.where.rpartition(":")[2] for each in found]
    names = [each.what.removeprefix(f"context 'billing' imports {MODEL}").partition(", which")[0] for each in found]
    shown = [
        f"{line} {name.removeprefix('.').removesuffix(' (star)')}" for line, name in zip(places, names, strict=True)
    ]
    assert sorted(shown) == sorted(told)
