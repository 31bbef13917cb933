"""The registry is what the declarations say: messages, read models, stores, and the roles of every pair."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from learning.system import platform
from remit import (
    Aggregate,
    Command,
    Context,
    IntegrationEvent,
    Later,
    Query,
    Sender,
    System,
    Value,
)
from remit.contexts import Relation
from remit.contexts.foreign import Source
from remit.foreign import Fetched, Header, Polled, StripeSignature, Webhook
from remit.registry.declared import folders_of, registry_of
from remit.registry.entries import Consumed, Entry, Flow, Link, ReadModel, Registry
from remit.registry.links import links_of, roles_text
from remit.registry.words import told_flows
from remit.relations import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    Foreign,
    OpenHost,
    Partnership,
    SeparateWays,
    SharedKernel,
)
from remit.topology.file import read_topology
from tests.checks.packages import packages_in

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def learning() -> Registry:
    return registry_of(platform.hosting().model())


def entry(registry: Registry, name: str) -> Entry:
    return next(each for each in registry.contexts if each.name == name)


def test_a_context_has_what_it_declares(learning: Registry) -> None:
    billing = entry(learning, "billing")
    assert (billing.kind, billing.owner, billing.language) == (
        "supporting", "team-billing", "learning/billing/language.md",
    )  # fmt: skip
    assert billing.packages == ("learning.billing",)
    assert billing.components == ("write", "read", "edge")
    assert billing.aggregates == ("Account",)
    assert [(each.message, each.kind) for each in billing.publishes] == [
        ("billing.ConfirmInvoice", "command"),
        ("billing.Invoices", "query"),
    ]
    assert billing.read_models == (ReadModel("InvoicesOf", ("billing.Issued", "billing.Refunded"), ("Invoices",)),)


def test_what_is_called_and_what_is_followed_is_known(learning: Registry) -> None:
    assert entry(learning, "enrollment").consumes == (Consumed("billing", "billing.ConfirmInvoice", "call"),)
    assert {(each.message, each.how) for each in entry(learning, "learning").consumes} == {
        ("enrollment.EnrollmentWithdrawn", "event"),
        ("enrollment.StudentEnrolled", "event"),
    }


def test_what_stays_inside_of_a_context_is_not_published(learning: Registry) -> None:
    published = {each.message for each in entry(learning, "enrollment").publishes}
    assert "enrollment.Enroll" in published
    assert "enrollment.Request" not in published  # not in its api
    assert "enrollment.Requested" not in published  # a domain event


def test_a_topology_says_where_the_stores_are() -> None:
    topology = read_topology(EXAMPLES / "learning/topologies/monolith.toml", {})
    registry = registry_of(platform.hosting().model(), topology)
    assert entry(registry, "billing").store.startswith("sqlite:")
    assert entry(registry, "billing").store.endswith("billing.db")


def test_the_folder_of_a_context_is_that_of_its_package() -> None:
    assert folders_of(platform.hosting().model())["learning.billing"] == EXAMPLES / "learning" / "billing"


def test_a_context_that_is_hosted_elsewhere_is_a_name() -> None:
    registry = registry_of(platform.hosting(["billing"], edges=[]).model())
    assert entry(registry, "learning") == Entry("learning")


def test_relations_of_the_platform_have_the_roles_of_the_field(learning: Registry) -> None:
    assert {(link.upstream, link.downstream): roles_text(link) for link in learning.links} == {
        ("billing", "enrollment"): "U,S → D,C",
        ("enrollment", "billing"): "U,OHS,PL → D",
        ("enrollment", "learning"): "U,OHS,PL → D",
        ("learning", "certification"): "U,OHS,PL → D",
    }


UP = Consumed("up", "up.Happened", "event")


@pytest.mark.parametrize(
    ("relations", "roles"),
    [
        ([CustomerSupplier(supplier="up", customer="down")], "U,S → D,C"),
        ([Conformist(upstream="up", downstream="down")], "U → D,CF"),
        ([AntiCorruptionLayer(upstream="up", downstream="down")], "U → D,ACL"),
        ([OpenHost("up")], "U,OHS,PL → D"),
        ([OpenHost("up"), AntiCorruptionLayer(upstream="up", downstream="down")], "U,OHS,PL → D,ACL"),
        ([OpenHost("up"), Conformist(upstream="up", downstream="down")], "U,OHS,PL → D,CF"),
        (
            [
                CustomerSupplier(supplier="up", customer="down"),
                AntiCorruptionLayer(upstream="up", downstream="down"),
                OpenHost("up"),
            ],
            "U,S,OHS,PL → D,C,ACL",
        ),
        ([Partnership("up", "down")], "Partnership"),
        ([SharedKernel("down", "up")], "Shared Kernel"),
        ([], ""),
    ],
)
def test_the_roles_of_a_pair_combine(relations: list[Relation], roles: str) -> None:
    (link,) = links_of([Entry("up"), Entry("down", consumes=(UP,))], relations)
    assert roles_text(link) == roles
    assert link.flows == (Flow("event", "up", "down", ("up.Happened",)),)


def test_both_directions_of_a_pair_are_two_links() -> None:
    entries = [
        Entry("one", consumes=(Consumed("other", "other.Ask", "call"),)),
        Entry("other", consumes=(Consumed("one", "one.Happened", "event"),)),
    ]
    found = links_of(entries, [OpenHost("one")])
    assert [(link.upstream, link.downstream, link.pattern) for link in found] == [
        ("one", "other", "relation"),
        ("other", "one", "none"),
    ]


def test_a_partnership_holds_what_travels_both_ways() -> None:
    entries = [
        Entry("one", consumes=(Consumed("other", "other.Ask", "call"),)),
        Entry("other", consumes=(Consumed("one", "one.Happened", "event"),)),
    ]
    (link,) = links_of(entries, [Partnership("one", "other")])
    assert [flow.how for flow in link.flows] == ["call", "event"]


def test_what_partners_do_under_another_relation_too_is_told_once() -> None:
    entries = [Entry("up"), Entry("down", consumes=(UP,))]
    found = links_of(entries, [Partnership("up", "down"), AntiCorruptionLayer(upstream="up", downstream="down")])
    assert [(roles_text(link), len(link.flows)) for link in found] == [("Partnership", 0), ("U → D,ACL", 1)]


def test_a_relation_of_a_context_to_itself_is_left_to_the_check() -> None:
    assert links_of([Entry("one")], [CustomerSupplier(supplier="one", customer="one")]) == ()


def test_separate_ways_are_a_link_without_messages() -> None:
    assert links_of([Entry("a"), Entry("b")], [SeparateWays("a", "b")]) == (Link("a", "b", "SeparateWays"),)


class Pay(Command[None]):
    amount: int


class Paid(IntegrationEvent, version=1):
    amount: int


class Balance(Query[int]):
    account: str


class Buy(Command[None]):
    amount: int


class Order(Aggregate[str]):
    amount: int = 0


def shop() -> System:
    payments = Context("payments", kind="generic", owner="team-money")
    orders = Context("orders")

    @payments.handle(Pay)
    async def pay(command: Pay) -> None: ...

    @payments.answer(Balance)
    async def balance(query: Balance) -> int:
        return 0

    @orders.handle(Buy)
    async def buy(command: Buy, later: Later[Pay], calls: Sender) -> None:
        await calls.ask(Balance(account="a"))
        later.send(Pay(amount=command.amount))

    stated = [
        CustomerSupplier(supplier=payments, customer=orders, uses=[Pay, "Balance"]),
        AntiCorruptionLayer(upstream=Foreign("bank"), downstream=payments, module="shop.bank"),
    ]
    return System("shop", contexts=[payments, orders], relations=stated)


def test_calls_and_commands_for_later_are_told_apart_and_the_relation_says_what_it_covers() -> None:
    registry = registry_of(shop().model())
    link = next(each for each in registry.links if each.downstream == "orders")
    assert {(flow.how, flow.messages) for flow in link.flows} == {
        ("call", ("payments.Balance",)),
        ("later", ("payments.Pay",)),
    }
    assert link.uses == ("Pay", "Balance")


def test_what_is_foreign_is_an_entry_of_its_own() -> None:
    registry = registry_of(shop().model())
    assert entry(registry, "bank").is_foreign
    assert [each.name for each in registry.own] == ["payments", "orders"]
    assert ("bank", "payments") in {(link.upstream, link.downstream) for link in registry.links}


class Charged(Value):
    id: str


class Disputed(Value):
    id: str


def taken_in(source: Source[Any], *layers: AntiCorruptionLayer) -> list[Flow]:
    payments = Context("payments")

    @payments.handle(Pay)
    async def pay(command: Pay) -> None: ...

    @payments.translate(source)
    def translated(message: Charged | Disputed) -> Pay:
        return Pay(amount=len(message.id))

    registry = registry_of(System("shop", contexts=[payments], relations=layers).model())
    return [flow for link in registry.links for flow in link.flows]


def bank(module: str = "", name: str = "bank") -> AntiCorruptionLayer:
    return AntiCorruptionLayer(upstream=Foreign(name), downstream="payments", module=module)


async def newest(after: str) -> Fetched[Charged]:
    return Fetched([], after)


SOURCES = {
    "webhook": Webhook[Any]("hooks", key=Header("Id"), verify=StripeSignature("SECRET")),
    "polled": Polled[Any]("rates", fetch=newest, every=timedelta(minutes=5), key=str),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_foreign_messages_travel_to_the_context_in_whose_layer_they_are_translated(source: Source[Any]) -> None:
    messages = ("bank.Charged", "bank.Disputed")
    flow = Flow("translation", "bank", "payments", messages)
    assert taken_in(source, bank(__name__), bank("shop.elsewhere", "post")) == [flow]
    assert told_flows(Link("bank", "payments", "relation", flows=(flow,))) == [
        "payments translates bank.Charged, bank.Disputed"
    ]


def test_a_source_with_the_name_of_what_is_foreign_is_fed_by_it() -> None:
    source = Webhook[Any]("post", key=Header("Id"), verify=StripeSignature("SECRET"))
    flows = taken_in(source, bank(__name__), bank(__name__, "post"))
    assert [flow.source for flow in flows] == ["post"]


def test_a_published_language_elsewhere_is_a_package_of_its_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = packages_in(tmp_path, monkeypatch)
    message = "__context__ = 'sales'\nfrom remit import Command\nclass Buy(Command[None]):\n    item: str\n"
    context = """
    from remit import Context, System
    from stall.language.sales import Buy
    sales = Context("sales")
    @sales.handle(Buy)
    async def buy(command: Buy) -> None: ...
    system = System("stall", contexts=[sales])
    """
    files = {"stall/__init__.py": "", "stall/language/sales.py": message, "stall/sales/handlers.py": context}
    model = packages.imported(files, "stall.sales.handlers").system.model()
    (sales,) = registry_of(model).contexts
    assert sales.packages == ("stall.sales", "stall.language.sales")
    assert folders_of(model) == {
        "stall.sales": tmp_path / "stall" / "sales",
        "stall.language.sales": tmp_path / "stall" / "language" / "sales.py",
    }
    packages.forget()
