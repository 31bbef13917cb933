"""A check ends, whatever stands in the files: each of these code bases would otherwise be read for years."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.relations import CustomerSupplier
from remit.stores.sql_forms import looks_like_sql
from tests.boundaries.code_base import checked, mapped, noted, written

BUYS = CustomerSupplier(supplier="sales", customer="billing")
HANDLERS = "shop/billing/handlers.py"
FOUND = ["import.unpublished"]


@pytest.mark.parametrize(
    "text",
    [
        "/* a */\n" * 80 + "body {}",
        "/* - */\n/* x */\n" * 40 + ".s { color: red }",
        "with " + "as " * 30_000,
        "/* " * 30_000,
    ],
)
def test_a_text_of_comments_is_told_from_sql(text: str) -> None:
    assert not looks_like_sql(text)


def test_star_imports_in_circles_end(tmp_path: Path) -> None:
    every = range(12)
    stars = {
        f"shop/billing/s{one}.py": "".join(f"from shop.billing.s{other} import *\n" for other in every if other != one)
        for one in every
    }
    stars["shop/billing/s9.py"] += "from shop.sales.model import Order\n"
    handlers = "from shop.billing.s1 import *\nOrder\nmissing\n"
    found = checked(mapped(written(tmp_path, {**stars, HANDLERS: handlers}), BUYS))
    assert ("import.unpublished", f"{HANDLERS}:1") in found


def test_star_imports_in_layers_end(tmp_path: Path) -> None:
    layers = {
        f"shop/billing/{name}{number}.py": f"from shop.billing.s{number + 1} import *\n"
        f"from shop.billing.t{number + 1} import *\n"
        for number in range(18)
        for name in "st"
    }
    last = "from shop.sales.model import Order\n"
    files = {**layers, "shop/billing/s18.py": last, "shop/billing/t18.py": last}
    found = checked(mapped(written(tmp_path, {**files, HANDLERS: "from shop.billing.s0 import Order\n"}), BUYS))
    assert ("import.unpublished", "shop/billing/s18.py:1") in found
    assert ("import.unpublished", f"{HANDLERS}:1") in found


def test_names_that_many_modules_pass_on_end(tmp_path: Path) -> None:
    every = range(16)
    files = {
        f"shop/billing/s{one}.py": "".join(
            f"try: from shop.billing.s{other} import x\nexcept: pass\n" for other in every if other != one
        )
        for one in every
    }
    assert checked(mapped(written(tmp_path, {**files, HANDLERS: "from shop.billing.s1 import x\n"}), BUYS)) == []


def test_links_between_sibling_folders_end(tmp_path: Path) -> None:
    folder = written(tmp_path, {HANDLERS: "import shop.sales.model\n"})
    every = range(14)
    for one in every:
        (folder / f"shop/billing/d{one}").mkdir()
        (folder / f"shop/billing/d{one}/own.py").write_text("import shop.sales.model\n")
        for other in every:
            if other != one:
                (folder / f"shop/billing/d{one}/l{other}").symlink_to(f"../d{other}")
    code = mapped(folder, BUYS)
    found = checked(code)
    assert {("import.unpublished", f"shop/billing/d{one}/own.py:1") for one in every} <= {*found}
    assert "source.loop" in {code for code, _ in noted(code)}


@pytest.mark.parametrize(
    "around",
    ["getattr({}, 'a' if x else 'b')", "({}).format('{{}}' if x else '{{}}{{}}')", "(('%s' if x else '%s%s') % ({}))"],
)
def test_nested_alternatives_end(tmp_path: Path, around: str) -> None:
    made = "shop"
    for _ in range(30):
        made = around.replace("{}", made, 1).replace("{{}}", "{}")
    text = f"import shop\nx = 1\nfrom importlib import import_module\nimport_module({made})\nimport shop.sales.model\n"
    assert [code for code, _ in checked(mapped(written(tmp_path, {HANDLERS: text}), BUYS))][-1:] == FOUND
