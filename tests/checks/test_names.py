"""The names of the system and of its contexts can be parts of other names, and no two contexts share one."""

import pytest

from remit import Context
from remit.checks import check
from remit.contexts import ContextMap
from tests.checks.shop import checked, only


@pytest.mark.parametrize(
    "name", ["", "Sales", "1st", "sales team", "../etc", "x" * 64, "sales--team", "sales-", "l\u00e4den", "sales.team"]
)
def test_context_name(name: str) -> None:
    finding = only(checked(Context(name)))
    assert (finding.code, finding.what) == ("context.name", f"{name!r} cannot be the name of a context")


@pytest.mark.parametrize("name", ["", "Shop", "my shop", "my.shop", "l\u00e4den", "shop*", "a--b", "a-", "x" * 64])
def test_system_name(name: str) -> None:
    finding = only(check(ContextMap(name=name, contexts=())))
    assert (finding.code, finding.what) == ("system.name", f"{name!r} cannot be the name of a system")


@pytest.mark.parametrize("name", ["a", "my-shop_2", "x" * 63, "a-1"])
def test_names_that_systems_and_contexts_may_have(name: str) -> None:
    assert check(ContextMap(name=name, contexts=(Context(name),))) == []


def test_context_duplicate() -> None:
    assert only(checked(Context("sales"), Context("sales"))).code == "context.duplicate"
