"""The model has all that follows from the declarations, at the moment in which it was made."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from remit import Context, IntegrationEvent
from remit.checks import model_of
from remit.contexts import ContextMap
from remit.edges import HttpEdge
from tests.checks import shop
from tests.checks.shop import Count, OrderPaid, Orders, Paid, Place, Placed, count, paid, place, placed
from tests.typing import programs


def test_a_projection_may_have_events_of_several_contexts() -> None:
    sales, payments = Context("sales"), Context("payments")
    sales.publish(Placed)(placed)
    sales.project(Orders)
    payments.publish(Paid)(paid)
    model = model_of(ContextMap(name="shop", contexts=(sales, payments)))
    assert {each.event: each.context.name for each in model.followed} == {Placed: "sales", OrderPaid: "sales"}
    assert (model.owners[Placed], model.owners[OrderPaid]) == ("sales", "payments")


def test_a_model_may_be_made_again() -> None:
    before, again = programs.shop.model(), programs.shop.model()
    assert (before.owners, before.contracts, before.followed) == (again.owners, again.contracts, again.followed)


def test_a_route_has_the_status_it_declares() -> None:
    edge = HttpEdge("sales")
    for declare in (edge.post, edge.put, edge.delete):
        declare("/orders", Place)
        declare("/orders/{order}", Place, status=202)
    assert [(route.method, route.status) for route in edge.routes] == [
        ("POST", 200), ("POST", 202), ("PUT", 200), ("PUT", 202), ("DELETE", 200), ("DELETE", 202),
    ]  # fmt: skip


def test_a_message_is_owned_by_the_context_that_its_module_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "__context__", "sales", raising=False)
    sales = Context("sales")
    sales.handle(Place)(place)
    sales.answer(Count)(count)
    model = model_of(ContextMap(name="shop", contexts=(sales, Context("billing"))))
    assert set(model.owners.values()) == {"sales"}


def test_an_integration_event_is_known_although_nobody_handles_it() -> None:
    class Announced(IntegrationEvent): ...

    def announce(event: Placed) -> None: ...

    announce.__annotations__["return"] = Announced
    sales = Context("sales")
    sales.publish(Placed)(announce)
    model = model_of(ContextMap(name="shop", contexts=(sales,)))
    assert model.contracts[Announced].type == "sales.Announced"


def test_a_model_cannot_be_changed() -> None:
    model: Any = programs.shop.model()
    with pytest.raises(FrozenInstanceError):
        model.name = "other"
    with pytest.raises(TypeError):
        model.owners[Placed] = "billing"
