"""A code map is read from TOML. Everything that is wrong with the file is found at once, with its line."""

from pathlib import Path

import pytest

from remit.boundaries import CodeContext, Outside, examine_map, read_map
from remit.errors import ModelError
from remit.relations import AntiCorruptionLayer, CustomerSupplier, Foreign, SharedKernel

WHOLE = """\
[map]
name = "shop"
roots = ["code"]
packages = ["shop"]
type-checking = false
tests = true

[contexts.sales]
packages = ["shop.sales"]
published = ["shop.sales.language"]
pure = []
tables = ["orders"]
schema = "sales"
owner = "team-sales"
kind = "core"
language = "docs/sales.md"

[contexts.billing]
packages = ["shop.billing"]

[outside.payment-gateway]
packages = ["stripe"]

[[relations]]
kind = "customer-supplier"
supplier = "sales"
customer = "billing"
uses = ["OrderPlaced"]

[[relations]]
kind = "anti-corruption-layer"
upstream = "payment-gateway"
downstream = "billing"
module = "shop.billing.gateway"

[[relations]]
kind = "shared-kernel"
one = "sales"
other = "billing"
package = "shop.money"
hash = "sha256:0"
"""


def written(folder: Path, text: str) -> Path:
    (folder / "code").mkdir()
    path = folder / "remit-map.toml"
    path.write_text(text)
    return path


def test_a_whole_map_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    found = read_map(path)
    assert (found.name, found.packages, found.type_checking, found.tests) == ("shop", ("shop",), False, True)
    assert found.roots == (tmp_path / "code",)
    assert found.contexts == (
        CodeContext(
            name="sales", packages=("shop.sales",), published=("shop.sales.language",), pure=(), tables=("orders",),
            schema="sales", owner=("team-sales",), kind="core", language="docs/sales.md", where=f"{path}:8",
        ),
        CodeContext(name="billing", packages=("shop.billing",), where=f"{path}:18"),
    )  # fmt: skip
    assert found.outside == (Outside(name="payment-gateway", packages=("stripe",), where=f"{path}:21"),)
    assert found.relations == (
        CustomerSupplier(supplier="sales", customer="billing", uses=("OrderPlaced",)),
        AntiCorruptionLayer(
            upstream=Foreign("payment-gateway"), downstream="billing", module="shop.billing.gateway"
        ),
        SharedKernel("sales", "billing", package="shop.money", hash="sha256:0"),
    )  # fmt: skip
    assert found.place_of(found.relations[1]) == f"{path}:30"


def test_everything_that_is_wrong_is_found_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[map]\nrotos = ["code"]\nroots = ["absent"]\n[contexts.sales]\npackages = "shop/sales.py"\nkind = "cor"\n'
        '[[relations]]\nkind = "customer"\n[[relations]]\nkind = "conformist"\nupstream = "sale"\nuse = []\n',
    )
    _, findings = examine_map(path)
    found = [(each.code, each.where.removeprefix(f"{path}:"), each.next) for each in findings]
    assert sorted(found) == [
        ("map.incomplete", "9", 'downstream = "<context>"'),
        ("map.root", "3", 'write folders relative to the map: roots = ["src"]'),
        ("map.unknown-context", "11", "did you mean sales?"),
        ("map.unknown-key", "12", "did you mean uses?"),
        ("map.unknown-key", "2", "did you mean roots?"),
        ("map.value", "5", 'write "shop.sales"'),
        ("map.value", "6", "did you mean core?"),
        ("map.value", "8", "did you mean customer-supplier?"),
    ]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"a = x\n", "map.syntax", ":1"),
        (b"a = " + b"9" * 5000, "map.syntax", ""),
        (b"[map]\nname = 0x" + b"f" * 5000, "map.syntax", ""),
        (b"[map]\nname = \xff", "map.missing", ""),
        (None, "map.missing", ""),
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path, content: bytes | None, code: str, line: str) -> None:
    path = tmp_path / "remit-map.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as raised:
        read_map(path)
    assert [(each.code, each.where) for each in raised.value.findings] == [(code, f"{path}{line}")]


def test_a_map_without_any_table_is_empty(tmp_path: Path) -> None:
    found = read_map(written(tmp_path, ""))
    assert (found.name, found.contexts, found.relations) == (tmp_path.name, (), ())
    assert found.roots == (tmp_path / ".",)


def test_a_table_of_remit_design_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "remit-map.toml").write_text('[contexts.a]\n[cml.contexts.a]\nevolution = "PRODUCT"\n')
    code, found = examine_map(tmp_path / "remit-map.toml")
    assert not found
    assert code.names == ("a",)
