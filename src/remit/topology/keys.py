"""The key pairs of a topology: every service has one, or none has."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from remit.errors import Finding, Findings
from remit.topology.channels import FOR_CALLS
from remit.topology.file import Address, KeyTexts, Topology


def is_keyed(topology: Topology) -> bool:
    """Whether services prove their names by key pairs."""
    return any(service.keys for service in topology.services.values())


def is_proved(topology: Topology) -> bool:
    """Whether services prove their names, by key pairs or as users of a broker."""
    return is_keyed(topology) or any(service.credentials for service in topology.services.values())


def check_keys(topology: Topology, findings: Findings) -> None:
    """Reports halves of key pairs, services without one beside others with one, key pairs of two services, and key
    pairs that nothing checks."""
    pairs = dict(_pairs(topology))
    if not any(pairs.values()):
        return
    channel = topology.calls
    if channel is None or not channel.technology.keys:
        for where in (where for where, keys in pairs.items() if keys):
            findings.report(
                "topology.unused", f"{topology.where} {where} key", "nothing checks this key pair",
                expected=f'key pairs only with calls = "{FOR_CALLS.form}"; a broker checks credentials',
                next="remove key and public",
            )  # fmt: skip
        return
    owners: dict[str, str] = {}
    for where, keys in pairs.items():
        name = where.strip("[]").rpartition(".")[2]
        if keys is None and where == _OUTSIDE:
            continue  # then no program calls the services from outside
        if keys is None or keys.private is None or keys.public is None:
            findings.report(
                "topology.no-key", f"{topology.where} {where}", f"{name} has no key pair, or only half of one",
                expected="key and public in every service, if one service has them", next=f"remit key {name}",
            )  # fmt: skip
        elif (other := owners.setdefault(keys.public, where)) != where:
            findings.report(
                "topology.shared-key", f"{topology.where} {where} public", f"this is also the key of {other}",
                expected="a key pair for each service", next=f"remit key {name}",
            )  # fmt: skip


def notes_on(topology: Topology) -> list[Finding]:
    """A note if a broker that other machines reach cannot tell which service calls."""
    channel = topology.calls
    unknown = [name for name, service in topology.services.items() if not service.credentials]
    if channel is None or not channel.technology.broker or len(topology.services) < 2 or not unknown:
        return []
    hosts = {urlsplit(each.strip()).hostname or "" for each in channel.place.split(",")}
    if all(Address(host, 0).is_loopback for host in hosts):
        return []
    return [
        Finding(
            "topology.unproved", f"{topology.where} [services.{unknown[0]}] credentials",
            f"{', '.join(unknown)} have no user of their own at the broker, so every caller is believed",
            "a user for each service, with the permissions that the map grants",
            f'credentials = "{unknown[0]}:${{PASSWORD}}", and remit plan {topology.where} --permissions',
        )
    ]  # fmt: skip


_OUTSIDE = "[channels.calls]"


def _pairs(topology: Topology) -> Iterator[tuple[str, KeyTexts | None]]:
    """The key pair of each service, and that of programs outside, by table."""
    for name, service in topology.services.items():
        yield f"[services.{name}]", service.keys
    yield _OUTSIDE, topology.calls.keys if topology.calls else None
