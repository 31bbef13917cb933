"""Which secrets of a topology a process needs. Other secrets are withheld, in case the process is compromised."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from remit.errors import Findings
from remit.topology.file import Topology
from remit.topology.placement import PlacedService
from remit.topology.secret import Secret

ADMINISTRATOR = "REMIT_ADMIN_URL"
"""The variable with the address of an administrator, for migrations. No service needs it."""
BROKER_ADMINISTRATOR = "REMIT_BROKER_ADMIN"
"""The variable with user and password of an administrator of the broker, for migrations. No service needs it."""
_ORDINARY = {"HOME", "HOSTNAME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV"}
_ORDINARY_BEGIN = ("LC_", "LD_", "PYTHON", "SSL_", "XDG_")
"""Variables that programs expect, so they are never withheld."""


def settle(topology: Topology, placed: PlacedService) -> None:
    """Raises `ModelError` with every missing environment variable that the secrets of a process need."""
    findings = Findings()
    for secret in _needed(topology, placed):
        secret.tell(findings)
    findings.settle()


def withheld_from(
    topology: Topology, placed: PlacedService, hooks: Mapping[str, Collection[str]] = MappingProxyType({})
) -> set[str]:
    """The environment variables that occur only in secrets of other processes. With the secrets of webhooks (by
    context), which only the services have that run `acl` of the context."""
    needed = {name for secret in _needed(topology, placed) for name in secret.variables}
    needed |= {name for context, names in hooks.items() if placed.has(context, "acl") for name in names}
    named = {name for secret in _all(topology) for name in secret.variables}
    named |= {name for names in hooks.values() for name in names}
    ordinary = {name for name in named if name in _ORDINARY or name.startswith(_ORDINARY_BEGIN)}
    return {*named, ADMINISTRATOR, BROKER_ADMINISTRATOR} - needed - ordinary - topology.open_variables


def _needed(topology: Topology, placed: PlacedService) -> Iterator[Secret]:
    credentials = placed.service.credentials
    for place in placed.stores.values():
        yield place.url
    if credentials is not None:
        yield credentials
    for channel in topology.channels.values():
        if credentials is None:
            yield channel.url  # contains the user for services without credentials of their own
        # The keys of a channel belong to programs that run no part of the system.
        keys = placed.service.keys if placed.runs else channel.keys
        if keys is not None and keys.private is not None:
            yield keys.private


def _all(topology: Topology) -> Iterator[Secret]:
    yield from topology.stores.values()
    for channel in topology.channels.values():
        yield channel.url
        if channel.keys is not None and channel.keys.private is not None:
            yield channel.keys.private
    for service in topology.services.values():
        if service.credentials is not None:
            yield service.credentials
        if service.keys is not None and service.keys.private is not None:
            yield service.keys.private
