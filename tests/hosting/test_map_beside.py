"""A map file beside a system adds to the map that is derived from the system, and takes nothing away."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit import Context, System
from remit.boundaries import CodeContext, CodeMap, check_code, examine_map, with_beside
from remit.hosting.checking import check_system
from remit.relations import AntiCorruptionLayer, CustomerSupplier, Foreign, Partnership, SharedKernel

DERIVED = CodeMap(
    name="shop",
    contexts=(
        CodeContext(name="sales", packages=("shop.sales",), published=("shop.sales.language",), schema="sales"),
        CodeContext(name="billing", packages=("shop.billing",), schema="billing"),
        CodeContext(name="mail", packages=("shop.mail",), schema="mail"),
    ),
    relations=(
        CustomerSupplier(supplier="sales", customer="billing", uses=["OrderPlaced"]),
        SharedKernel("billing", "mail", package="shop.kernel"),
        Partnership("sales", "mail"),
        AntiCorruptionLayer(upstream=Foreign("bank"), downstream="billing", module="shop.billing.bank"),
    ),
    roots=(Path(),), packages=("shop",),
)  # fmt: skip


def read(tmp_path: Path, text: str) -> tuple[CodeMap, list[tuple[str, int]]]:
    """The map with what a file of this text adds, and the codes and lines of the findings."""
    path = tmp_path / "remit-map.toml"
    path.write_text(text)
    file, found = examine_map(path, DERIVED.names)
    code = with_beside(DERIVED, file, found)
    return code, [(each.code, int(each.where.rpartition(":")[2])) for each in found]


def test_what_a_file_says_of_a_context_counts_and_all_else_stays(tmp_path: Path) -> None:
    code, found = read(tmp_path, '[contexts.sales]\ntables = ["orders"]\npure = []\n')
    sales, *others = code.contexts
    assert found == []
    assert (sales.packages, sales.published, sales.schema) == (("shop.sales",), ("shop.sales.language",), "sales")
    assert (sales.tables, sales.pure) == (("orders",), ())
    assert (*others,) == DERIVED.contexts[1:]
    assert code.relations == DERIVED.relations


def test_other_packages_publish_what_is_usual(tmp_path: Path) -> None:
    code, _ = read(tmp_path, '[contexts.sales]\npackages = ["selling"]\n')
    assert (code.contexts[0].packages, code.contexts[0].published) == (("selling",), None)
    assert code.packages == ("shop", "selling")


def test_a_file_adds_what_is_outside_and_the_hash_of_a_kernel(tmp_path: Path) -> None:
    kernel = '[[relations]]\nkind = "shared-kernel"\none = "mail"\nother = "billing"\nhash = "sha256:1"\n'
    code, found = read(tmp_path, '[outside.bank]\npackages = ["bankclient"]\n' + kernel)
    assert found == []
    assert [each.packages for each in code.outside] == [("bankclient",)]
    assert code.relations[1] == SharedKernel("billing", "mail", package="shop.kernel", hash="sha256:1")


@pytest.mark.parametrize(
    ("relation", "code"),
    [
        ('kind = "customer-supplier"\nsupplier = "sales"\ncustomer = "billing"\nuses = ["OrderPlaced"]', None),
        ('kind = "customer-supplier"\nsupplier = "sales"\ncustomer = "billing"', None),
        ('kind = "partnership"\none = "mail"\nother = "sales"', None),
        ('kind = "customer-supplier"\nsupplier = "sales"\ncustomer = "billing"\nuses = ["Other"]', "map.differs"),
        ('kind = "customer-supplier"\nsupplier = "billing"\ncustomer = "sales"', "map.differs"),
        ('kind = "separate-ways"\none = "sales"\nother = "billing"', "map.differs"),
        ('kind = "open-host"\nhost = "seles"', "map.unknown-context"),
    ],
)
def test_a_relation_that_the_system_does_not_state_so_is_found(tmp_path: Path, relation: str, code: str | None) -> None:
    kept, found = read(tmp_path, f"[[relations]]\n{relation}\n")
    assert [each for each, _ in found] == ([code] if code else [])
    assert kept.relations == DERIVED.relations


def test_a_context_that_the_system_does_not_have_is_found_with_the_one_that_was_meant(tmp_path: Path) -> None:
    path = tmp_path / "remit-map.toml"
    path.write_text('[contexts.seles]\ntables = ["orders"]\n')
    contexts = [Context(name, owner=name) for name in ("sales", "billing")]
    system = System("shop", contexts=contexts, relations=[CustomerSupplier(supplier="sales", customer="billing")])
    found = [each for each in check_system(system, str(path)) if each.code.startswith("map.")]
    assert [(each.code, each.where) for each in found] == [("map.unknown-context", f"{path}:1")]
    assert "did you mean sales?" in found[0].next


@pytest.mark.parametrize(
    ("sales", "billing", "codes"),
    [
        ("", "", ["sql.shared-table"]),
        ('schema = "a"\n', "", []),
        ('schema = "a"\n', 'schema = "b"\n', []),
        ('schema = "a"\n', 'schema = "a"\n', ["map.claimed-twice", "sql.shared-table"]),
    ],
)
def test_a_table_that_a_file_lists_for_two_contexts_is_one_unless_it_says_the_schemas(
    tmp_path: Path, sales: str, billing: str, codes: list[str]
) -> None:
    contexts = [Context(name, owner=name) for name in ("sales", "billing")]
    derived = System("shop", contexts=contexts).code_map()
    path = tmp_path / "remit-map.toml"
    for name, said in (("sales", sales), ("billing", billing)):
        (tmp_path / f"{name}.py").touch()
        with path.open("a") as file:
            file.write(f'[contexts.{name}]\npackages = ["{name}"]\ntables = ["orders"]\n{said}')
    added, found = examine_map(path, derived.names)
    assert [each.code for each in check_code(with_beside(derived, added, found))] == codes
