"""The plan: a topology put on the contexts of a system. Pure; refuses what cannot keep the guarantees."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple, cast, get_args

from remit.errors import Findings
from remit.topology.channels import CODECS, FOR_BROKER, FOR_CALLS, FOR_LOGS
from remit.topology.file import LAST_PORT, Address, Channel, Service, Topology
from remit.topology.stores import DEFAULT_STORE, FOR_STATEMENTS, StorePlace
from remit.topology.tables import did_you_mean

Component = Literal["write", "read", "edge"]
COMPONENTS: tuple[Component, ...] = get_args(Component)
_KEEPING: tuple[Component, ...] = ("write", "read")
"""The components that open the context's store and answer calls."""


@dataclass(frozen=True)
class ContextShape:
    """What the plan has to know of a context: which components it has, and with whom it integrates."""

    components: frozenset[Component] = frozenset(COMPONENTS)
    reacts_to: frozenset[str] = frozenset()
    """Sources of its reactions and of commands sent to it for later; itself included where it follows itself."""
    projects: frozenset[str] = frozenset()
    """Sources of its projections."""
    calls: frozenset[tuple[Component, str]] = frozenset()
    """Which of its components call what, as far as can be seen: `("write", "billing.read")`."""
    asks_for_sql: tuple[str, ...] = ()
    """Its handlers that run statements of their own."""


@dataclass(frozen=True)
class PlacedService:
    """One service: the components of each context it runs, and where the stores are that it opens."""

    service: Service
    runs: Mapping[str, frozenset[Component]]
    stores: Mapping[str, StorePlace]

    def has(self, context: str, component: Component) -> bool:
        """Whether the component runs in this service."""
        return component in self.runs.get(context, ())

    def parts(self, context: str) -> list[Component]:
        """The components of a context that run here, in their usual order."""
        return [component for component in COMPONENTS if self.has(context, component)]

    @property
    def title(self) -> str:
        """Its name, and how many there are of it if not one."""
        return self.service.name + (f" ×{self.service.replicas}" if self.service.replicas > 1 else "")

    def ports(self, first: Address) -> str:
        """Where it listens, replicas included, if the first one listens there."""
        last = first.of_replica(self.service.replicas - 1)
        return str(first) if last == first else f"{first}-{last.port}"


@dataclass(frozen=True)
class Placement:
    """A topology that holds."""

    topology: Topology
    services: Mapping[str, PlacedService]
    homes: Mapping[str, str]
    """The service of each component: `billing.write` → its name."""
    addresses: Mapping[str, tuple[str, ...]]
    """Where calls to `<context>.write`, `.read` and `.log` are answered: host:port of every replica that does. No
    places where the channel finds services by itself."""
    apart: frozenset[str]
    """The contexts whose `write` and `read` run in different services."""

    @property
    def contexts(self) -> list[str]:
        """The contexts that have a component anywhere."""
        return list(dict.fromkeys(home.partition(".")[0] for home in self.homes))

    @property
    def opened(self) -> list[str]:
        """The contexts whose stores are opened by any service."""
        return list(dict.fromkeys(context for placed in self.services.values() for context in placed.stores))


def place(topology: Topology, contexts: Mapping[str, ContextShape | None]) -> Placement:
    """Puts every component of every context into its service.

    `contexts` are those of the whole system. The shape of one that is not loaded in this process is None: which
    components it has is then judged by the services that load it.

    Raises `ModelError` with every finding.
    """
    findings = Findings()
    _check_names(topology, contexts, findings)
    runs = {name: _runs(service, contexts) for name, service in topology.services.items()}
    homes = _homes(topology, contexts, runs, findings)
    services = {
        service.name: PlacedService(
            service,
            runs[service.name],
            {name: topology.store_of(name) for name, parts in runs[service.name].items() if parts & {*_KEEPING}},
        )
        for service in topology.services.values()
    }
    _check_services(topology, services, contexts, findings)
    _check_calls(topology, services, findings)
    _check_ports(topology, findings)
    _check_stores(topology, services, contexts, findings)
    _check_published(topology, contexts, findings)
    findings.settle()
    apart = {name for name in contexts if len({homes.get(f"{name}.{part}", "") for part in _KEEPING} - {""}) > 1}
    return Placement(topology, services, homes, _addresses(topology, services), frozenset(apart))


def contexts_of(service: Service, names: Iterable[str]) -> Collection[str]:
    """The contexts of which a service runs anything, `names` being those of the whole system; as far as it tells
    without knowing which components they have. An entry that names none, `place` refuses."""
    return _runs(service, dict.fromkeys(names)).keys()


def _at(topology: Topology, table: str, key: str = "") -> str:
    return " ".join(part for part in (topology.where, f"[{table}]", key) if part)


# --- what runs where -------------------------------------------------------------------------------------------------


def _check_names(topology: Topology, contexts: Mapping[str, ContextShape | None], findings: Findings) -> None:
    for name in topology.stores:
        if name != "default" and name not in contexts:
            _report_unknown(_at(topology, "stores", name), name, [*contexts, "default"], findings)
    for service in topology.services.values():
        for entry in service.runs:
            name, _, part = entry.partition(".")
            where = _at(topology, f"services.{service.name}", "runs")
            if name != "*" and name not in contexts:
                _report_unknown(where, name, contexts, findings)
            elif part and part not in COMPONENTS:
                _report_unknown(where, part, COMPONENTS, findings, "component")
            elif part and (shape := contexts.get(name)) and part not in shape.components:
                findings.report(
                    "topology.absent-component", where, f"context {name!r} has no {part}",
                    expected=f"one of: {', '.join(sorted(shape.components))}", next=f'leave out "{entry}"',
                )  # fmt: skip


def _report_unknown(
    where: str, name: str, known: Mapping[str, object] | tuple[str, ...] | list[str], findings: Findings,
    what: str = "context",
) -> None:  # fmt: skip
    findings.report(
        "topology.unknown-name", where, f"there is no {what} {name!r}",
        expected=f"one of: {', '.join(known)}", next=did_you_mean(name, known),
    )  # fmt: skip


def _runs(service: Service, contexts: Mapping[str, ContextShape | None]) -> dict[str, frozenset[Component]]:
    """What an entry stands for; of what is wrong with it, `_check_names` speaks."""
    runs: dict[str, frozenset[Component]] = {}
    for entry in service.runs:
        name, _, part = entry.partition(".")
        for context in contexts if name == "*" else (name,):
            shape = contexts.get(context)
            has = shape.components if shape else frozenset(COMPONENTS)
            named = has & {cast("Component", part)} if part else has
            if named and context in contexts:
                runs[context] = runs.get(context, frozenset()) | named
    return runs


def _homes(
    topology: Topology,
    contexts: Mapping[str, ContextShape | None],
    runs: Mapping[str, Mapping[str, frozenset[Component]]],
    findings: Findings,
) -> dict[str, str]:
    """The service of each component; one that has none, or several, is a finding."""
    homes: dict[str, str] = {}
    for context, shape in contexts.items():
        hosts = {part: [name for name, run in runs.items() if part in run.get(context, ())] for part in COMPONENTS}
        for part, services in hosts.items():
            if services:
                homes[f"{context}.{part}"] = services[0]
            if len(services) > 1:
                findings.report(
                    "topology.placed-twice", _at(topology, "services"),
                    f"{context}.{part} runs in {' and '.join(services)}", expected="one service per component",
                    next="leave it to one of them; replicas = 2 runs a whole service twice",
                )  # fmt: skip
        missing = [part for part in COMPONENTS if shape and part in shape.components and not hosts[part]]
        if shape is None and not any(hosts.values()):
            missing = [*COMPONENTS]
        if missing:
            names = [context] if not any(hosts.values()) else [f"{context}.{part}" for part in missing]
            entries = ", ".join(f'"{name}"' for name in names)
            findings.report(
                "topology.unplaced", _at(topology, "services"), f"no service runs {' and '.join(names)}",
                expected="every component of every context in one service",
                next=f"add it to a service: runs = [..., {entries}]",
            )  # fmt: skip
    return homes


def _check_services(
    topology: Topology,
    services: Mapping[str, PlacedService],
    contexts: Mapping[str, ContextShape | None],
    findings: Findings,
) -> None:
    for name, placed in services.items():
        where = f"services.{name}"
        edges = [context for context in placed.runs if placed.has(context, "edge")]
        if not placed.runs:
            findings.report(
                "topology.idle-service", _at(topology, where, "runs"), f"service {name!r} has nothing to run",
                expected="at least one component", next=f"give it one, or leave out [{where}]",
            )  # fmt: skip
        elif any(contexts[context] for context in edges) and placed.service.http is None:
            findings.report(
                "topology.no-address", _at(topology, where, "http"),
                f"service {name!r} runs the edge of {', '.join(edges)}, and nobody knows where it listens",
                expected="the address of its edge", next='http = "127.0.0.1:8000"',
            )  # fmt: skip
        elif not edges and placed.service.http is not None:
            findings.report(
                "topology.unused", _at(topology, where, "http"), f"service {name!r} runs no edge, and listens for none",
                expected="http only where an edge runs", next='leave it out, or add to runs: "*.edge"',
            )  # fmt: skip


# --- how services reach each other -----------------------------------------------------------------------------------


def _check_calls(topology: Topology, services: Mapping[str, PlacedService], findings: Findings) -> None:
    channel = topology.calls
    if channel is None and len(services) > 1:
        findings.report(
            "topology.no-calls", _at(topology, "channels", "calls"),
            f"{len(services)} services have no way to call each other, nor to read each other's logs",
            expected="a channel for calls as soon as there are two services", next=f'calls = "{FOR_CALLS.form}"',
        )  # fmt: skip
    for name, placed in services.items():
        needed = channel is not None and not channel.technology.finds_services and bool(placed.stores)
        _check_call_address(topology, placed.service, needed, findings)
        if placed.service.credentials and not brokers(topology):
            findings.report(
                "topology.unused", _at(topology, f"services.{name}", "credentials"),
                "there is no broker that would know these credentials",
                expected="credentials only beside a channel with a broker", next=f'events = "{FOR_BROKER.form}"',
            )  # fmt: skip
    if channel and channel.secret and channel.technology.broker:
        findings.report(
            "topology.unused", _at(topology, "channels", "calls secret"), "services show the broker no shared secret",
            expected="credentials for the broker", next='[services.NAME] credentials = "user:${PASSWORD}"',
        )  # fmt: skip


def brokers(topology: Topology) -> list[Channel]:
    """The channels that have a broker, which knows its users."""
    return [channel for channel in (topology.events, topology.calls) if channel and channel.technology.broker]


def _check_call_address(topology: Topology, service: Service, needed: bool, findings: Findings) -> None:
    where = _at(topology, f"services.{service.name}", "calls")
    if needed and service.calls is None:
        findings.report(
            "topology.no-address", where, f"nobody knows where service {service.name!r} answers calls",
            expected="the address where it answers calls", next='calls = "127.0.0.1:9000"',
        )  # fmt: skip
    elif not needed and service.calls is not None:
        findings.report(
            "topology.unused", where, f"service {service.name!r} answers no calls at an address of its own",
            expected=f'only with channels.calls = "{FOR_CALLS.form}", in services that run write or read',
            next="leave it out",
        )  # fmt: skip
    elif service.calls is not None and service.calls.is_any:
        findings.report(
            "topology.address", where, f"{service.calls} is no address that others can dial",
            expected="the address by which the other services reach it", next='calls = "127.0.0.1:9000"',
        )  # fmt: skip
    elif service.calls is not None and not service.calls.is_loopback and not (topology.calls and topology.calls.secret):
        findings.report(
            "topology.open-calls", where, f"whoever reaches {service.calls} may call every handler behind it",
            expected="a secret that the services share, or addresses that only this machine reaches",
            next=f'[channels] calls = {{ url = "{FOR_CALLS.form}", secret = "${{SECRET}}" }}',
        )  # fmt: skip


class _Listening(NamedTuple):
    address: Address
    place: str
    who: str


def _check_ports(topology: Topology, findings: Findings) -> None:
    listening: list[_Listening] = []
    for service in topology.services.values():
        for key, first in (("http", service.http), ("calls", service.calls)):
            if first is None:
                continue
            where = _at(topology, f"services.{service.name}", key)
            last = first.of_replica(service.replicas - 1)
            if last.port > LAST_PORT:
                findings.report(
                    "topology.ports", where, f"replica {service.replicas - 1} would listen on port {last.port}",
                    expected=f"replica n on port + n, at most {LAST_PORT}", next="begin with a lower port",
                )  # fmt: skip
            else:
                listening += [
                    _Listening(first.of_replica(n), where, f"{key} of {service.name}") for n in range(service.replicas)
                ]
    reported: set[tuple[str, str]] = set()
    for one, other in _colliding(listening):
        if (one.place, other.place) not in reported:
            reported.add((one.place, other.place))
            findings.report(
                "topology.ports", other.place, f"{one.who} and {other.who} both listen on port {one.address.port}",
                expected="a port for each; replica n of a service takes port + n",
            )  # fmt: skip


def _colliding(listening: list[_Listening]) -> Iterator[tuple[_Listening, _Listening]]:
    by_port: dict[int, list[_Listening]] = {}
    for each in listening:
        by_port.setdefault(each.address.port, []).append(each)
    by_port.pop(0, None)
    for several in by_port.values():
        for one, other in combinations(several, 2):
            if _overlap(one.address, other.address):
                yield one, other


def _overlap(one: Address, other: Address) -> bool:
    return one.is_any or other.is_any or one.host == other.host or (one.is_loopback and other.is_loopback)


def _addresses(topology: Topology, services: Mapping[str, PlacedService]) -> dict[str, tuple[str, ...]]:
    addresses: dict[str, tuple[str, ...]] = {}
    for placed in services.values():
        service = placed.service
        places = tuple(str(service.calls.of_replica(n)) for n in range(service.replicas)) if service.calls else ()
        for context in placed.stores:
            for name in (*(part for part in _KEEPING if placed.has(context, part)), "log"):
                addresses[f"{context}.{name}"] = addresses.get(f"{context}.{name}", ()) + places
    return addresses


# --- what the stores can keep ----------------------------------------------------------------------------------------


def _check_stores(
    topology: Topology,
    services: Mapping[str, PlacedService],
    contexts: Mapping[str, ContextShape | None],
    findings: Findings,
) -> None:
    places = {context: topology.store_of(context) for context in contexts}
    # A place that is wholly a variable is known to those who have the store, and judged by them.
    kinds = {context: store.technology for context, store in places.items() if store.technology}
    processes = sum(placed.service.replicas for placed in services.values())
    for context, kind in kinds.items():
        where = _at(topology, "stores", context if context in topology.stores else "default")
        opened = [
            f"{name} ({placed.service.replicas} replicas)" if placed.service.replicas > 1 else name
            for name, placed in services.items()
            if context in placed.stores
        ]
        count = sum(placed.service.replicas for placed in services.values() if context in placed.stores)
        if count > 1 and not kind.shared_between_processes:
            findings.report(
                "topology.store-private", where,
                f"the store of {context} is within one process, and is opened by {' and '.join(opened)}",
                expected="a store that processes can share, so that what writes stays with its store",
                next=f'{context} = "{DEFAULT_STORE}"',
            )  # fmt: skip
        elif not kind.durable and (processes > 1 or any(other.durable for other in kinds.values())):
            findings.report(
                "topology.store-forgets", where,
                f"the store of {context} is lost with its process, and what others know of its log is not",
                expected=f"{kind.form} for every context in one process, or for none",
                next=f'{context} = "{DEFAULT_STORE}"',
            )  # fmt: skip
        shape = contexts[context]
        if shape is not None and shape.asks_for_sql and not kind.sql:
            findings.report(
                "store.no-sql", where,
                f"the store of {context} takes no statements, and {' and '.join(shape.asks_for_sql)} asks for Sql",
                expected=f"a store in {FOR_STATEMENTS.title}", next=f'{context} = "{FOR_STATEMENTS.form}"',
            )  # fmt: skip
    _check_doubled_stores(topology, places, findings)


def _check_doubled_stores(topology: Topology, places: Mapping[str, StorePlace], findings: Findings) -> None:
    first: dict[str, str] = {}
    for context, store in places.items():
        kind, other = store.technology, first.setdefault(store.shown, context)
        if other != context and kind and (kind.durable or kind.shared_between_processes):  # else each opens its own
            findings.report(
                "topology.store-doubled", _at(topology, "stores", context if context in topology.stores else "default"),
                f"the contexts {other} and {context} have one store", expected="a store for each context",
                next=f'default = "{DEFAULT_STORE}"',
            )  # fmt: skip


def reads_directly(topology: Topology) -> bool:
    """Whether services read the published channels of others themselves, in the database that they share."""
    return topology.events is not None and topology.events.technology.direct


def _check_published(topology: Topology, contexts: Mapping[str, ContextShape | None], findings: Findings) -> None:
    """A context may be sent commands by any other, so all must be within reach."""
    channel = topology.events
    if channel and reads_directly(topology) and (channel.codec != CODECS[0] or channel.replicas > 1):
        findings.report(
            "topology.unused", _at(topology, "channels", "events"), "nothing is sent that has a codec, or replicas",
            expected="no further settings where followers read logs themselves", next=f'events = "{channel.url.value}"',
        )  # fmt: skip
    stores = {context: topology.store_of(context) for context in contexts}
    databases = {context: store.database for context, store in stores.items() if store.technology}
    first = next((context for context, database in databases.items() if database), "")
    for context, database in databases.items() if reads_directly(topology) else ():
        if not database or database != databases[first]:
            findings.report(
                "topology.store-apart", _at(topology, "channels", "events"),
                f"the stores of {first} and {context} are not in one database, so neither can read the other's log"
                if database
                else f"the store of {context} is not in {FOR_LOGS.title}, so nobody else can read its log there",
                expected=f"all stores in schemas of one {FOR_LOGS.title} database, or a broker",
                next=f'[stores] default = "{FOR_LOGS.form}", or leave out events'
                .replace("USER", "{context}:${PASSWORD}"),
            )  # fmt: skip
