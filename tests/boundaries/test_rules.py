"""Each rule on source text: what it finds, with file and line, and what it allows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from remit.boundaries import CodeMap, Outside, check_code, read_code
from remit.boundaries.rules.kernels import content_of
from remit.errors import Findings
from remit.relations import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    Foreign,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)
from tests.boundaries.code_base import checked, mapped, noted, written

BUYS = CustomerSupplier(supplier="sales", customer="billing")
CONFORMS = Conformist(upstream="sales", downstream="billing")
TRANSLATES = AntiCorruptionLayer(upstream="sales", downstream="billing", module="shop.billing.translation")
HANDLERS, MODEL, TRANSLATION = "shop/billing/handlers.py", "shop/billing/model.py", "shop/billing/translation.py"
PUBLISHED = "from shop.sales.api import OrderPlaced\n"
INTERNAL = "import shop.sales.model\n"


@pytest.mark.parametrize("relation", [BUYS, CONFORMS, OpenHost("sales"), Partnership("sales", "billing")])
def test_published_language_in_handlers_is_allowed_downstream(tmp_path: Path, relation: Relation) -> None:
    assert checked(mapped(written(tmp_path), relation)) == []


def test_a_map_without_relations_restricts_nothing(tmp_path: Path) -> None:
    assert checked(mapped(written(tmp_path, {HANDLERS: INTERNAL}))) == []


@pytest.mark.parametrize(
    ("relations", "file", "text", "code"),
    [
        ((BUYS,), HANDLERS, INTERNAL, "import.unpublished"),
        ((BUYS,), MODEL, PUBLISHED, "import.in-model"),
        ((BUYS,), "shop/sales/model.py", "import shop.billing.api\n", "import.direction"),
        ((BUYS,), "shop/mail/api.py", PUBLISHED, "import.unrelated"),
        ((CONFORMS,), HANDLERS, INTERNAL, "import.unpublished"),
        ((TRANSLATES,), HANDLERS, PUBLISHED, "import.translation"),
        ((TRANSLATES,), TRANSLATION, INTERNAL, "import.unpublished"),
        ((OpenHost("sales"),), HANDLERS, INTERNAL, "import.unpublished"),
        ((OpenHost("sales"), TRANSLATES), HANDLERS, PUBLISHED, "import.translation"),
        ((OpenHost("sales"),), "shop/sales/model.py", "import shop.billing.api\n", "import.unrelated"),
        ((Partnership("sales", "billing"),), HANDLERS, INTERNAL, "import.unpublished"),
        ((SharedKernel("sales", "billing", package="shop.kernel"),), HANDLERS, PUBLISHED, "import.beside-kernel"),
        ((SeparateWays("sales", "billing"),), HANDLERS, PUBLISHED, "import.separate-ways"),
        ((SeparateWays("mail", "billing"),), HANDLERS, PUBLISHED, "import.unrelated"),
    ],
)  # fmt: skip
def test_what_a_pattern_does_not_allow_is_found(
    tmp_path: Path, relations: tuple[Relation, ...], file: str, text: str, code: str
) -> None:
    others = {HANDLERS: ""} if file != HANDLERS else {}
    folder = written(tmp_path, {**others, file: text})
    assert checked(mapped(folder, *relations)) == [(code, f"{file}:1")]


@pytest.mark.parametrize(
    ("relations", "files"),
    [
        ((CONFORMS,), {MODEL: PUBLISHED}),
        ((OpenHost("sales"),), {MODEL: PUBLISHED}),
        ((OpenHost("sales"), CONFORMS), {MODEL: PUBLISHED}),
        ((TRANSLATES,), {TRANSLATION: PUBLISHED, HANDLERS: "from shop.billing.translation import anything\n"}),
        ((Partnership("sales", "billing"),), {MODEL: PUBLISHED, "shop/sales/model.py": "import shop.billing.api\n"}),
        ((BUYS,), {HANDLERS: "from shop.sales import api\nfrom shop.sales import OrderPlaced\n",
                   "shop/sales/__init__.py": "from shop.sales.api import OrderPlaced\n"}),
    ],
)  # fmt: skip
def test_what_a_pattern_allows_is_not_found(
    tmp_path: Path, relations: tuple[Relation, ...], files: dict[str, str]
) -> None:
    assert checked(mapped(written(tmp_path, {HANDLERS: "", **files}), *relations)) == []


def test_a_package_without_api_publishes_what_it_offers_itself(tmp_path: Path) -> None:
    files = {
        "shop/sales/__init__.py": "from shop.sales.model import Order\n",
        HANDLERS: "from shop.sales import Order\nfrom shop.sales.model import Order as Same\n",
    }
    folder = written(tmp_path, files, without=("shop/sales/api.py",))
    assert checked(mapped(folder, BUYS)) == [("import.unpublished", f"{HANDLERS}:2")]


def test_a_chain_through_modules_of_no_context_is_shown_whole_once_where_it_leads_there(tmp_path: Path) -> None:
    files = {
        "shop/billing/reports.py": "import shop.common.two\nimport shop.common.one\n",
        "shop/common/__init__.py": "",
        "shop/common/one.py": "from shop.common import two\n",
        "shop/common/two.py": "\nimport shop.sales.model\n",
        HANDLERS: "import shop.common.one\n",
    }
    code = mapped(written(tmp_path, files), BUYS)
    (finding,) = check_code(code)
    assert (finding.code, finding.where) == ("import.unpublished", f"{tmp_path}/shop/common/two.py:2")
    assert "shop.sales.model through shop.common.two," in finding.what
    (tmp_path / "shop/billing/reports.py").unlink()
    (finding,) = check_code(code)
    assert "shop.sales.model through shop.common.one and shop.common.two," in finding.what


def test_what_the_package_above_imports_is_not_laid_to_its_modules(tmp_path: Path) -> None:
    files = {"shop/__init__.py": "import shop.sales.model\n", HANDLERS: "import shop.billing.model\n"}
    assert checked(mapped(written(tmp_path, files), BUYS)) == []


def test_a_name_that_another_context_passes_on_counts_as_where_it_is_from(tmp_path: Path) -> None:
    files = {
        "shop/mail/api.py": "from shop.sales.model import Order\n",
        HANDLERS: "from shop.mail.api import Order\n",
    }
    relations = [CustomerSupplier(supplier="mail", customer="billing"), OpenHost("sales")]
    assert checked(mapped(written(tmp_path, files), *relations)) == [
        ("import.unpublished", f"{HANDLERS}:1"),
        ("import.unpublished", "shop/mail/api.py:1"),
    ]


def test_separate_ways_are_not_joined_by_a_third_context(tmp_path: Path) -> None:
    files = {"shop/mail/api.py": PUBLISHED, HANDLERS: "import shop.mail.api\n"}
    code = mapped(written(tmp_path, files), OpenHost("sales"), OpenHost("mail"), SeparateWays("sales", "billing"))
    (finding,) = check_code(code)
    assert (finding.code, finding.where) == ("import.separate-ways", f"{tmp_path}/{HANDLERS}:1")
    assert "shop.billing.handlers > shop.mail.api > shop.sales.api" in finding.what


def test_imports_for_type_checkers_count_unless_the_map_says_otherwise(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import shop.sales.model\n"
    folder = written(tmp_path, {HANDLERS: text})
    assert checked(mapped(folder, BUYS)) == [("import.unpublished", f"{HANDLERS}:3")]
    assert checked(mapped(folder, BUYS, type_checking=False)) == []


def test_contexts_that_import_each_other_are_found_unless_they_are_partners(tmp_path: Path) -> None:
    folder = written(tmp_path, {"shop/sales/handlers.py": "\nimport shop.billing.api\n"})
    direction, finding = check_code(mapped(folder, BUYS))
    assert (direction.code, finding.code) == ("import.direction", "import.cycle")
    assert finding.where == f"{tmp_path}/{HANDLERS}:1"
    assert f"sales > billing at {tmp_path}/shop/sales/handlers.py:2" in finding.what
    assert checked(mapped(folder, Partnership("sales", "billing"))) == []
    assert checked(mapped(folder, OpenHost("sales"), OpenHost("billing"))) == []


def test_identities_of_a_supplier_may_stand_in_a_model(tmp_path: Path) -> None:
    identity = "from typing import NewType\nOrderId = NewType('OrderId', str)\nclass OrderPlaced: ...\n"
    files = {"shop/sales/api.py": identity, HANDLERS: "", MODEL: "from shop.sales.api import OrderId\n"}
    assert checked(mapped(written(tmp_path, files), BUYS)) == []
    (tmp_path / MODEL).write_text("from shop.sales.api import OrderId\nfrom shop.sales.api import OrderPlaced\n")
    assert checked(mapped(tmp_path, BUYS)) == [("import.in-model", f"{MODEL}:2")]


def test_an_illegal_relation_is_found(tmp_path: Path) -> None:
    assert checked(mapped(written(tmp_path), BUYS, BUYS)) == [("relation.doubled", "shop")]


KERNEL = {"shop/kernel/__init__.py": "", "shop/kernel/money.py": "class Money: ...\n"}
USES_KERNEL = "from shop.kernel.money import Money\n"


def test_a_kernel_is_used_by_those_who_share_it_only(tmp_path: Path) -> None:
    files = {**KERNEL, HANDLERS: USES_KERNEL, "shop/sales/model.py": USES_KERNEL, "shop/mail/api.py": USES_KERNEL}
    folder = written(tmp_path, files)
    relation = SharedKernel("sales", "billing", package="shop.kernel", hash=content(folder))
    assert checked(mapped(folder, relation)) == [("kernel.stranger", "shop/mail/api.py:1")]


def test_a_kernel_depends_on_no_context(tmp_path: Path) -> None:
    folder = written(tmp_path, {**KERNEL, "shop/kernel/money.py": INTERNAL, HANDLERS: USES_KERNEL})
    relation = SharedKernel("sales", "billing", package="shop.kernel", hash=content(folder))
    assert checked(mapped(folder, relation)) == [("kernel.dependent", "shop/kernel/money.py:1")]


def test_a_kernel_that_has_changed_is_found_until_both_sides_agree(tmp_path: Path) -> None:
    folder = written(tmp_path, {**KERNEL, HANDLERS: USES_KERNEL})
    agreed = SharedKernel("sales", "billing", package="shop.kernel", hash=content(folder))
    assert checked(mapped(folder, agreed)) == []
    (folder / "shop/kernel/money.py").write_text("class Money: cents: int\n")
    (finding,) = check_code(mapped(folder, agreed))
    assert finding.code == "kernel.changed"
    assert str(folder / "shop/kernel/money.py") in finding.what
    assert finding.next.endswith(f'hash = "{content(folder)}"')
    assert ("kernel.unhashed", "shop") in noted(mapped(folder, SharedKernel("sales", "billing", package="shop.kernel")))


def content(folder: Path) -> str:
    return content_of("shop.kernel", read_code(mapped(folder), Findings()), Findings())


def test_every_file_of_a_kernel_belongs_to_its_content(tmp_path: Path) -> None:
    """Whatever a kernel reads as its data decides what it does, and so do files that are no valid source text."""
    files = {**KERNEL, HANDLERS: USES_KERNEL, "shop/kernel/data/rates.csv": "eur;1\n"}
    folder = written(tmp_path, files)
    seen = [content(folder)]
    changes = {"data/rates.csv": "eur;2\n", "data/more.csv": "", "test_money.py": "x = 1\n", "broken.py": "def f(\n"}
    for name, text in {**changes, "broken.py ": "def g(\n"}.items():
        (folder / "shop/kernel" / name.strip()).write_text(text)
        seen.append(content(folder))
    (folder / "shop/kernel/data/more.csv").rename(folder / "shop/kernel/data/most.csv")
    seen.append(content(folder))
    assert len(set(seen)) == len(seen)
    (folder / "shop/kernel/__pycache__").mkdir()
    (folder / "shop/kernel/__pycache__/money.pyc").write_bytes(b"x")
    (folder / "shop/sales/rates.csv").write_text("")
    assert content(folder) == seen[-1]


def test_a_kernel_of_one_module_has_no_other_files(tmp_path: Path) -> None:
    folder = written(tmp_path, {"shop/money.py": "class Money: ...\n", HANDLERS: ""})
    before = content_of("shop.money", read_code(mapped(folder), Findings()), Findings())
    (folder / "shop/rates.csv").write_text("eur;1\n")
    assert content_of("shop.money", read_code(mapped(folder), Findings()), Findings()) == before


def test_a_file_of_a_kernel_that_cannot_be_read_is_found(tmp_path: Path) -> None:
    folder = written(tmp_path, {**KERNEL, HANDLERS: USES_KERNEL})
    (folder / "shop/kernel/rates.csv").symlink_to(folder / "away.csv")
    relation = SharedKernel("sales", "billing", package="shop.kernel", hash=content(folder))
    assert checked(mapped(folder, relation)) == [("source.unreadable", "shop/kernel/rates.csv")]


GATEWAY = AntiCorruptionLayer(upstream=Foreign("gateway"), downstream="billing", module="shop.billing.translation")
STRIPE = Outside(name="gateway", packages=("stripe",))


def test_an_outside_package_is_imported_in_its_layer_only(tmp_path: Path) -> None:
    folder = written(tmp_path, {TRANSLATION: "import stripe\n", HANDLERS: "from stripe import Charge\n"})
    assert checked(mapped(folder, GATEWAY, outside=(STRIPE,))) == [("import.foreign", f"{HANDLERS}:1")]


def test_the_wrong_map_of_payments_is_found_and_the_corrected_one_passes(tmp_path: Path) -> None:
    """Orders and payments both call the payment gateway, and both keep a model of the payment."""
    payment = "class Payment:\n    number: str\n    amount: int\n    method: str\n"
    wrong = {
        HANDLERS: "", "shop/billing/payment.py": payment, TRANSLATION: "import stripe\n",
        "shop/sales/payment.py": payment, "shop/sales/gateway.py": "import stripe\n",
    }  # fmt: skip
    both = GATEWAY, AntiCorruptionLayer(
        upstream=Foreign("gateway"), downstream="sales", module="shop.sales.gateway"
    )  # fmt: skip
    folder = written(tmp_path / "wrong", wrong)
    (finding,) = check_code(mapped(folder, *both, outside=(STRIPE,)))
    assert finding.code == "gateway.shared"
    assert "'billing' and 'sales'" in finding.what
    assert ("model.spread", "shop/sales/payment.py:1") in noted(mapped(folder, *both, outside=(STRIPE,)))
    right = written(
        tmp_path / "right", {HANDLERS: "", "shop/billing/payment.py": payment, TRANSLATION: "import stripe\n"}
    )
    assert checked(mapped(right, GATEWAY, outside=(STRIPE,))) == []
    assert "model.spread" not in dict(noted(mapped(right, GATEWAY, outside=(STRIPE,))))


def test_one_known_service_in_two_contexts_is_found_without_any_relation(tmp_path: Path) -> None:
    folder = written(tmp_path, {HANDLERS: "import stripe\n", "shop/sales/model.py": "import stripe\n"})
    assert [code for code, _ in checked(mapped(folder, contexts={"sales": {"pure": ()}}))] == ["gateway.shared"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('run("select * from orders where id = 1")\n', 1),
        ('\nrun("""\n  SELECT * FROM invoices i, Orders o\n""")\n', 2),
        ('run(f"delete from {schema}.orders")\n', 0),
        ('run("update sales.lines set a = 1")\n', 1),
        ('table = "orders"\nrun(f"insert into {table} values (1)")\n', 2),
        ('run("with recent as (select 1 from orders) select * from recent")\n', 1),
        ('run("select 1 " + "from invoices join \\"orders\\" using (id)")\n', 1),
        ('run("Update the orders")\n', 0),
        ('log("Delete all rows from orders.")\nadd(help="Select an item from orders")\n', 0),
        ('connection.execute("Select items from orders")\n', 1),
        ('statement = "Select items from orders"\nconnection.execute(statement)\n', 2),
        ('statement = "select *"\nstatement += " from invoices"\nstatement += ", orders"\n', 3),
        ('count = 1\ncount += 1\nstatement = "select * from invoices"\nstatement += " where id = 1"\n', 0),
        ('statement = " ".join(["select *", "from orders"])\n', 1),
        ('import pandas as pd\norders = pd.read_sql_table("orders", engine)\n', 2),
        ('from sqlalchemy import column, table\norders = table("orders", column("id"))\n', 2),
        ('run("CREATE TRIGGER t AFTER INSERT ON orders BEGIN SELECT 1; END")\n', 1),
        ('run("SELECT * FROM archive.orders")\n', 0),
        ('from sqlalchemy import ForeignKey\nkey = ForeignKey("orders.id")\n', 2),
        ('import sqlalchemy as sa\nkey = sa.Table("orders", None)\n', 2),
        ('total = 1 + 2 + len("x") + 3\nrun("select 1 from " + ("or" + "ders"))\n', 2),
        ('"""Select something from orders."""\n', 0),
        ('TABLE = "orders"\nrun(f"select * from {TABLE} where number = {number}")\n', 2),
        ('TABLE = "orders"\nrun("select * from " + TABLE)\n', 2),
        ('def f():\n    table = "orders"\n    run("delete from %s" % table)\n', 3),
        ('run("delete from {}".format(TABLE))\nTABLE = "orders"\n', 1),
        ('for table in ("invoices", "orders"):\n    run(f"truncate {table}")\n', 2),
        ('run(f"select * from {table} where total > 1")\n', 0),
        ('run("EXPLAIN select * from orders")\n', 1),
        ('run("explain (analyze, buffers) select * from orders")\n', 1),
        ('run("explain query plan select * from orders")\n', 1),
        ('run(b"select * from orders")\n', 1),
        ('class Order(Base):\n    __tablename__ = "orders"\n', 2),
        ('class Order(Base):\n    __tablename__ = "orders"\n    __table_args__ = {"schema": "billing"}\n', 0),
        ('class Copy(Base):\n    __tablename__ = "copy"\n    __table_args__ = (Unique("a"), {"schema": "sales"})\n', 2),
        ('run("select * from invoices")  # orders\n', 0),
        ("""run("select * from U&\\"!006Frders\\" uescape '!'")\n""", 1),
        ("""run("select * from U&\\"d!0061ta\\"  UESCAPE '!' where a = 1")\n""", 0),
        ("""run("select * from U&\\"!006Fr!!ders\\" uescape '!'")\n""", 0),
        ("""run("select query_to_xml('select * from orders', true, false, '')")\n""", 1),
        ("""run("select query_to_xml($$select * from orders$$, true, false, '')")\n""", 1),
        ("""run("select query_to_xml('select query_to_xml(''select * from orders'', true)', true)")\n""", 1),
        ("""run("select table_to_xml('orders', true, false, '')")\n""", 1),
        ("""run("select table_to_xml('sales.lines'::regclass, true, false, '')")\n""", 1),
        ("""run("select * from dblink('dbname=shop', 'select number from orders') as t(n text)")\n""", 1),
        ("""run("select * from ts_stat('select words from invoices')")\n""", 0),
        ("""run("do $$ begin execute 'delete from orders'; end $$")\n""", 1),
    ],
)  # fmt: skip
def test_sql_that_names_tables_of_another_context_is_found(tmp_path: Path, text: str, line: int) -> None:
    folder = written(tmp_path, {HANDLERS: text})
    code = mapped(
        folder,
        contexts={
            "sales": {"tables": ("orders",), "schema": "sales"},
            "billing": {"tables": ("invoices",), "schema": "billing"},
        },
    )
    assert checked(code) == ([("sql.foreign-table", f"{HANDLERS}:{line}")] if line else [])


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("select query_to_xml(:query, true, false, '')", "QUERY_TO_XML"),
        ("select query_to_xml('select * from ' || :table, true, false, '')", "QUERY_TO_XML"),
        ("select table_to_xml(:table, true, false, '')", "TABLE_TO_XML"),
        ("select * from dblink('dbname=shop', :query) as t(n text)", "DBLINK"),
        ("do $$ begin execute format('delete from %I', 'a'); end $$", "EXECUTE"),
        ("do $$ begin execute 'delete from ' || name; end $$", "EXECUTE"),
        ("select query_to_xml('select 1 from invoices', true, false, '')", ""),
        ("create trigger t after insert on invoices execute function f()", ""),
    ],
)
def test_sql_that_runs_a_text_that_cannot_be_seen_is_noted(tmp_path: Path, text: str, function: str) -> None:
    folder = written(tmp_path, {HANDLERS: f'run("{text}")\n'})
    notes = check_code(mapped(folder, BUYS, contexts={"sales": {"tables": ("orders",)}})).notes
    seen = [each.what for each in notes if each.code == "sql.computed"]
    assert seen == ([f"context 'billing' runs a text by {function}, and the text cannot be seen"] if function else [])


APPS = {"shop/sales/models.py": "class Order: ...\n", "shop/billing/models.py": "class Invoice: ...\n"}
FIELDS = "from django.db import models\n"


@pytest.mark.parametrize(
    ("field", "is_found"),
    [
        ('models.ForeignKey("sales.Order", on_delete=models.CASCADE)', True),
        ('models.ForeignKey(to="sales.Order", on_delete=models.CASCADE)', True),
        ('models.OneToOneField("sales.Order", on_delete=models.CASCADE)', True),
        ('models.ManyToManyField("sales.Order")', True),
        ('models.ManyToManyField("Invoice", through="sales.Order")', True),
        ('models.ForeignKey("billing.Invoice", on_delete=models.CASCADE)', False),
        ('models.ForeignKey("Invoice", on_delete=models.CASCADE)', False),
        ('models.ForeignKey("self", on_delete=models.CASCADE)', False),
        ('models.ForeignKey("auth.User", on_delete=models.CASCADE)', False),
        ('models.CharField("sales.Order")', False),
    ],
)
def test_a_foreign_key_of_django_to_a_model_of_another_context_is_found(
    tmp_path: Path, field: str, is_found: bool
) -> None:
    folder = written(tmp_path, {**APPS, HANDLERS: f"{FIELDS}key = {field}\n"})
    assert checked(mapped(folder, BUYS)) == ([("sql.foreign-table", f"{HANDLERS}:2")] if is_found else [])


def test_a_foreign_key_of_django_may_name_a_table_of_a_kernel_and_stand_in_a_migration(tmp_path: Path) -> None:
    key = f'{FIELDS}key = models.ForeignKey("sales.Order", on_delete=models.CASCADE)\n'
    folder = written(tmp_path, {**APPS, HANDLERS: key, "shop/billing/migrations/0001_initial.py": key})
    kernel = SharedKernel("sales", "billing", "shop.kernel", tables=("sales_order",))
    assert checked(mapped(folder, BUYS, kernel)) == []
    assert checked(mapped(folder, BUYS)) == [("sql.foreign-table", f"{HANDLERS}:2")]


def test_sql_in_more_texts_than_are_read_is_noted(tmp_path: Path) -> None:
    text = "delete from orders"
    for number in range(50):
        text = f"do $a{number}$ {text} $a{number}$"
    folder = written(tmp_path, {HANDLERS: f"run({text!r})\n"})
    notes = check_code(mapped(folder, BUYS, contexts={"sales": {"tables": ("orders",)}})).notes
    assert [each.what for each in notes if each.code == "sql.computed"] == [
        "context 'billing' runs a text by DO, and the text cannot be seen"
    ]


@pytest.mark.parametrize("named", ["sales.orders", "orders"])
@pytest.mark.parametrize("listed", ["sales.orders", "Orders"])
def test_sql_may_name_a_table_of_a_kernel(tmp_path: Path, named: str, listed: str) -> None:
    folder = written(tmp_path, {HANDLERS: f'run("select * from {named}")\nrun("select * from sales.lines")\n'})
    kernel = SharedKernel("sales", "billing", "shop.kernel", tables=(listed,))
    code = mapped(folder, BUYS, kernel, contexts={"sales": {"tables": ("orders",), "schema": "sales"}})
    assert checked(code) == [("sql.foreign-table", f"{HANDLERS}:2")]


@pytest.mark.parametrize(
    ("sales", "billing", "codes"),
    [
        ({"schema": "a"}, {"schema": "b"}, []),
        ({"schema": "a"}, {"schema": "A"}, ["map.claimed-twice", "sql.shared-table"]),
        ({"schema": "a"}, {}, []),
        ({"schema": "a", "schema_is_usual": True}, {"schema": "b", "schema_is_usual": True}, ["sql.shared-table"]),
        ({"schema": "a", "schema_is_usual": True}, {"schema": "a"}, ["map.claimed-twice"]),
    ],
)
def test_tables_of_one_name_are_two_if_the_map_says_where_they_are(
    tmp_path: Path, sales: dict[str, Any], billing: dict[str, Any], codes: list[str]
) -> None:
    contexts = {"sales": {"tables": ("orders",), **sales}, "billing": {"tables": ("orders",), **billing}}
    assert sorted(code for code, _ in checked(mapped(written(tmp_path, {HANDLERS: ""}), contexts=contexts))) == codes


def test_a_table_of_two_contexts_is_found_unless_a_kernel_lists_it(tmp_path: Path) -> None:
    folder = written(tmp_path, {HANDLERS: ""})
    contexts: dict[str, dict[str, Any]] = {"sales": {"tables": ("orders",)}, "billing": {"tables": ("Orders",)}}
    assert checked(mapped(folder, contexts=contexts)) == [("sql.shared-table", "")]
    assert (
        checked(mapped(folder, SharedKernel("sales", "billing", "shop.kernel", tables=("orders",)), contexts=contexts))
        == []
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("import requests\n", "pure.import"),
        ("from random import choice\n", "pure.import"),
        ("from uuid import uuid4\n", "pure.import"),
        ("from datetime import datetime\nnow = datetime.now()\n", "pure.call"),
        ("import datetime as d\ndef f(): return d.datetime.utcnow()\n", "pure.call"),
        ("def f(): open('a')\n", "pure.call"),
        ("import os\nhome = os.environ['HOME']\n", "pure.call"),
        ("import sys\nsys.stdin.read()\n", "pure.call"),
        ("import os\nos.environ.setdefault('a', 'b')\n", "pure.call"),
        ("import numpy\nnumpy.random.rand()\n", "pure.call"),
        ("__builtins__.open('x')\n", "pure.call"),
        ("from pathlib import Path\ntext = Path('a').read_text()\n", "pure.call"),
        ("import pathlib\npathlib.Path('a').write_text('b')\n", "pure.call"),
        ("from pathlib import Path as P\nread = P('a').with_suffix('.b').parent.read_bytes\n", "pure.call"),
        ("from pathlib import Path\ndef f(): return (Path('a') / 'b').open()\n", "pure.call"),
        ("from pathlib import Path\ndef f():\n    path = Path('a')\n    return path.exists()\n", "pure.call"),
        ("from pathlib import Path\ndef f(path: Path): return path.read_text()\n", "pure.call"),
        ("import pathlib\ndef f(path: pathlib.Path): return path.read_text()\n", "pure.call"),
        ("from pathlib import Path\nhere = Path.cwd() / 'a'\n", "pure.call"),
        ("from pathlib import Path\ntext = Path.read_text(Path('a'))\n", "pure.call"),
        ("import time\nnow = time.strftime('%Y')\n", "pure.call"),
        ("import time\nnow = time.localtime()\n", "pure.call"),
        ("import time\nnow = time.ctime()\n", "pure.call"),
        ("from time import perf_counter_ns\n", "pure.import"),
        ("from datetime import datetime\nnow = datetime.today()\n", "pure.call"),
        ("from datetime import date\nnow = date.today()\n", "pure.call"),
        ("import uuid\ndef f(): return uuid.uuid7()\n", "pure.call"),
        ("from os import environ\n", "pure.import"),
        ("import os\nhome = os.environ.get('HOME')\n", "pure.call"),
        ("import os\nfound = os.path.exists('a')\n", "pure.call"),
        ("import secrets\n", "pure.import"),
        ("import random\nchance = random.Random()\n", "pure.import"),
        ("import logging\nlogging.getLogger('a').info('b')\n", "pure.import"),
        ("def f(): print('a')\n", "pure.call"),
        ("from datetime import datetime\nfrom uuid import UUID\n", ""),
        ("from pathlib import Path\nname = (Path('a') / 'b').with_suffix('.c').name\n", ""),
        ("from pathlib import PurePath\ndef f(path: PurePath): return path.name.replace('a', 'b')\n", ""),
        ("from pathlib import Path\ndef f(path: Path): return path.name.replace('a', 'b')\n", ""),
        ("def f(open): return open()\n", ""),
    ],
)
def test_a_model_that_is_not_pure_is_found(tmp_path: Path, text: str, code: str) -> None:
    assert [each for each, _ in checked(mapped(written(tmp_path, {MODEL: text})))] == ([code] if code else [])


def test_a_package_of_no_context_is_noted_once(tmp_path: Path) -> None:
    files = {"shop/common/a.py": "x = 1\n", "shop/common/b.py": "x = 1\n", "tool/c.py": "x = 1\n"}
    alone = {"shop/ids.py": "x = 1\n", "shop/main.py": "import shop.sales\n", HANDLERS: "import shop.ids\n"}
    assert noted(mapped(written(tmp_path, {**files, **alone}))) == [
        ("code.unowned", "shop/common/a.py:1"), ("code.unowned", "shop/ids.py:1"), ("code.unowned", "tool/c.py:1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("from typing import NewType\nOrderId = NewType('OrderId', str)\n", []),
        (
            "from typing import NewType\nOrderId = NewType('OrderId', str)\ndef new() -> OrderId: ...\n",
            ["code.unowned"],
        ),
    ],
)
def test_a_module_of_identities_alone_may_belong_to_no_context(tmp_path: Path, text: str, codes: list[str]) -> None:
    files = {"shop/ids.py": text, HANDLERS: "import shop.ids\n"}
    assert [code for code, _ in noted(mapped(written(tmp_path, files)))] == codes


@pytest.mark.parametrize("handlers", ["", "import shop.parts.shop\n"])
def test_a_package_that_makes_a_system_is_noted_if_a_context_imports_it(tmp_path: Path, handlers: str) -> None:
    files = {"shop/parts/__init__.py": "", "shop/parts/shop.py": "from remit import System\nshop = System('shop')\n"}
    code = mapped(written(tmp_path, {**files, HANDLERS: handlers}))
    assert [code for code, _ in noted(code)] == (["code.unowned"] if handlers else [])


def test_what_the_map_names_and_is_missing_is_found(tmp_path: Path) -> None:
    code = mapped(
        written(tmp_path), TRANSLATES, SharedKernel("sales", "mail", package="shop.kernle"),
        contexts={"sales": {"packages": ("shop.sales", "shop.sale")}, "mail": {"packages": ("shop.sales",)}},
    )  # fmt: skip
    found = [each for each in check_code(code) if each.code.startswith("map.")]
    assert [each.code for each in found] == ["map.unknown-module", "map.unknown-module", "map.claimed-twice"]
    assert found[0].next == "did you mean shop.sales?"


def test_a_context_belongs_to_one_team(tmp_path: Path) -> None:
    code = mapped(written(tmp_path), contexts={"sales": {"owner": ("a", "b")}, "mail": {"owner": ("c",)}})
    assert [each.code for each in check_code(code)] == ["owner.several"]
    assert [each.code for each in check_code(code).notes] == ["owner.missing", "relation.none"]


def test_an_import_by_a_computed_name_is_noted(tmp_path: Path) -> None:
    text = "from importlib import import_module\ndef f(name): import_module(name)\n"
    assert noted(mapped(written(tmp_path, {HANDLERS: text}))) == [("import.computed", f"{HANDLERS}:2")]


def test_a_map_without_relations_is_noted_if_contexts_import_each_other(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (note,) = check_code(mapped(folder)).notes
    assert (note.code, note.where) == ("relation.none", "shop")
    (folder / HANDLERS).write_text("")
    assert check_code(mapped(folder)).notes == []


def test_a_map_without_contexts_checks_nothing_and_says_so() -> None:
    (finding,) = check_code(CodeMap(name="shop", where="remit-map.toml"))
    assert (finding.code, finding.where) == ("map.incomplete", "remit-map.toml")


def test_a_relation_is_advised_in_the_language_of_the_map(tmp_path: Path) -> None:
    folder = written(tmp_path, {HANDLERS: PUBLISHED})
    (in_python,) = check_code(mapped(folder, OpenHost("mail")))
    assert in_python.next.endswith("declare one: CustomerSupplier(supplier='sales', customer='billing')")
    (in_toml,) = check_code(mapped(folder, OpenHost("mail"), where="remit-map.toml"))
    assert in_toml.next.endswith(
        'declare one: kind = "customer-supplier", supplier = "sales", customer = "billing" in [[relations]]'
    )


def test_a_cycle_is_known_by_its_contexts_whichever_imports_make_it(tmp_path: Path) -> None:
    folder = written(tmp_path, {HANDLERS: PUBLISHED, "shop/sales/model.py": "import shop.billing.api\n"})
    code = mapped(folder, BUYS)
    before = {each.code: each.identity for each in check_code(code)}
    (folder / "shop/billing/a.py").write_text(PUBLISHED)  # this direction is allowed
    after = {each.code: each.identity for each in check_code(code)}
    assert before == after
    assert before == {
        "import.direction": "shop.sales.model imports shop.billing.api",
        "import.cycle": "billing > sales > billing",
    }


def test_an_import_is_known_by_the_name_that_it_imports(tmp_path: Path) -> None:
    """A baseline that knows one name does not allow another one in its place."""
    folder = written(
        tmp_path, {HANDLERS: "from shop.sales.model import Order\n", "shop/sales/model.py": "Order = Line = 1\n"}
    )
    code = mapped(folder, BUYS)
    seen = [each.identity for each in check_code(code)]
    (folder / HANDLERS).write_text("\n\nfrom shop.sales.model import Order as One\nprint(One.number)\n")
    assert (
        [each.identity for each in check_code(code)] == seen == ["shop.billing.handlers imports shop.sales.model.Order"]
    )
    (folder / HANDLERS).write_text("from shop.sales.model import Line\n")
    assert [each.identity for each in check_code(code)] == ["shop.billing.handlers imports shop.sales.model.Line"]


def test_advice_on_a_code_base_supposes_nothing_of_remit_in_it(tmp_path: Path) -> None:
    computed = "from importlib import import_module\ndef f(name): import_module(name)\n"
    model = "import requests\nfrom shop.sales.api import OrderPlaced\nnow = open('a')\n"
    files = {HANDLERS: f"{INTERNAL}{computed}", MODEL: model}
    found = check_code(mapped(written(tmp_path, files), BUYS))
    told_of = {each.code: f"{each.expected} {each.next}" for each in (*found, *found.notes)}
    assert {"import.unpublished", "import.in-model", "import.computed", "pure.import", "pure.call"} <= set(told_of)
    assert [text for text in told_of.values() if re.search(r"\b(System|handlers?|send|messages?)\b", text)] == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("from shop import sales\nplaced = sales.api.OrderPlaced\n", []),
        ("from shop import sales\nplaced = sales.model.Order\n", ["import.unpublished"]),
        ("from shop import sales\nplaced = sales\n", ["import.unpublished"]),
        ("from shop import sales\nplaced = sales.api.OrderPlaced, sales.counted\n", ["import.unpublished"]),
    ],
)
def test_a_package_is_imported_for_what_is_published_in_it(tmp_path: Path, text: str, codes: list[str]) -> None:
    folder = written(tmp_path, {HANDLERS: text, "shop/sales/__init__.py": "counted = 0\n"})
    assert [code for code, _ in checked(mapped(folder, BUYS))] == codes


@pytest.mark.parametrize("relation", [BUYS, TRANSLATES])
def test_a_published_identity_may_stand_in_every_model(tmp_path: Path, relation: Relation) -> None:
    api = "from typing import NewType\nOrderId = NewType('OrderId', str)\n"
    files = {"shop/sales/api.py": api, MODEL: "from shop.sales.api import OrderId\n", HANDLERS: ""}
    assert checked(mapped(written(tmp_path, files), relation)) == []


@pytest.mark.parametrize(
    "text",
    [
        "import shop\nfound = [shop.sales.model for shop in shops]\n",
        "import shop\nmatch found:\n    case {'a': shop}: print(shop.sales.model)\n",
        "import shop\nmatch found:\n    case [*shop]: print(shop.sales.model)\n",
        "import shop\nmatch found:\n    case {**shop}: print(shop.sales.model)\n",
        "import shop\nfrom typing import Annotated\nkind: Annotated[str, 'shop.sales.model.Order']\n",
    ],
)
def test_a_name_that_hides_a_package_is_none_of_it(tmp_path: Path, text: str) -> None:
    assert checked(mapped(written(tmp_path, {HANDLERS: text}), BUYS)) == []


def test_a_comprehension_and_a_case_see_and_bind_the_names_around_them(tmp_path: Path) -> None:
    comprehension = "import shop\nclass A:\n    found = [each for each in [1] if (kept := shop)]\n"
    text = "import shop\nmatch found:\n    case 1:\n        kept = shop\nkept.sales.model.Order()\n"
    folder = written(tmp_path, {HANDLERS: text, "shop/billing/other.py": f"{comprehension}    x = kept.sales.model\n"})
    found = [("import.unpublished", f"{HANDLERS}:5"), ("import.unpublished", "shop/billing/other.py:4")]
    assert checked(mapped(folder, BUYS)) == found


def test_a_library_of_a_protocol_is_no_client_of_one_service(tmp_path: Path) -> None:
    folder = written(tmp_path, {HANDLERS: "import zeep\n", "shop/sales/handlers.py": "import zeep\n"})
    assert checked(mapped(folder)) == []
