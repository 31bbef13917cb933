"""A message has one owner, and only this context handles, publishes, records or folds it."""

import pytest

from remit import Context
from tests.checks import shop
from tests.checks.shop import Count, OrderPlaced, Orders, Paid, Placed, checked, count, only, paid, placed


def test_message_foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "__context__", "elsewhere", raising=False)
    sales = Context("sales")
    sales.answer(Count)(count)
    finding = only(checked(sales))
    assert (finding.code, finding.next) == (
        "message.foreign",
        "send or ask it: await sender.send(...), await sender.ask(...)",
    )
    assert "Count belongs to 'elsewhere'" in finding.what


def test_message_two_owners_of_a_domain_event() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)

    @billing.react(Placed)
    async def charge(event: Placed) -> None: ...

    finding = only(checked(sales, billing))
    assert finding.code == "message.two-owners"
    assert "'sales'" in finding.what
    assert "'billing'" in finding.what
    assert finding.next == "let its owner publish an integration event, and react to that event"


def test_message_two_owners_of_a_folded_event() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    sales.publish(Paid)(paid)
    billing.project(Orders)
    assert only(checked(sales, billing)).code == "message.two-owners"


def test_message_two_owners_of_a_command() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.answer(Count)(count)
    billing.answer(Count)(count)
    assert {finding.code for finding in checked(sales, billing)} == {"message.two-owners", "handler.doubled"}


def test_message_two_owners_of_an_integration_event() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)

    @billing.publish(Paid)
    def also_placed(event: Paid) -> OrderPlaced:
        return OrderPlaced(order=event.order)

    assert only(checked(sales, billing)).code == "message.two-owners"
