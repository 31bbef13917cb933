"""By which field each event is ordered: a store remembers it, so that a release that changes it does not start.

What is written before and after such a change has different keys, and those have no mutual order: a later message would
overtake an earlier one that waits, or whose key is parked. The note is kept as a piece of state
(`EVENT_KEYS` in `stores/port.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from remit.errors import Conflict, Findings, OutcomeUnknown
from remit.messages import Contract, DomainEvent, IntegrationEvent
from remit.stores import Change, Unit
from remit.stores.port import EVENT_KEYS, Committing, States


class _Kept(States, Committing, Protocol):
    """Where state is read and written."""


_noted = msgspec.json.Decoder(dict[str, str | None])


async def compare_event_keys(store: _Kept, contracts: Iterable[Contract]) -> None:
    """Compares the events that a context records and publishes with those of earlier releases, and notes what is new.

    Raises `ModelError` with every event whose key is another one, and what the store raises.
    """
    events = {
        f"{each.type} version {each.version}": each.key
        for each in contracts
        if issubclass(each.message, (DomainEvent, IntegrationEvent))
    }
    while True:
        version, body = await store.load(*EVENT_KEYS) or (0, b"{}")
        noted = _noted.decode(body)
        _refuse_changed(noted, events)
        if events.keys() <= noted.keys():
            return
        try:
            await store.commit(Unit([Change(*EVENT_KEYS, version, msgspec.json.encode(noted | events))]))
        except (Conflict, OutcomeUnknown):  # another process starts at this moment: what it has noted is compared too
            continue
        return


def _refuse_changed(noted: Mapping[str, str | None], events: Mapping[str, str | None]) -> None:
    findings = Findings()
    for event in sorted(noted.keys() & events.keys()):
        if noted[event] != events[event]:
            findings.report(
                "event.key-changed", event,
                f"it is ordered by {_told(events[event])} now, and what is stored of it by {_told(noted[event])}",
                expected="the key it was written with: a later event would overtake an earlier one that waits",
                next="take back the change of key=, or make a new version (of a domain event: one of another name)",
            )  # fmt: skip
    findings.settle()


def _told(key: str | None) -> str:
    return "the aggregate that recorded it" if key is None else f"its field {key!r}"
