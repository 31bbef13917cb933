"""The web shop in one process, found by its entry points; and the form of its registry that is refused."""

import pytest

from remit.testing import running
from tests.checkout.scenario import play
from webshop.literal import literal
from webshop.system import webshop

pytestmark = pytest.mark.usefixtures("installed")


def test_an_order_is_placed_paid_and_dispatched() -> None:
    with running(webshop) as app:
        play(app)


def test_the_web_shop_has_no_findings_and_no_notes() -> None:
    found = webshop.check()
    assert (found, found.notes) == ([], [])
    assert [(each.name, each.kind) for each in webshop.hosting().contexts] == [
        ("checkout", "core"), ("fulfilment", "supporting"), ("identity", "generic"), ("inventory", "supporting"),
    ]  # fmt: skip


def test_a_registry_in_which_nobody_publishes_what_fulfilment_consumes_is_refused() -> None:
    unknown, unpublished = literal.check()
    assert (unknown.code, unpublished.code) == ("relation.unknown-context", "event.unpublished")
    assert (
        unpublished.what == "context 'fulfilment' follows InventoryReserved, which no context of this system publishes"
    )
    assert "webshop_fulfilment/handlers.py" in unpublished.where
