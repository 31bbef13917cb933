"""Bugs in what is met seldom: what was not there, identities that are sent on, calls without an end, edges."""

from __future__ import annotations

from copy import copy
from itertools import count
from typing import Any

import pytest

from remit.contexts import Envelope
from remit.runtime import Host
from remit.runtime.remote.reception import Reception
from remit.runtime.work.outcomes import CommandKey
from remit.runtime.work.unit import UnitOfWork
from remit.stores.sqlite import writer

HOUR = 3600.0


def begin_over_others(patch: pytest.MonkeyPatch) -> None:
    """What a handler begins with, because it has found nothing, is written over what others have begun meanwhile."""
    over = writer._NEW_STATE.replace("INSERT INTO", "INSERT OR REPLACE INTO").replace(" ON CONFLICT DO NOTHING", "")
    assert "OR REPLACE" in over
    patch.setattr(writer, "_NEW_STATE", over)


def tell_those_beside_another_identity(patch: pytest.MonkeyPatch) -> None:
    """A reaction that comes together with an event is told an identity that the event does not have in the log."""
    envelope = UnitOfWork.envelope

    def another(self: UnitOfWork) -> Envelope:
        told = envelope(self)
        return told if self.recorded is None else Envelope(id=self.workplace.ids.new(), time=told.time)

    patch.setattr(UnitOfWork, "envelope", another)


def end_nothing_that_others_call(patch: pytest.MonkeyPatch) -> None:
    """What another process has called may take an hour, whatever its caller waits for."""
    handle = Reception._handle

    async def patient(self: Reception, handler: Any, request: Any, seconds: float) -> Any:
        return await handle(self, handler, request, HOUR)

    patch.setattr(Reception, "_handle", patient)


def forget_keys_at_edges(patch: pytest.MonkeyPatch) -> None:
    """A process that runs no context calls others under a new key each time."""
    made, turn = Host.__init__, count()

    def init(self: Host, model: Any, stores: Any, *more: Any, **named: Any) -> None:
        made(self, model, stores, *more, **named)
        remote: Any = self.remote
        if stores or remote is None:
            return
        call = remote.call

        async def anew(message: Any, seconds: float, latest: float, /, *, claim: CommandKey) -> Any:
            another = copy(claim)
            another.key = f"{claim.key}.{next(turn)}"
            return await call(message, seconds, latest, claim=another)

        remote.call = anew

    patch.setattr(Host, "__init__", init)
