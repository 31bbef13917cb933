"""The topology file: which service runs what, on which stores and channels. Parsed and checked without the system."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from remit.errors import ChannelError, Finding, Findings, ModelError, StoreError
from remit.messages import Encoding
from remit.messages.component import Component
from remit.topology import DEFAULT_STORE
from remit.topology.channels import (
    CODECS,
    FOR_BROKER,
    FOR_CALLS,
    all_channel_forms,
    channel_forms,
    channel_technology,
    near_channel,
)
from remit.topology.secret import Secret
from remit.topology.stores import (
    STORE_FORMS,
    StorePlace,
    near_store,
    store_at,
    store_forms,
    store_technology,
)
from remit.topology.tables import Reading, Table, did_you_mean
from remit.transports.technology import ChannelTechnology

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_RUNS = re.compile(r"(\*|[a-z][a-z0-9_-]*)(\.[a-z]+)?")
_PUBLIC = re.compile(r"[A-Za-z0-9_-]{43}")
LAST_PORT = 65535
_PROCESSES, _SERVERS = 1000, 5
"""The most replicas of a service, and the most copies of a stream in a broker."""


class Address(NamedTuple):
    """The address on which a service listens. An IPv6 host is stored without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def of_replica(self, number: int) -> Address:
        """The address of a replica (from 0): port + number. Port 0 stays 0: a free port for each replica."""
        return self if self.port == 0 else Address(self.host, self.port + number)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host == "localhost" or _is_ip(self.host, "is_loopback")

    @property
    def is_any(self) -> bool:
        """Whether it stands for every address of the machine, so that it cannot be dialled."""
        return _is_ip(self.host, "is_unspecified")


class KeyTexts(NamedTuple):
    """A key pair as the file gives it. Each half may be missing, which `place` reports."""

    private: Secret | None
    public: str | None


@dataclass(frozen=True)
class ChannelPlace:
    """How events or calls travel between services. `url` may contain a password; `place` is safe to show."""

    technology: ChannelTechnology
    url: Secret
    place: str
    codec: Encoding = "json"
    keys: KeyTexts | None = None
    """The key pair of programs that call the services from outside, if no broker knows its users."""
    replicas: int = 1
    """The number of servers in a cluster on which the broker keeps each stream."""


@dataclass(frozen=True)
class Service:
    """One service: what it runs, and where it listens."""

    name: str
    runs: tuple[Component, ...]
    """As written in the file. The context may be `*`."""
    http: Address | None = None
    """The address of its HTTP edge."""
    calls: Address | None = None
    """The address at which it answers calls, if the channel does not find services by itself."""
    replicas: int = 1
    credentials: Secret | None = None
    """`user:password` at the broker."""
    keys: KeyTexts | None = None
    """Its key pair, with which it proves its calls, if no broker knows its users."""


@dataclass(frozen=True)
class Topology:
    """A well-formed topology file. `place` decides whether it can keep the guarantees."""

    where: str
    """The path of the file as it was given."""
    system: str
    """`module:attribute`, or a module."""
    stores: Mapping[str, Secret]
    """The places of stores by context, as written, with absolute paths. "default" is the place of all others."""
    events: ChannelPlace | None
    calls: ChannelPlace | None
    services: Mapping[str, Service]
    open_variables: frozenset[str] = frozenset()
    """The environment variables in values that are not secret. Every process reads them."""
    archives: Path | None = None
    """The folder with the archives of logs, as an absolute path."""

    @property
    def channels(self) -> Mapping[str, ChannelPlace]:
        """The channels in the file, by what they carry: `events` and `calls`."""
        both = {"events": self.events, "calls": self.calls}
        return {name: channel for name, channel in both.items() if channel is not None}

    def store_of(self, context: str) -> StorePlace:
        """The place of the store of a context."""
        return store_at(self.stores.get(context, self.stores["default"]), context)


def read_topology(path: str | Path, environment: Mapping[str, str] = os.environ, *, whole: bool = True) -> Topology:
    """Parses the topology in a file. `${NAME}` in a value stands for an environment variable.

    A process that needs only some of the secrets passes `whole=False`. Then a variable that is missing in the address
    of a store, in credentials or in a secret is reported only by the process that needs it.

    Raises `ModelError` with every finding: the file cannot be read or is not TOML, unknown keys, values of a wrong
    type, wrong addresses, missing variables.
    """
    topology, findings = examine_topology(path, environment, whole=whole)
    findings.settle()
    return topology


def examine_topology(
    path: str | Path, environment: Mapping[str, str] = os.environ, *, whole: bool = True
) -> tuple[Topology, Findings]:
    """As `read_topology`, with the findings beside what could be read. Raises `ModelError` only for a file that cannot
    be read or is not TOML."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise _unreadable(
            "topology.missing", str(path), f"the topology cannot be read: {what}", "a TOML file",
            "check the path: it is relative to the working directory",
        ) from None  # fmt: skip
    return _parse(text, str(path), path.absolute().parent, environment, whole=whole)


def parse_topology(
    text: str, where: str, folder: Path, environment: Mapping[str, str], *, whole: bool = True
) -> Topology:
    """Parses the topology in a text. Relative paths are relative to `folder`. Raises `ModelError` as `read_topology`
    does."""
    topology, findings = _parse(text, where, folder, environment, whole=whole)
    findings.settle()
    return topology


def _parse(
    text: str, where: str, folder: Path, environment: Mapping[str, str], *, whole: bool
) -> tuple[Topology, Findings]:
    try:
        document = tomllib.loads(text)
        repr(document)  # fails for a number of so many digits that no finding could show it
    except (ValueError, RecursionError) as error:  # also a number of too many digits
        raise _unreadable(
            "topology.syntax", where, f"this is not TOML: {error}", "TOML 1.0",
            'write strings in quotes and lists in brackets: runs = ["*"]',
        ) from None  # fmt: skip
    reading = Reading(where, environment, whole)
    root = Table(document, "", reading)
    system = root.text("system", required='system = "package.module:attribute"')
    stores = _read_stores(root.table("stores"), folder)
    channels = root.table("channels")
    events = _read_channel(channels, "events")
    calls = _read_channel(channels, "calls")
    channels.finish()
    services = _read_services(root.table("services", required='[services.all]\nruns = ["*"]'))
    archives = root.text("archives", expected='the path of a folder, as in "archives"')
    root.finish()
    at = folder / archives if archives else None
    topology = Topology(where, system or "", stores, events, calls, services, frozenset(reading.open), at)
    return topology, reading.findings


def _unreadable(code: str, where: str, what: str, expected: str, next: str) -> ModelError:
    return ModelError(findings=[Finding(code, where, what, expected, next)])


def _read_stores(table: Table, folder: Path) -> dict[str, Secret]:
    stores = {"default": Secret(_resolved(DEFAULT_STORE, folder))}
    for context in table.values:
        place = table.secret(context, expected=STORE_FORMS)
        if place is None:
            continue
        try:
            technology = store_technology(place.text)
            if technology is None and place.lacks:  # the scheme is in a variable that only a process with the store has
                stores[context] = place
            elif technology is None or not technology.fits(place.text):
                near = near_store(place.text)
                table.report(
                    "topology.technology", context, f"{table.shown(context)!r} is not the address of a store",
                    expected=store_forms(),
                    next=f'did you mean "{near}..."?' if near else f'{context} = "{DEFAULT_STORE}"',
                )  # fmt: skip
            else:
                store_at(place, context)
                stores[context] = place.within(_resolved(place.text, folder))
        except StoreError as error:
            table.report("topology.address", context, error.what, expected=error.expected, next=error.next)
    return stores


def _resolved(place: str, folder: Path) -> str:
    technology, (scheme, _, path) = store_technology(place), place.partition(":")
    return f"{scheme}:{os.path.normpath(folder / path)}" if technology and technology.path else place


def _read_channel(channels: Table, key: str) -> ChannelPlace | None:
    """Reads a channel: a URL, or a table with the URL and its settings."""
    value = channels.values.get(key)
    if isinstance(value, dict):
        table = channels.table(key)
        channel = _read_url(table, "url", key, required=f'url = "{FOR_BROKER.form}"')
        codec = _read_codec(table)
        keys = _read_keys(table) if key == "calls" else None
        _refuse_secret(table)
        replicas = _read_replicas(table, _SERVERS) if key == "events" else 1
        table.finish()
        return channel and replace(channel, codec=codec, keys=keys, replicas=replicas)
    return _read_url(channels, key, key)


def _read_keys(table: Table) -> KeyTexts | None:
    """The settings `key` and `public`."""
    private = table.secret("key")
    public = table.text("public")
    if public is not None and not _PUBLIC.fullmatch(public):
        table.report(
            "topology.value", "public", "this is not a public key", expected="43 letters, digits, - and _",
            next="remit key NAME makes a key pair",
        )  # fmt: skip
    return KeyTexts(private, public) if {"key", "public"} & {*table.values} else None


def _refuse_secret(table: Table) -> None:
    """The setting of older releases: a secret that all services share tells nobody who calls."""
    if "secret" in table.values and table.name == "channels.calls":
        table.taken.append("secret")
        table.report(
            "topology.shared-secret", "secret", "services no longer share a secret: it does not tell which one calls",
            expected="a key pair for each service", next="remove secret, and add what `remit key SERVICE` prints",
        )  # fmt: skip


def _read_codec(table: Table) -> Encoding:
    codec = table.text("codec")
    for known in CODECS:
        if codec in (None, known):
            return known
    table.report(
        "topology.value", "codec", f"there is no codec {table.shown('codec')!r}",
        expected=" or ".join(CODECS), next=did_you_mean(codec or "", CODECS),
    )  # fmt: skip
    return CODECS[0]


def _read_url(table: Table, key: str, carries: str, required: str = "") -> ChannelPlace | None:
    expected = channel_forms(carries)
    secret = table.secret(key, expected=f"{expected}, or a table with url and codec", required=required)
    if secret is None or table.filled(key, without_users(str(table.values[key]))) is None:
        return None
    try:
        technology = channel_technology(secret.text, carries)
    except (ChannelError, StoreError) as error:
        table.report("topology.technology", key, error.what, expected=error.expected, next=error.next)
        return None
    if technology is None:
        what = f"{table.shown(key)!r} is not a channel for {carries}"
        near, usual = near_channel(secret.text, carries), FOR_BROKER if carries == "events" else FOR_CALLS
        table.report(
            "topology.technology", key, what, expected=all_channel_forms(carries),
            next=f'did you mean "{near}"?' if near else f'{key} = "{usual.form}"',
        )  # fmt: skip
        return None
    place = technology.shown(secret.text) if technology.schemes else technology.name
    if place is None:
        table.report(
            "topology.address", key, f"{table.shown(key)!r} is not the address of a broker", expected=expected,
            next=f'{key} = "{FOR_BROKER.form}"',
        )  # fmt: skip
        return None
    return ChannelPlace(technology, secret, place)


def without_users(url: str) -> str:
    """The addresses of servers in a URL, without users and passwords: the part that is not secret."""
    return re.sub(r"(?<=//)[^,]*@", "", url)


def is_service_name(name: str) -> bool:
    """Whether a service may have this name."""
    return bool(_NAME.fullmatch(name))


def _read_services(services: Table) -> dict[str, Service]:
    found: dict[str, Service] = {}
    for name in services.values:
        table = services.table(name)
        if not is_service_name(name):
            table.report(
                "topology.value", "", f"{name!r} cannot be the name of a service",
                expected="at most 63 lower-case letters, digits, '-' and '_', beginning with a letter",
                next="rename the table: [services.NAME]",
            )  # fmt: skip
        if isinstance(services.values[name], dict):
            found[name] = _read_service(name, table)
    return found


def _read_service(name: str, table: Table) -> Service:
    service = Service(
        name,
        _read_runs(table),
        _read_address(table, "http", least=0),
        _read_address(table, "calls", least=1),
        _read_replicas(table, _PROCESSES),
        _read_credentials(table),
        _read_keys(table),
    )
    table.finish()
    return service


def _read_runs(table: Table) -> tuple[Component, ...]:
    expected = 'a list of "*", "context", "context.component" and "*.component"'
    values: list[Any] = table.take("runs", list, expected, 'runs = ["*"]') or []
    runs: list[Component] = []
    for value in values:
        entry = table.filled("runs", value) if isinstance(value, str) else None
        if entry is not None and _RUNS.fullmatch(entry):
            runs.append(Component.read(entry))
        elif entry is not None or not isinstance(value, str):
            table.report(
                "topology.value", "runs", f"{value!r} does not name a context or component", expected=expected,
                next='runs = ["*"] for the whole system',
            )  # fmt: skip
    return tuple(dict.fromkeys(runs))


def _read_address(table: Table, key: str, *, least: int) -> Address | None:
    text = table.text(key, expected='"HOST:PORT"')
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    is_host = bool(re.fullmatch(r"[A-Za-z0-9._-]+", host)) or (bare != host and _is_ip(bare))
    if is_host and port.isdecimal() and port.isascii() and least <= int(port[:6]) <= LAST_PORT:
        return Address(bare, int(port))
    table.report(
        "topology.address", key, f"{table.shown(key)!r} is not an address to listen on",
        expected=f"HOST:PORT, with a port from {least} to {LAST_PORT}", next=f'{key} = "127.0.0.1:8000"',
    )  # fmt: skip
    return None


def _read_replicas(table: Table, most: int) -> int:
    replicas = table.take("replicas", int, "a whole number")
    if replicas is None:
        return 1
    if not 1 <= replicas <= most:
        table.report(
            "topology.value", "replicas", f"there cannot be {replicas} replicas", expected=f"from 1 to {most}",
            next="replicas = 1",
        )  # fmt: skip
        return 1
    return int(replicas)


def _read_credentials(table: Table) -> Secret | None:
    secret = table.secret("credentials", expected='"user:password"')
    if secret is None:
        return None
    user, _, password = secret.text.partition(":")
    if not secret.lacks and not (user and password):
        table.report(
            "topology.value", "credentials", "the value is not user:password (it is not shown)",
            expected="user:password", next='credentials = "user:${PASSWORD}"',
        )  # fmt: skip
        return None
    return secret


def _is_ip(host: str, quality: str = "version") -> bool:
    """Whether the host is a literal IP address with this property."""
    try:
        return bool(getattr(ipaddress.ip_address(host), quality))
    except ValueError:
        return False
