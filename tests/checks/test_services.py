"""A service has a type that handlers ask for, and something that makes it."""

from remit import Context
from tests.checks.shop import checked, only, untyped


def test_service_kind() -> None:
    sales = Context("sales")
    untyped(sales).provide("Tariff", dict)
    assert only(checked(sales)).code == "service.kind"
