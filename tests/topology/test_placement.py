"""The plan puts every component into one service, and refuses what cannot keep the guarantees, all at once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import ModelError
from remit.messages.component import PARTS, Component
from remit.stores import Store, StoreTechnology
from remit.stores.memory.store import MemoryStore
from remit.stores.postgres.store import PostgresStore
from remit.stores.sqlite.store import SqliteStore
from remit.topology.channels import CHANNELS
from remit.topology.file import Address, ChannelPlace, Service, Topology
from remit.topology.placement import ContextShape, Placement, place
from remit.topology.secret import Secret
from remit.topology.stores import STORES
from remit.transports import CallChannel
from remit.transports.http import HTTP as OVER_HTTP
from remit.transports.http.calls import HttpCalls
from remit.transports.nats import NATS as OVER_NATS
from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import NatsConnection
from tests.topology.files import SHOP, only, parsed, placed, refused

ALL = '[services.all]\nruns = ["*"]\nhttp = "127.0.0.1:8000"\n'
NATS = '[channels]\nevents = "nats://h:4222"\ncalls = "nats://h:4222"\n'
HTTP = '[channels]\ncalls = "http"\n'
SPLIT = """
[services.sales]
runs = ["sales"]
http = "127.0.0.1:8000"
calls = "127.0.0.1:9000"
replicas = 2

[services.books]
runs = ["billing.read"]
calls = "127.0.0.1:9010"

[services.billing]
runs = ["billing.write"]
calls = "127.0.0.1:9020"
"""


# --- what holds ------------------------------------------------------------------------------------------------------


def test_one_service_runs_everything() -> None:
    placement = placed(ALL)
    assert placement.homes == {f"{name}.{part}": "all" for name, shape in SHOP.items() if shape for part in shape.parts}
    assert {name: store.shown for name, store in placement.services["all"].stores.items()} == {
        name: f"sqlite:/srv/shop/data/{name}.db" for name in ("sales", "billing")
    }
    assert placement.apart == frozenset()
    assert "billing.edge" not in placement.homes


def test_services_open_the_stores_they_need_and_answer_where_they_listen() -> None:
    placement = placed(HTTP + SPLIT)
    assert {name: set(service.stores) for name, service in placement.services.items()} == {
        "sales": {"sales"},
        "books": {"billing"},
        "billing": {"billing"},
    }
    assert placement.apart == {"billing"}
    sales = ("127.0.0.1:9000", "127.0.0.1:9001")
    assert placement.addresses == {
        "sales.write": sales,
        "sales.read": sales,
        "sales.log": sales,
        "billing.read": ("127.0.0.1:9010",),
        "billing.write": ("127.0.0.1:9020",),
        "billing.log": ("127.0.0.1:9010", "127.0.0.1:9020"),
    }
    assert placement.homes[Component("billing", "write")] == "billing"


def test_a_broker_finds_services_by_itself() -> None:
    placement = placed(NATS + SPLIT.replace("calls", "# calls"))
    assert set(placement.addresses) == {
        "sales.write", "sales.read", "sales.log", "billing.read", "billing.write", "billing.log",
    }  # fmt: skip
    assert set(placement.addresses.values()) == {()}


def test_an_edge_alone_opens_no_store_and_answers_no_calls() -> None:
    placement = placed(
        HTTP + '[services.edge]\nruns = ["*.edge"]\nhttp = "127.0.0.1:8000"\n'
        '[services.rest]\nruns = ["*.write", "*.read"]\ncalls = "127.0.0.1:9000"'
    )
    assert placement.services["edge"].stores == {}
    assert placement.services["edge"].runs == {"sales": {"edge"}}
    assert placement.apart == frozenset()


def test_beside_an_edge_of_another_context_only_what_is_kept_is_answered() -> None:
    placement = placed(
        HTTP + '[services.front]\nruns = ["sales.edge", "billing"]\nhttp = "127.0.0.1:8000"\ncalls = "127.0.0.1:9000"\n'
        '[services.rest]\nruns = ["sales.write", "sales.read"]\ncalls = "127.0.0.1:9001"'
    )
    assert placement.addresses["sales.log"] == ("127.0.0.1:9001",)
    assert placement.addresses["billing.log"] == ("127.0.0.1:9000",)


def test_of_a_context_that_is_not_loaded_only_the_name_is_judged() -> None:
    contexts = {"sales": ContextShape(), "billing": None}
    split = '[services.sales]\nruns = ["sales"]\nhttp = "127.0.0.1:8000"\n[services.billing]\nruns = ["billing.write"]'
    assert placed(NATS + split, contexts).homes[Component("billing", "write")] == "billing"
    assert placed(NATS + split.replace(".write", ""), contexts).homes[Component("billing", "edge")] == "billing"
    assert "no service runs billing" in only(ALL.replace("*", "sales"), "topology.unplaced", contexts)


def test_a_context_that_is_not_loaded_may_have_webhooks_wherever_all_of_it_runs() -> None:
    split = '[services.mail]\nruns = ["mail"]\n[services.hooks]\nruns = ["hooks"]\nhttp = "127.0.0.1:8000"'
    contexts = {"mail": ContextShape(frozenset({"write"})), "hooks": None}

    def settled(text: str) -> Placement:
        return place(parsed(NATS + text), contexts, with_edges=())

    assert settled(split).homes[Component("hooks", "write")] == "hooks"
    with pytest.raises(ModelError, match=re.escape("topology.unused")):
        settled(split.replace('"hooks"', '"hooks.write", "hooks.read"'))


def test_everything_may_be_in_memory_in_one_process() -> None:
    stores = placed('[stores]\ndefault = "memory:"\n' + ALL).services["all"].stores
    assert {name: store.shown for name, store in stores.items()} == dict.fromkeys(SHOP, "memory:")


@pytest.mark.parametrize(
    "stores",
    [
        'default = "postgresql://u@h/db"',
        'default = "postgresql://u@h/{context}?schema=remit"',
        'default = "postgresql://u@h/db?schema=shop_{context}"',
        'default = "postgresql://{context}@h/db"',
    ],
)
def test_each_context_has_a_schema_of_its_own(stores: str) -> None:
    assert placed(f"[stores]\n{stores}\n{ALL}replicas = 2").services["all"].stores.keys() == SHOP.keys()


def keyed(name: str) -> str:
    """The key pair of a service."""
    return f'key = "k"\npublic = "{name.ljust(43, "_")}"\n'


def test_strangers_are_kept_out_by_key_pairs() -> None:
    split = SPLIT.replace('calls = "127.0.0.1', 'calls = "10.0.0.1')
    assert placed(HTTP + with_keys(split)).addresses["billing.write"]


def with_keys(text: str) -> str:
    """The topology, with a key pair in each service."""
    return re.sub(r"\[services\.(\w+)\]\n", lambda found: found[0] + keyed(found[1]), text)


# --- what does not ---------------------------------------------------------------------------------------------------

TWO = '[services.a]\nruns = ["sales"]\nhttp = "127.0.0.1:8000"\n[services.b]\nruns = ["billing"]\n'

REFUSALS = {
    '[stores]\nbiling = "sqlite:x.db"\n' + ALL: ("topology.unknown-name", 'did you mean "billing"?'),
    ALL.replace('"*"', '"*", "seles"'): ("topology.unknown-name", 'did you mean "sales"?'),
    ALL.replace('"*"', '"*", "sales.wriet"'): ("topology.unknown-name", 'did you mean "write"?'),
    ALL.replace('"*"', '"*", "billing.edge"'): ("topology.absent-component", 'remove "billing.edge"'),
    NATS + ALL + '[services.b]\nruns = ["billing.read"]': ("topology.placed-twice", "billing.read runs in all and b"),
    ALL.replace('"*"', '"sales", "billing.read"'): ("topology.unplaced", 'runs = [..., "billing.write"]'),
    ALL.replace('"*"', '"sales"'): ("topology.unplaced", 'runs = [..., "billing"]'),
    NATS + ALL + "[services.b]\nruns = []": ("topology.idle-service", "or remove [services.b]"),
    TWO: ("topology.no-calls", 'calls = "http"'),
    '[channels]\nevents = "nats://h:1"\n' + TWO: ("topology.no-calls", "cannot call each other"),
    ALL.replace("http", "# http"): ("topology.no-address", 'http = "127.0.0.1:8000"'),
    HTTP + ALL: ("topology.no-address", 'calls = "127.0.0.1:9000"'),
    NATS + TWO + 'http = "127.0.0.1:8001"': ("topology.unused", "service 'b' runs no edge"),
    NATS + TWO + 'calls = "127.0.0.1:9000"': ("topology.unused", "remove calls"),
    ALL + 'credentials = "u:p"': ("topology.unused", "there is no broker"),
    NATS + with_keys(ALL): ("topology.unused", "a broker checks credentials"),
    HTTP + with_keys(ALL).replace('key = "k"\n', "") + 'calls = "127.0.0.1:9000"': ("topology.no-key", "remit key all"),
    HTTP + with_keys(SPLIT).replace(keyed("books"), ""): ("topology.no-key", "remit key books"),
    HTTP + with_keys(SPLIT).replace(keyed("books"), keyed("sales")): ("topology.shared-key", "[services.sales]"),
    HTTP + ALL + 'calls = "0.0.0.0:9000"': ("topology.address", "other services cannot connect to"),
    HTTP + ALL + 'calls = "10.0.0.1:9000"': ("topology.open-calls", "remit key all"),
    HTTP + ALL + 'calls = "example.org:9000"': ("topology.open-calls", "call every handler"),
    HTTP + ALL + 'calls = "127.0.0.1:8000"': ("topology.ports", "http of all and calls of all both"),
    HTTP + ALL.replace("127.0.0.1", "0.0.0.0") + 'calls = "127.0.0.1:8000"': ("topology.ports", "listen on port 8000"),
    HTTP + ALL + 'calls = "localhost:8002"\nreplicas = 3': ("topology.ports", "both listen on port 8002"),
    ALL.replace("127.0.0.1:8000", "0.0.0.0:65535") + "replicas = 2": ("topology.ports", "would listen on port 65536"),
    '[stores]\ndefault = "memory:"\n' + ALL + "replicas = 2": ("topology.store-private", "opened by all (2 replicas)"),
    '[stores]\ndefault = "postgresql://h/d"\n[channels]\nevents = { url = "postgresql", codec = "msgpack" }\n' + ALL: (
        "topology.unused",
        'events = "postgresql"',
    ),
    '[stores]\ndefault = "postgresql://h/d"\n[channels]\nevents = { url = "postgresql", replicas = 3 }\n' + ALL: (
        "topology.unused",
        "codec and replicas have no effect",
    ),
    '[channels]\nevents = "postgresql"\n' + ALL: ("topology.store-apart", "or remove events"),
    '[stores]\ndefault = "postgresql://h/d?dbname={context}"\n[channels]\nevents = "postgresql"\n' + ALL: (
        "topology.store-apart",
        "not in one database",
    ),
    '[stores]\nsales = "sqlite:x.db"\ndefault = "postgresql://h/d"\n[channels]\nevents = "postgresql"\n' + ALL: (
        "topology.store-apart",
        "the store of sales is not in PostgreSQL",
    ),
    '[stores]\ndefault = "postgresql://h/{context}"\n[channels]\nevents = "postgresql"\n' + ALL: (
        "topology.store-apart",
        "the stores of sales and billing are not in one database",
    ),
    '[stores]\ndefault = "postgresql://h/d"\n[channels]\nevents = "postgresql"\n' + ALL + 'credentials = "u:p"': (
        "topology.unused",
        "there is no broker",
    ),
    '[stores]\ndefault = "postgresql://{context}@h/db?schema=one"\n' + ALL: ("topology.store-doubled", "one store"),
    '[stores]\nsales = "memory:"\n' + ALL: ("topology.store-forgets", 'sales = "sqlite:data/{context}.db"'),
    '[stores]\ndefault = "memory:"\n' + NATS + TWO: ("topology.store-forgets", "lost with its process"),
    '[stores]\ndefault = "sqlite:all.db"\n' + ALL: ("topology.store-doubled", "sales and billing have the same store"),
    '[stores]\nsales = "sqlite:x/../data/billing.db"\n' + ALL: ("topology.store-doubled", "one store"),
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSALS)
def test_what_cannot_keep_the_guarantees_is_one_finding(text: str) -> None:
    code, told = REFUSALS[text]
    finding = only(text, code)
    assert told in finding
    assert finding.startswith(f"{code}  shop.toml [")
    assert "Expected: " in finding


def test_what_writes_stays_with_its_store() -> None:
    split = '[services.a]\nruns = ["*.write", "sales.edge"]\nhttp = "127.0.0.1:8000"\n[services.b]\nruns = ["*.read"]\n'
    finding = only('[stores]\ndefault = "memory:"\n' + NATS + split, "topology.store-private")
    assert "opened by a and b" in finding


def test_everything_is_told_at_once() -> None:
    found = refused(
        '[channels]\ncalls = "http"\n[services.a]\nruns = ["sales", "biling"]\n[services.b]\nruns = ["sales.edge"]\n'
    )
    assert set(found) == {
        "topology.unknown-name", "topology.placed-twice", "topology.unplaced", "topology.no-address",
    }  # fmt: skip


def test_a_handler_with_statements_of_its_own_needs_a_store_that_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = {"sales": ContextShape(frozenset({"write"}), asks_for_sql=("pay",))}
    file = '[services.a]\nruns = ["sales"]\n[stores]\nsales = "{}"\n'
    for store in ("postgresql://u@h/d", "sqlite:data/sales.db", "memory:"):
        placed(file.format(store), contexts)
    monkeypatch.setitem(cast("dict[str, StoreTechnology]", STORES), "sqlite", replace(STORES["sqlite"], sql=False))
    found = refused(file.format("sqlite:data/sales.db"), contexts)
    assert "the store of sales cannot run SQL statements, and pay asks for Sql" in found["store.no-sql"]


def test_handler_with_a_session_needs_a_store_that_sqlalchemy_has_a_dialect_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contexts = {"sales": ContextShape(frozenset({"write"}), asks_for_session=("pay",))}
    file = '[services.a]\nruns = ["sales"]\n[stores]\nsales = "{}"\n'
    for store in ("postgresql://u@h/d", "sqlite:data/sales.db", "memory:"):
        placed(file.format(store), contexts)
    monkeypatch.setitem(cast("dict[str, StoreTechnology]", STORES), "sqlite", replace(STORES["sqlite"], dialect=""))
    found = refused(file.format("sqlite:data/sales.db"), contexts)
    assert "the store of sales has no dialect of SQLAlchemy, and pay asks for a session" in found["store.no-sql"]


def test_the_plan_knows_the_stores_as_they_are() -> None:
    kinds: dict[str, Store] = {
        "memory": MemoryStore(),
        "sqlite": SqliteStore("unused.db", "sales"),
        "postgresql": PostgresStore("postgresql://h/d", "sales"),
    }
    assert {name: store.technology for name, store in kinds.items()} == dict(STORES)


def test_the_plan_knows_the_channels_as_they_are() -> None:
    kinds: dict[str, CallChannel] = {
        "nats": NatsCalls(NatsConnection("nats://h:1", name="x"), "s"),
        "http": HttpCalls({}),
    }
    assert {kind: channel.capabilities.finds_services for kind, channel in kinds.items()} == {
        known.name: known.finds_services for known in CHANNELS if known.calls
    }


# --- whatever the file says ------------------------------------------------------------------------------------------

NAMES = ["sales", "billing", "stock"]
ENTRIES = [Component(name, part) for name in [*NAMES, "*", "no"] for part in ["", *PARTS, "no"]]
ADDRESSES = st.one_of(
    st.none(), st.builds(Address, st.sampled_from(["127.0.0.1", "h", "0.0.0.0"]), st.integers(1, 65535))
)
SERVICES = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.builds(
        Service,
        st.just(""),
        st.lists(st.sampled_from(ENTRIES), max_size=5).map(tuple),
        ADDRESSES,
        ADDRESSES,
        st.integers(1, 3),
        st.one_of(st.none(), st.just(Secret("u:p"))),
    ),
    max_size=3,
).map(lambda services: {name: named(name, service) for name, service in services.items()})
TOPOLOGIES = st.builds(
    Topology,
    st.just("any.toml"),
    st.just("shop:shop"),
    st.dictionaries(st.sampled_from([*NAMES, "no"]), st.sampled_from(["memory:", "sqlite:/x.db"]), max_size=2).map(
        lambda stores: {name: Secret(place) for name, place in {"default": "sqlite:/{context}.db", **stores}.items()}
    ),
    st.one_of(st.none(), st.just(ChannelPlace(OVER_NATS, Secret("nats://h:1"), "nats://h:1"))),
    st.sampled_from([None, *(ChannelPlace(kind, Secret(kind.name), kind.name) for kind in (OVER_NATS, OVER_HTTP))]),
    SERVICES,
)
SHAPES = st.fixed_dictionaries(
    {name: st.one_of(st.none(), st.builds(ContextShape, st.frozensets(st.sampled_from(PARTS)))) for name in NAMES}
)


def named(name: str, service: Service) -> Service:
    """A service under its name."""
    return Service(name, service.runs, service.http, service.calls, service.replicas, service.credentials)


@given(TOPOLOGIES, SHAPES)
def test_whatever_the_file_says_every_component_is_in_one_service_or_there_is_a_finding(
    topology: Topology, shapes: dict[str, ContextShape | None]
) -> None:
    try:
        placement = place(topology, shapes)
    except ModelError:
        return
    hold(placement, shapes)


@given(st.dictionaries(st.sampled_from([Component(n, p) for n in NAMES for p in PARTS]), st.sampled_from("abc")))
def test_any_cut_that_places_everything_once_holds(cut: dict[Component, str]) -> None:
    runs = {name: tuple(each for each, home in cut.items() if home == name) for name in sorted(set(cut.values()))}
    services = {
        name: Service(
            name, parts, Address("127.0.0.1", 8000 + n) if any(each.part == "edge" for each in parts) else None
        )
        for n, (name, parts) in enumerate(runs.items())
    }
    shapes: dict[str, ContextShape | None] = {
        name: ContextShape(frozenset(part for part in PARTS if f"{name}.{part}" in cut)) for name in NAMES
    }
    calls = ChannelPlace(OVER_NATS, Secret("nats://h:1"), "nats://h:1")
    placement = place(
        Topology("cut.toml", "s", {"default": Secret("sqlite:/{context}.db")}, None, calls, services), shapes
    )
    assert placement.homes == cut
    hold(placement, shapes)


def hold(placement: Placement, shapes: dict[str, ContextShape | None]) -> None:
    """What is true of every placement."""
    for context, shape in shapes.items():
        for part in shape.parts if shape else ():
            hosts = [name for name, service in placement.services.items() if service.has(context, part)]
            assert hosts == [placement.homes[Component(context, part)]]
            if part != "edge":
                assert context in placement.services[hosts[0]].stores
                assert (f"{context}.{part}" in placement.addresses) is (part != "acl")
                assert f"{context}.log" in placement.addresses
    if len(placement.services) > 1:
        assert placement.topology.calls is not None
