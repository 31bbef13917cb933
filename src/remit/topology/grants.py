"""The grants of a topology: what each service may do, generated from the context map, and kept in a file beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from remit.errors import Finding, ModelError
from remit.messages.component import Component
from remit.topology.file import KeyTexts, Topology
from remit.topology.placement import ANSWERING, OPENING, PlacedService, Placement
from remit.transports.grants import ANYTHING, OUTSIDE, Allowed, Grant, as_subject, name_in

READING = ("heads", "read", "standing")
"""What a follower asks the log of its source."""
REACHING = ("reach",)
"""What a fresh answer asks the logs of all contexts on the way."""
RENEW_SECONDS = 1.0
"""Between two looks at a file of grants."""

Usable = Callable[[str, str], Sequence[str]]
"""The messages of a context (first) that another one may use."""
Follows = Mapping[Component, Mapping[str, Collection[str]]]
"""The other contexts whose published logs each component follows, and the types of the messages that it follows there.
`billing.*` stands for all commands for billing."""


def grants_of(placement: Placement, usable: Usable, follows: Follows) -> dict[str, Grant]:
    """The grant of each service by name, and under `OUTSIDE` that of programs beside the services."""
    found = {name: _grant(placement, placed, usable, follows) for name, placed in placement.services.items()}
    calls = placement.topology.calls
    outside = _everything(placement)
    found[OUTSIDE] = Grant(_public(calls.keys if calls else None), {OUTSIDE: outside}, {})
    return found


def _grant(placement: Placement, placed: PlacedService, usable: Usable, follows: Follows) -> Grant:
    speaks: dict[str, Allowed] = {}
    reads: dict[str, Allowed] = {}
    for context in (name for name in placed.runs if any(placed.has(name, part) for part in OPENING)):
        followed = {each for part in placed.parts(context) for each in follows.get(Component(context, part), ())}
        sources = (each for each in followed if usable(each, context) or usable(context, each))
        logs = {Component(source, "log").address: READING for source in sorted(sources)}
        speaks[context] = {**_calls(placement, context, usable), **logs}
        reads[context] = {address: _read(context, Component.read(address).context, follows) for address in logs}
    edges = [context for context in placed.runs if placed.has(context, "edge")]
    if edges:
        speaks[OUTSIDE] = _logs(placement)
        for context in edges:
            speaks[OUTSIDE] = joined(speaks[OUTSIDE], _calls(placement, context, usable))
    return Grant(_public(placed.service.keys), speaks, reads)


def _read(context: str, source: str, follows: Follows) -> Sequence[str]:
    """What a context may read of a log: what all its components follow there. A fresh answer reads for all of them."""
    types = (of.get(source, ()) for component, of in follows.items() if component.context == context)
    return sorted({type for each in types for type in each})


def _calls(placement: Placement, context: str, usable: Usable) -> Allowed:
    """What a context may call."""
    found: dict[str, Sequence[str]] = {}
    for component in sorted(placement.homes):
        if component.part in ANSWERING and (names := usable(component.context, context)):
            found[component.address] = [each if each == ANYTHING else as_subject(each) for each in names]
    return found


def _everything(placement: Placement) -> Allowed:
    calls = {each.address: (ANYTHING,) for each in sorted(placement.homes) if each.part in ANSWERING}
    return {**calls, **_logs(placement)}


def _logs(placement: Placement) -> Allowed:
    return {Component(name, "log").address: REACHING for name in sorted(placement.logs)}


def joined(one: Allowed, other: Allowed) -> Allowed:
    """What two grants allow together."""
    return {
        address: [ANYTHING] if ANYTHING in names else names
        for address in (*one, *(each for each in other if each not in one))
        if (names := sorted({*one.get(address, ()), *other.get(address, ())}))
    }


def _public(keys: KeyTexts | None) -> str:
    return (keys.public if keys else None) or ""


# ── the file ────────────────────────────────────────────────────────────────────────────────────────────────────────


def grants_file(topology: Topology) -> Path:
    """Where the grants of a topology are kept: `shop.grants.json` beside `shop.toml`."""
    return Path(topology.where).with_suffix(".grants.json")


def grants_text(grants: Mapping[str, Grant]) -> str:
    """The grants as the text of the file. Equal grants have equal texts."""
    return msgspec.json.format(msgspec.json.encode(grants, order="deterministic"), indent=2).decode() + "\n"


def usage_of(grants: Mapping[str, Grant]) -> dict[str, dict[str, Sequence[str]]]:
    """What each context may use of each other one."""
    found: dict[str, dict[str, Sequence[str]]] = {}
    for grant in grants.values():
        for speaker, allowed in grant.speaks.items():
            uses = {Component.read(each): [*map(name_in, names)] for each, names in allowed.items()}
            found.setdefault(speaker, {}).update(
                {each.context: names for each, names in uses.items() if each.part != "log"}
            )
    return found


class _NoGrants:
    """For a process that answers no calls."""

    def of(self, service: str) -> Grant | None:
        return None

    def renew(self) -> bool:
        return False


NO_GRANTS = _NoGrants()


class GrantsFile:
    """The grants in the file of a topology. Implements `Grants`."""

    def __init__(self, topology: Topology, clock: Callable[[], float] = time.monotonic) -> None:
        """Reads the file. Raises `ModelError` if it is missing or no file of grants."""
        self._path = grants_file(topology)
        self._advice = f"remit plan {topology.where} --grants > {self._path}"
        self._clock = clock
        self._grants, self._text = self._read()
        self._looked = clock()

    @property
    def grants(self) -> Mapping[str, Grant]:
        """All of them, by service."""
        return self._grants

    @property
    def text(self) -> str:
        """The text of the file."""
        return self._text.decode()

    def of(self, service: str) -> Grant | None:
        return self._grants.get(service)

    def renew(self) -> bool:
        """Reads the file again, at most once in `RENEW_SECONDS`. A file that cannot be read changes nothing."""
        if self._clock() - self._looked < RENEW_SECONDS:
            return False
        self._looked, before = self._clock(), self._text
        try:
            self._grants, self._text = self._read()
        except ModelError:
            return False
        return self._text != before

    def _read(self) -> tuple[dict[str, Grant], bytes]:
        try:
            text = self._path.read_bytes()
            return msgspec.json.decode(text, type=dict[str, Grant]), text
        except OSError as error:
            what = f"the grants of the services cannot be read: {error.strerror}"
        except msgspec.MsgspecError as error:
            what = f"these are no grants: {error}"
        raise ModelError(
            findings=[Finding("topology.no-grants", str(self._path), what, "what the map grants", self._advice)]
        )
