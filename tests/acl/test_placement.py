"""The component `acl` in plans: what belongs to it, what it needs, and who gets its secrets."""

from __future__ import annotations

import re

import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Later, Repository, System
from remit.contexts import ContextMap, derive
from remit.relations import AntiCorruptionLayer
from remit.runtime import compile_system
from remit.topology.flows import SHARED_STORE, flows_of
from remit.topology.grants import grants_of
from remit.topology.placement import Shapes, place
from remit.topology.secrets import withheld_from
from remit.topology.shapes import shapes_of
from remit.topology.users import users_of
from remit.transports.nats.permissions import permissions
from tests.acl.payments import system
from tests.topology.files import parsed, refused

APART = """
[channels]
calls = "http"
[services.hooks]
runs = ["payments.acl"]
http = "127.0.0.1:8000"
calls = "127.0.0.1:9000"
[services.rest]
runs = ["payments.write", "payments.read"]
calls = "127.0.0.1:9010"
"""


@pytest.fixture(name="shapes", scope="module")
def made() -> Shapes:
    return shapes_of(system.model())


def test_context_with_sources_has_an_acl(shapes: Shapes) -> None:
    shape = shapes["payments"]
    assert shape is not None
    assert shape.parts == {"write", "read", "acl"}
    assert shape.hooks == ("stripe", "numbered", "dated")


def test_acl_alone_opens_the_store_and_sends_over_it(shapes: Shapes) -> None:
    placement = place(parsed(APART), shapes)
    assert placement.homes == {"payments.acl": "hooks", "payments.write": "rest", "payments.read": "rest"}
    assert {name: list(each.stores) for name, each in placement.services.items()} == {
        "hooks": ["payments"], "rest": ["payments"],
    }  # fmt: skip
    assert placement.addresses.keys() == {"payments.log", "payments.write", "payments.read"}
    assert len(placement.addresses["payments.log"]) == 2
    (flow,) = flows_of(placement, shapes)
    assert (flow.source, flow.target, flow.way) == ("payments.acl", "payments.write", SHARED_STORE)


def test_secrets_are_withheld_from_those_who_do_not_need_them(shapes: Shapes) -> None:
    placement = place(parsed(APART), shapes)
    withheld = {
        name: withheld_from(placement.topology, each, placement.secrets) for name, each in placement.services.items()
    }
    assert "STRIPE_SECRET" in withheld["rest"]
    assert "STRIPE_SECRET" not in withheld["hooks"]


def test_webhooks_need_an_address(shapes: Shapes) -> None:
    found = refused(APART.replace('http = "127.0.0.1:8000"', ""), shapes)
    assert found.keys() == {"topology.no-address"}
    assert "the webhooks of payments" in found["topology.no-address"]


def test_acl_that_no_service_runs_is_found(shapes: Shapes) -> None:
    found = refused('[services.all]\nruns = ["payments.write", "payments.read"]\n', shapes)
    assert found.keys() == {"topology.unplaced"}


def test_store_of_one_process_is_not_shared_with_an_acl(shapes: Shapes) -> None:
    assert "topology.store-private" in refused('[stores]\ndefault = "memory:"\n' + APART, shapes)


def test_broker_lets_the_acl_answer_for_the_log_and_publish_nothing(shapes: Shapes) -> None:
    text = re.sub(r'calls = "127.*"', "", APART)
    text = text.replace('calls = "http"', 'events = "nats://h:1"\ncalls = "nats://h:1"')
    text = re.sub(r"\[services.(\w+)\]", r'[services.\1]\ncredentials = "\1:hush"', text)
    placement = place(parsed(text), shapes)
    hooks, _ = users_of(placement, grants_of(placement, lambda _upstream, _downstream: ["*"], {}))
    assert hooks.opens == {"payments"}
    assert not hooks.writes | hooks.reads
    printed = permissions("shop", [hooks])
    publishes, subscribes = printed.split("subscribe:")
    assert "payments.log" in subscribes
    assert "payments.write" not in subscribes
    assert "STREAM.CREATE" not in publishes


# ── between contexts ────────────────────────────────────────────────────────────────────────────────────────────────


class Ordered(IntegrationEvent, key="order"):
    order: str


class Bill(Command[None]):
    order: str


class Billed(DomainEvent):
    pass


class Account(Aggregate[str, Billed]):
    orders: int = 0


class Other(Aggregate[str]):
    orders: int = 0


orders, billing = Context("orders", outbox=[Ordered]), Context("billing")


@billing.react(Ordered)
async def on_ordered(event: Ordered, later: Later[Bill]) -> None:
    later.send(Bill(order=event.order))


@billing.react(Billed)
async def count_alone(event: Billed, others: Repository[Other]) -> None: ...


@billing.react(Billed)
async def count(event: Billed, accounts: Repository[Account]) -> None: ...


async def count_as_well(event: Billed, accounts: Repository[Account]) -> None: ...


count_as_well.__module__ = "elsewhere"
billing.react(Billed)(count_as_well)


@billing.handle(Bill)
async def bill(command: Bill, accounts: Repository[Account]) -> None: ...


def components(module: str) -> dict[str, str]:
    """The component of each subscription of billing, if the layer stands in this module."""
    layer = AntiCorruptionLayer(upstream=orders, downstream=billing, module=module)
    model = derive(ContextMap(name="shop", contexts=(orders, billing), stated=(layer,)))
    follows = compile_system(model)["billing"].follows
    return {id.name.removeprefix("billing."): plan.component for id, plan in follows.items()}


def test_reactions_in_the_module_of_a_layer_run_in_acl() -> None:
    assert components(__name__) == {
        "on_ordered": "acl", "count_alone": "acl", "count": "write", "count_as_well": "write", "commands": "write",
    }  # fmt: skip


@pytest.mark.parametrize("module", ["", "tests.acl.test_placemen", "tests.acl.test_placement.more"])
def test_reactions_outside_of_the_module_run_in_write(module: str) -> None:
    assert set(components(module).values()) == {"write"}


def test_package_of_a_layer_has_modules() -> None:
    assert components("tests.acl")["on_ordered"] == "acl"


def test_layer_between_contexts_can_be_placed_alone() -> None:
    layer = AntiCorruptionLayer(upstream=orders, downstream=billing, module=__name__)
    shapes = shapes_of(System("shop", contexts=[orders, billing], relations=[layer]).model())
    text = """
[channels]
calls = "http"
[services.layer]
runs = ["billing.acl"]
calls = "127.0.0.1:9000"
[services.rest]
runs = ["orders", "billing.write"]
calls = "127.0.0.1:9010"
"""
    flows = flows_of(place(parsed(text), shapes), shapes)
    assert {(each.source, each.target, each.way) for each in flows} == {
        ("orders.write", "billing.acl", "http"),
        ("billing.acl", "billing.write", SHARED_STORE),
        ("billing.write", "billing.acl", SHARED_STORE),
    }
