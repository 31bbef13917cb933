"""A context belongs to one team."""

import pytest

from remit import Context, System
from remit.errors import Findings


def check(*owners: str) -> Findings:
    names = ("sales", "billing", "search")
    return System(
        "shop", contexts=[Context(name, owner=owner) for name, owner in zip(names, owners, strict=False)]
    ).check()


@pytest.mark.parametrize("owner", ["a, b", "a;b", "a & b", "team a and team b", "a / b", "a + b"])
def test_an_owner_that_names_several_teams_is_a_finding(owner: str) -> None:
    (finding,) = check(owner, "c")
    assert (finding.code, finding.where) == ("owner.several", "Context('sales')")


@pytest.mark.parametrize("owner", ["team-r&d", "@acme/team", "brand", "command and", "a-and-b", "order/fulfilment"])
def test_a_name_with_a_sign_in_it_is_one_team(owner: str) -> None:
    assert check(owner, "c") == []


def test_a_context_without_an_owner_is_noted_if_others_have_one() -> None:
    (note,) = check("a", "").notes
    assert (note.code, note.where) == ("owner.missing", "Context('billing')")
    assert check("", "").notes == []
