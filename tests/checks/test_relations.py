"""A relation is between two contexts of the system."""

from remit import Context, CustomerSupplier, OpenHost, Partnership
from tests.checks.shop import checked, only


def test_relation_unknown_context() -> None:
    sales, stranger = Context("sales"), Context("stranger")
    finding = only(checked(sales, relations=[CustomerSupplier(supplier=sales, customer=stranger), OpenHost(sales)]))
    assert (finding.code, finding.expected) == ("relation.unknown-context", "one of: sales")
    assert "Context('stranger')" in finding.what


def test_relation_self() -> None:
    sales = Context("sales")
    assert only(checked(sales, relations=[Partnership(sales, sales)])).code == "relation.self"
