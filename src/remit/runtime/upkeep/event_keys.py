"""Remembers in the store which field each event, and each command sent for later, is ordered by. A release that changes
one does not start.

Messages from before and after such a change have different keys, and no order between them: a later message would
overtake an earlier one that waits or whose key is parked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from remit.contexts import Model
from remit.contexts.annotations import is_kind, sent_later
from remit.errors import Conflict, Findings, OutcomeUnknown
from remit.messages import Command, Contract, DomainEvent, IntegrationEvent
from remit.stores.port import Notes

_EVENTS = (DomainEvent, IntegrationEvent)
_AGGREGATE = "the aggregate that recorded it"


def written_by(model: Model, context: str) -> list[Contract]:
    """The events that a context owns, and the commands that it sends for later, of any owner."""
    events = [message for message, owner in model.owners.items() if owner == context and is_kind(message, *_EVENTS)]
    sent: list[Any] = []
    for each in (each for each in model.contexts if each.name == context):
        sent += [command for command, _ in sent_later(each)]
        sent += [command for command in each.outbox if is_kind(command, Command)]
    return [model.contracts[message] for message in dict.fromkeys([*events, *sent]) if message in model.contracts]


async def compare_event_keys(store: Notes, contracts: Iterable[Contract]) -> None:
    """Compares the ordering keys of a context's events and later commands with those of earlier releases, and stores
    new ones.

    Raises `ModelError` with every message whose key has changed, and the errors of the store.
    """
    written = {f"{each.type} version {each.version}": each for each in contracts}
    events = {name: contract.key for name, contract in written.items()}
    while True:
        noted = await store.event_keys()
        _refuse_changed(noted, written)
        if events.keys() <= noted.keys():
            return
        with suppress(Conflict, OutcomeUnknown):  # another process starts too: compare with what it has stored
            await store.note_event_keys(events)


def _refuse_changed(noted: Mapping[str, str | None], written: Mapping[str, Contract]) -> None:
    findings = Findings()
    for event in sorted(noted.keys() & written.keys()):
        before, contract = noted[event], written[event]
        if before != contract.key:
            by = "the message whose handler sent it" if issubclass(contract.message, Command) else _AGGREGATE
            findings.report(
                "event.key-changed", event,
                f"it is ordered by {_told(contract.key, by)} now, but stored messages by {_told(before, by)}",
                expected="the key of the stored messages: otherwise a later event would overtake an earlier one",
                next="take back the change of key=, or make a new version (of a domain event: one of another name)",
            )  # fmt: skip
    findings.settle()


def _told(key: str | None, otherwise: str) -> str:
    return otherwise if key is None else f"its field {key!r}"
