"""The plan: places the contexts of a system by a topology. Pure; refuses a topology that cannot keep the guarantees."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple, cast

from remit.checks.statements import check_statements
from remit.contexts import Group
from remit.errors import Findings, one_of
from remit.messages.component import PARTS, USUAL, Component, PartName
from remit.topology import DEFAULT_STORE
from remit.topology.channels import CODECS, FOR_BROKER, FOR_CALLS, FOR_LOGS
from remit.topology.file import LAST_PORT, Address, ChannelPlace, Service, Topology
from remit.topology.keys import check_keys, is_keyed
from remit.topology.stores import FOR_STATEMENTS, StorePlace
from remit.topology.tables import did_you_mean

ANSWERING: tuple[PartName, ...] = ("write", "read")
"""The components that answer calls."""
OPENING: tuple[PartName, ...] = (*ANSWERING, "acl")
"""The components that open the store of the context."""


@dataclass(frozen=True)
class ContextShape:
    """What the plan needs to know of a context: its components, and the contexts with which it integrates."""

    parts: frozenset[PartName] = frozenset(USUAL)
    reacts_to: frozenset[str] = frozenset()
    """The sources of its reactions and of commands sent to it for later. May include the context itself."""
    projects: frozenset[str] = frozenset()
    """The sources of its projections."""
    translates: frozenset[str] = frozenset()
    """The sources of its reactions in the modules of anti-corruption layers."""
    hooks: tuple[str, ...] = ()
    """Its webhooks."""
    secrets: frozenset[str] = frozenset()
    """The environment variables with the secrets of its webhooks."""
    calls: frozenset[tuple[PartName, Component]] = frozenset()
    """Which of its components call what, as far as the code reveals: `("write", "billing.read")`."""
    asks_for_sql: tuple[str, ...] = ()
    """Its handlers that ask for `Sql`."""
    asks_for_session: tuple[str, ...] = ()
    """Its handlers that ask for a session of SQLAlchemy."""
    reactions: tuple[Group, ...] = ()
    """Its reactions, grouped by those that follow together."""
    may_be_left_out: frozenset[PartName] = frozenset()
    """Its components without any work."""

    @property
    def needed(self) -> frozenset[PartName]:
        """The components that some service must run."""
        return self.parts - self.may_be_left_out


Shapes = Mapping[str, ContextShape | None]
"""The shapes of all contexts of a system. None for a context that is not loaded in this process."""


@dataclass(frozen=True)
class PlacedService:
    """One service: the components that it runs of each context, and the places of the stores that it opens."""

    service: Service
    runs: Mapping[str, frozenset[PartName]]
    stores: Mapping[str, StorePlace]

    def has(self, context: str, part: PartName) -> bool:
        """Whether the service runs this component of a context."""
        return part in self.runs.get(context, ())

    def parts(self, context: str) -> list[PartName]:
        """The components of a context that run here, in the order write, read, edge, acl."""
        return [part for part in PARTS if self.has(context, part)]

    @property
    def title(self) -> str:
        """Its name, with the number of replicas if there are several."""
        return self.service.name + (f" ×{self.service.replicas}" if self.service.replicas > 1 else "")

    def ports(self, first: Address) -> str:
        """The addresses of all replicas, if the first one listens on `first`."""
        last = first.of_replica(self.service.replicas - 1)
        return str(first) if last == first else f"{first}-{last.port}"


@dataclass(frozen=True)
class Placement:
    """A topology that was placed without findings."""

    topology: Topology
    services: Mapping[str, PlacedService]
    homes: Mapping[Component, str]
    """The service that runs each component: `billing.write` → name of the service."""
    addresses: Mapping[str, tuple[str, ...]]
    """The places (host:port of each replica) that answer calls to `<context>.write`, `.read` and `.log`. Empty if the
    channel finds services by itself."""
    apart: frozenset[str]
    """The contexts whose `write` and `read` run in different services."""
    secrets: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """The environment variables with the secrets of each context's webhooks."""

    @property
    def contexts(self) -> list[str]:
        """The contexts with at least one placed component."""
        return list(dict.fromkeys(home.context for home in self.homes))

    @property
    def logs(self) -> list[str]:
        """The contexts that have a log: those of which some service runs write, read or acl."""
        return list(dict.fromkeys(home.context for home in self.homes if home.part in OPENING))

    @property
    def opened(self) -> list[str]:
        """The contexts whose stores some service opens."""
        return list(dict.fromkeys(context for placed in self.services.values() for context in placed.stores))


def place(topology: Topology, contexts: Shapes, with_edges: Collection[str] | None = None) -> Placement:
    """Places every component of every context in its service.

    `contexts` are all contexts of the system. The shape of a context that is not loaded in this process is None; the
    services that load it check its components. `with_edges` are the contexts that have an edge, which is known of all
    contexts; None: a context that is not loaded may have one.

    Raises `ModelError` with every finding.
    """
    return _Placing(topology, contexts, with_edges).settled()


def hosted_by(service: Service, names: Iterable[str], with_edges: Collection[str]) -> tuple[list[str], list[str]]:
    """The contexts of which a service runs `write`, `read` or `acl`, and those whose edge it runs, without knowing
    which components the contexts have. `names` are all contexts of the system. Ignores unknown entries, which `place`
    reports."""
    runs = _runs(service, {name: frozenset(PARTS) for name in names})
    kept = [name for name, parts in runs.items() if parts & {*OPENING}]
    return kept, [name for name, parts in runs.items() if "edge" in parts and name in with_edges]


def brokers(topology: Topology) -> list[ChannelPlace]:
    """The channels with a broker that has users."""
    return [channel for channel in topology.channels.values() if channel.technology.broker]


def reads_directly(topology: Topology) -> bool:
    """Whether services read the published channels of other contexts directly, in a shared database."""
    return topology.events is not None and topology.events.technology.direct


def _runs(service: Service, contexts: Mapping[str, frozenset[PartName]]) -> dict[str, frozenset[PartName]]:
    """The components that the entries stand for. `contexts` are the components of each context. Ignores wrong entries,
    which `_Placing.check_names` reports."""
    runs: dict[str, frozenset[PartName]] = {}
    for entry in service.runs:
        for context in contexts if entry.context == "*" else (entry.context,):
            has = contexts.get(context, frozenset[PartName]())
            named = has & {cast("PartName", entry.part)} if entry.part else has
            if named:
                runs[context] = runs.get(context, frozenset()) | named
    return runs


def _parts(contexts: Shapes, with_edges: Collection[str] | None, topology: Topology) -> dict[str, frozenset[PartName]]:
    """The components of each context. A context that is not loaded may have write and read, and acl if a service names
    it: nobody calls an acl, so nobody else has to know where it runs."""
    named = {entry.context for service in topology.services.values() for entry in service.runs if entry.part == "acl"}
    return {
        name: shape.parts if shape else frozenset(_possible(name, with_edges, named))
        for name, shape in contexts.items()
    }


def _possible(name: str, with_edges: Collection[str] | None, with_acl: Collection[str]) -> Iterable[PartName]:
    yield from ANSWERING
    if with_edges is None or name in with_edges:
        yield "edge"
    if name in with_acl or "*" in with_acl:
        yield "acl"


class _Placing:
    """A placement in progress, with its findings."""

    def __init__(self, topology: Topology, contexts: Shapes, with_edges: Collection[str] | None) -> None:
        self.topology = topology
        self.contexts = contexts
        self.parts = _parts(contexts, with_edges, topology)
        self.findings = Findings()
        self.places = {context: topology.store_of(context) for context in contexts}
        self.services = {name: self.placed(service) for name, service in topology.services.items()}

    def placed(self, service: Service) -> PlacedService:
        runs = _runs(service, self.parts)
        return PlacedService(service, runs, {name: self.places[name] for name, has in runs.items() if has & {*OPENING}})

    def settled(self) -> Placement:
        """The placement. Raises `ModelError` with every finding."""
        self.check_names()
        homes = self.homes()
        self.check_services()
        self.check_calls()
        self.check_ports()
        self.check_stores()
        self.check_doubled_stores()
        self.check_published()
        self.findings.settle()
        writes, reads = ({name: homes.get(Component(name, part)) for name in self.contexts} for part in ANSWERING)
        apart = {name for name in self.contexts if writes[name] and reads[name] and writes[name] != reads[name]}
        secrets = {name: shape.secrets for name, shape in self.contexts.items() if shape and shape.secrets}
        return Placement(self.topology, self.services, homes, self.addresses(), frozenset(apart), secrets)

    def report(self, code: str, table: str, key: str, what: str, *, expected: str, next: str = "") -> None:
        self.findings.report(code, self.at(table, key), what, expected=expected, next=next)

    def at(self, table: str, key: str) -> str:
        return " ".join(part for part in (self.topology.where, f"[{table}]", key) if part)

    # --- what runs where ---------------------------------------------------------------------------------------------

    def check_names(self) -> None:
        for name in self.topology.stores:
            if name != "default" and name not in self.contexts:
                self.report_unknown("stores", name, name, [*self.contexts, "default"])
        for service in self.topology.services.values():
            for entry in service.runs:
                table, name, part = f"services.{service.name}", entry.context, entry.part
                if name != "*" and name not in self.contexts:
                    self.report_unknown(table, "runs", name, self.contexts)
                elif part and part not in PARTS:
                    self.report_unknown(table, "runs", part, PARTS, "component")
                elif part and name != "*" and part not in self.parts[name]:
                    self.report(
                        "topology.absent-component", table, "runs", f"context {name!r} has no {part}",
                        expected=one_of(sorted(self.parts[name]), "no component: the context has none"),
                        next=f'remove "{entry}"',
                    )  # fmt: skip

    def report_unknown(self, table: str, key: str, name: str, known: Iterable[str], what: str = "context") -> None:
        self.report(
            "topology.unknown-name", table, key, f"there is no {what} {name!r}",
            expected=one_of(known), next=did_you_mean(name, known),
        )  # fmt: skip

    def homes(self) -> dict[Component, str]:
        """The service of each component. Reports a component without a service, or with several."""
        homes: dict[Component, str] = {}
        for context, shape in self.contexts.items():
            hosts = {part: [name for name, each in self.services.items() if each.has(context, part)] for part in PARTS}
            for part, services in hosts.items():
                component = Component(context, part)
                if services:
                    homes[component] = services[0]
                if len(services) > 1:
                    self.report(
                        "topology.placed-twice", "services", "", f"{component} runs in {' and '.join(services)}",
                        expected="one service per component",
                        next="remove it from all but one; replicas = 2 runs a whole service twice",
                    )  # fmt: skip
            runs = any(hosts.values())
            missing = [part for part in PARTS if shape and part in shape.needed and not hosts[part]]
            if missing or (shape is None and not runs):
                names = [Component(context, part) for part in (missing if runs else [""])]
                entries = ", ".join(f'"{name}"' for name in names)
                self.report(
                    "topology.unplaced", "services", "", f"no service runs {' and '.join(names)}",
                    expected="every component of every context in one service",
                    next=f"add it to a service: runs = [..., {entries}]",
                )  # fmt: skip
        return homes

    def check_services(self) -> None:
        for name, placed in self.services.items():
            table = f"services.{name}"
            edges = [context for context in placed.runs if placed.has(context, "edge")]
            hooks = [context for context in placed.runs if placed.has(context, "acl") and self.has_hooks(context)]
            if not placed.runs:
                self.report(
                    "topology.idle-service", table, "runs", f"service {name!r} has nothing to run",
                    expected="at least one component", next=f"add a component to runs, or remove [{table}]",
                )  # fmt: skip
            elif any(self.contexts[context] for context in [*edges, *hooks]) and placed.service.http is None:
                what = f"the edge of {', '.join(edges)}" if edges else f"the webhooks of {', '.join(hooks)}"
                self.report(
                    "topology.no-address", table, "http",
                    f"service {name!r} runs {what}, and has no address to listen on",
                    expected="the address of its HTTP edge", next='http = "127.0.0.1:8000"',
                )  # fmt: skip
            elif not edges and not hooks and placed.service.http is not None and not self.may_have_layers(placed):
                self.report(
                    "topology.unused", table, "http", f"service {name!r} runs no edge, so it does not use http",
                    expected="http only in a service that runs an edge or a webhook",
                    next='remove http, or add to runs: "*.edge"',
                )  # fmt: skip

    def has_hooks(self, context: str) -> bool:
        """Whether a context may have webhooks."""
        shape = self.contexts[context]
        return shape is None or bool(shape.hooks)

    def may_have_layers(self, placed: PlacedService) -> bool:
        """Whether a service may run the `acl` of a context that is not loaded, because it runs all of that context."""
        entire = {entry.context for entry in placed.service.runs if not entry.part}
        return any(self.contexts[name] is None and entire & {name, "*"} for name in placed.runs)

    # --- how services reach each other -------------------------------------------------------------------------------

    def check_calls(self) -> None:
        channel = self.topology.calls
        if channel is None and len(self.services) > 1:
            self.report(
                "topology.no-calls", "channels", "calls",
                f"{len(self.services)} services cannot call each other or read each other's logs",
                expected="a channel for calls between two or more services", next=f'calls = "{FOR_CALLS.form}"',
            )  # fmt: skip
        for name, placed in self.services.items():
            needed = channel is not None and not channel.technology.finds_services and bool(placed.stores)
            self.check_call_address(placed.service, needed)
            if placed.service.credentials and not brokers(self.topology):
                self.report(
                    "topology.unused", f"services.{name}", "credentials",
                    "there is no broker that could check these credentials",
                    expected="credentials only with a broker as a channel", next=f'events = "{FOR_BROKER.form}"',
                )  # fmt: skip
        check_keys(self.topology, self.findings)

    def check_call_address(self, service: Service, needed: bool) -> None:
        table, at = f"services.{service.name}", service.calls
        if needed and at is None:
            self.report(
                "topology.no-address", table, "calls", f"service {service.name!r} has no address to answer calls",
                expected="the address at which it answers calls", next='calls = "127.0.0.1:9000"',
            )  # fmt: skip
        elif not needed and at is not None:
            self.report(
                "topology.unused", table, "calls",
                f"service {service.name!r} does not use an address for calls",
                expected=f'only with channels.calls = "{FOR_CALLS.form}", in services that run write or read',
                next="remove calls",
            )  # fmt: skip
        elif at is not None and at.is_any:
            self.report(
                "topology.address", table, "calls", f"other services cannot connect to {at}",
                expected="the address by which other services reach this one", next='calls = "127.0.0.1:9000"',
            )  # fmt: skip
        elif at is not None and not at.is_loopback and not is_keyed(self.topology):
            self.report(
                "topology.open-calls", table, "calls",
                f"any program that reaches {at} can call every handler behind it",
                expected="a key pair for each service, or addresses that only this machine reaches",
                next=f"remit key {service.name}",
            )  # fmt: skip

    def check_ports(self) -> None:
        listening: list[_Listening] = []
        for service in self.topology.services.values():
            for key, first in (("http", service.http), ("calls", service.calls)):
                if first is None or first.port == 0:
                    continue
                last = first.of_replica(service.replicas - 1).port
                if last > LAST_PORT:
                    self.report(
                        "topology.ports", f"services.{service.name}", key,
                        f"replica {service.replicas - 1} would listen on port {last}",
                        expected=f"replica n on port + n, at most {LAST_PORT}", next="start with a lower port",
                    )  # fmt: skip
                else:
                    listening.append(_Listening(first, last, service.name, key))
        for one, other in combinations(listening, 2):
            port = max(one.first.port, other.first.port)
            if port <= min(one.last, other.last) and _overlap(one.first, other.first):
                self.report(
                    "topology.ports", f"services.{other.service}", other.key,
                    f"{one.key} of {one.service} and {other.key} of {other.service} both listen on port {port}",
                    expected="different ports; replica n of a service uses port + n",
                    next="change one of the two ports",
                )  # fmt: skip

    def addresses(self) -> dict[str, tuple[str, ...]]:
        addresses: dict[str, tuple[str, ...]] = {}
        for placed in self.services.values():
            service = placed.service
            places = tuple(str(service.calls.of_replica(n)) for n in range(service.replicas)) if service.calls else ()
            for context in placed.stores:
                for part in (*(part for part in ANSWERING if placed.has(context, part)), "log"):
                    component = Component(context, part)
                    addresses[component] = addresses.get(component, ()) + places
        return addresses

    # --- what the stores can keep ------------------------------------------------------------------------------------

    def report_store(self, code: str, context: str, what: str, *, expected: str, next: str) -> None:
        self.report(code, "stores", self.key_of(context), what, expected=expected, next=next)

    def key_of(self, context: str) -> str:
        return context if context in self.topology.stores else "default"

    def check_stores(self) -> None:
        # If a place is only a variable, it is checked by the services that open the store and have the variable.
        kinds = {context: store.technology for context, store in self.places.items() if store.technology}
        processes = sum(placed.service.replicas for placed in self.services.values())
        for context, kind in kinds.items():
            openers = [placed.service for placed in self.services.values() if context in placed.stores]
            if sum(each.replicas for each in openers) > 1 and not kind.shared_between_processes:
                names = [each.name + (f" ({each.replicas} replicas)" if each.replicas > 1 else "") for each in openers]
                self.report_store(
                    "topology.store-private", context,
                    f"the store of {context} can be opened by one process, and is opened by {' and '.join(names)}",
                    expected="a store that several processes can share",
                    next=f'{context} = "{DEFAULT_STORE}"',
                )  # fmt: skip
            elif not kind.durable and (processes > 1 or any(other.durable for other in kinds.values())):
                self.report_store(
                    "topology.store-forgets", context,
                    f"the store of {context} is lost with its process, but others keep positions in its log",
                    expected=f"{kind.form} for every context in one process, or for none",
                    next=f'{context} = "{DEFAULT_STORE}"',
                )  # fmt: skip
            shape = self.contexts[context]
            if shape is not None:
                asked = ("Sql", shape.asks_for_sql, kind.sql), ("a session", shape.asks_for_session, bool(kind.dialect))
                for wanted, asking, takes_sql in asked:
                    check_statements(
                        context, asking, self.findings, takes_sql=takes_sql, wanted=wanted,
                        where=self.at("stores", self.key_of(context)), next=f'{context} = "{FOR_STATEMENTS.form}"',
                    )  # fmt: skip

    def check_doubled_stores(self) -> None:
        first: dict[str, str] = {}
        for context, store in self.places.items():
            kind, other = store.technology, first.setdefault(store.shown, context)
            # Stores in memory may share a place: each service opens its own.
            if other != context and kind and (kind.durable or kind.shared_between_processes):
                self.report_store(
                    "topology.store-doubled", context, f"the contexts {other} and {context} have the same store",
                    expected="one store per context", next=f'default = "{DEFAULT_STORE}"',
                )  # fmt: skip

    def check_published(self) -> None:
        """All stores must be in one database, because any context may send commands to any other."""
        channel = self.topology.events
        if channel is None or not channel.technology.direct:
            return
        if channel.codec != CODECS[0] or channel.replicas > 1:
            self.report(
                "topology.unused", "channels", "events", "codec and replicas have no effect: no events are sent",
                expected="no further settings if followers read logs directly",
                next=f'events = "{channel.url.value}"',
            )  # fmt: skip
        databases = {context: store.database for context, store in self.places.items() if store.technology}
        first = next((context for context, database in databases.items() if database), "")
        for context, database in databases.items():
            if not database or database != databases[first]:
                self.report(
                    "topology.store-apart", "channels", "events",
                    f"the stores of {first} and {context} are not in one database, so neither can read the other's log"
                    if database
                    else f"the store of {context} is not in {FOR_LOGS.title}, so no other context can read its log",
                    expected=f"all stores in schemas of one {FOR_LOGS.title} database, or a broker",
                    next=f'[stores] default = "{FOR_LOGS.form}", or remove events'
                    .replace("USER", "{context}:${PASSWORD}"),
                )  # fmt: skip


class _Listening(NamedTuple):
    """The ports of all replicas of a service for one of its addresses."""

    first: Address
    last: int
    service: str
    key: str


def _overlap(one: Address, other: Address) -> bool:
    return one.is_any or other.is_any or one.host == other.host or (one.is_loopback and other.is_loopback)
