"""Which secrets of a topology a process needs: who takes it over gets no others from it."""

from __future__ import annotations

from collections.abc import Iterator

from remit.errors import Findings
from remit.topology.file import Topology
from remit.topology.placement import PlacedService
from remit.topology.secret import Secret

ADMINISTRATOR = "REMIT_ADMIN_URL"
"""Who migrates may have it in the environment, and nothing that runs needs it."""
_ORDINARY = {"HOME", "HOSTNAME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV"}
_ORDINARY_BEGIN = ("LC_", "LD_", "PYTHON", "SSL_", "XDG_")
"""What programs expect to find, whatever a topology file makes of it."""


def settle(topology: Topology, placed: PlacedService) -> None:
    """Raises `ModelError` with every variable of the environment that a process needs for its secrets and lacks."""
    findings = Findings()
    for secret in _needed(topology, placed):
        for lack in secret.lacks:
            if all(finding.what != lack.what for finding in findings):
                findings.report(lack.code, lack.where, lack.what, expected=lack.expected, next=lack.next)
    findings.settle()


def withheld_from(topology: Topology, placed: PlacedService) -> set[str]:
    """The variables that stand in secrets of others only."""
    needed = {name for secret in _needed(topology, placed) for name in secret.variables}
    named = {name for secret in _all(topology) for name in secret.variables}
    ordinary = {name for name in named if name in _ORDINARY or name.startswith(_ORDINARY_BEGIN)}
    return {*named, ADMINISTRATOR} - needed - ordinary - topology.open_variables


def _needed(topology: Topology, placed: PlacedService) -> Iterator[Secret]:
    credentials = placed.service.credentials
    for place in placed.stores.values():
        yield place.url
    if credentials is not None:
        yield credentials
    for channel in (topology.events, topology.calls):
        if channel is not None and credentials is None:
            yield channel.url  # it names the user of whoever has none of its own
        if channel is not None and channel.secret is not None:
            yield channel.secret


def _all(topology: Topology) -> Iterator[Secret]:
    yield from topology.stores.values()
    for channel in (topology.events, topology.calls):
        if channel is not None:
            yield channel.url
            yield from [channel.secret] if channel.secret is not None else []
    for service in topology.services.values():
        yield from [service.credentials] if service.credentials is not None else []
