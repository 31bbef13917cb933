"""Translates foreign messages of the log into commands that are sent for later: each once, none after a newer one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.errors import NotDeclared
from remit.log import MessageRecord
from remit.messages import Command, Refusal
from remit.runtime.events import DeliveryIgnored
from remit.runtime.following.dispatch import Dispatcher
from remit.runtime.following.refused import IGNORED, noted
from remit.runtime.plan import TranslatorPlan
from remit.runtime.work.deliveries import Seen, Told, claim_of, is_known, read_kept, told_by
from remit.runtime.work.unit import UnitOfWork


class Translating(Dispatcher):
    """Handles the messages of one foreign source, each in a unit of work of its own."""

    singly = True

    async def _do(
        self, unit: UnitOfWork, record: MessageRecord, found: TranslatorPlan, payload: bytes
    ) -> Refusal | None:
        kept = read_kept(payload)
        value = found.codec.read(bytes(kept.body))
        told = told_by(found.source, value, kept.header)
        store, stamp = self._workplace.store, self._shared.stamp()
        if await is_known(store, found.name, told.key, stamp):
            unit.refused = self._ignored(unit, told, "it was handled before")
            return None
        unit.claim = claim_of(found.name, told.key, stamp)
        late = await self._late(unit, found, told)
        if late:
            unit.beside = await noted(store, self._follow.id, record, late, self._shared.seconds(), kind=IGNORED)
            unit.refused = self._ignored(unit, told, late)
            return None
        for command in _commands(found, found.translate(value)):
            unit.later(command)
        return None

    async def _late(self, unit: UnitOfWork, found: TranslatorPlan, told: Told) -> str:
        """Why a message comes too late; empty if it does not. Then its version is noted as the newest."""
        if told.entity is None or told.version is None:
            return ""
        seen = await unit.load(found.seen, told.entity)
        now = Seen(id=told.entity, version=told.version)
        if seen is None:
            unit.track(found.seen, told.entity, now).changed = True
            return ""
        newest: int = seen.value.version
        if told.version < newest or (told.version == newest and found.source.version is not None):
            return (
                f"{told.key!r} about {told.entity!r} came after a newer message: {_shown(found, told.version, newest)}"
            )
        seen.value, seen.changed = now, True
        return ""

    def _ignored(self, unit: UnitOfWork, told: Told, why: str) -> DeliveryIgnored:
        now, cause = self._shared.seconds(), unit.attempt.trace
        return DeliveryIgnored(now, cause, self._name, told.key, told.entity or "", why)


def _shown(found: TranslatorPlan, version: int, newest: int) -> str:
    if found.source.version is not None:
        return f"version {version}, after {newest}"
    return f"it is {(newest - version) / 1_000_000:g} s older"


def _commands(found: TranslatorPlan, made: Any) -> Sequence[Command[Any, Any]]:
    """What a translation has returned, as a list. Raises `NotDeclared`."""
    commands: Sequence[Any] = () if made is None else [made] if isinstance(made, Command) else made
    for each in commands:
        if type(each) not in found.commands:
            raise NotDeclared(
                f"the translation of {found.source.name} returned {type(each).__name__}", where=found.name,
                expected="what its return annotation names", next="name it in the annotation, or do not return it",
            )  # fmt: skip
    return commands
