"""Looks up single rows for many callers by one statement: while one runs, the next ones gather."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from typing import Any, NamedTuple

from remit.stores.notes import BEGUN
from remit.stores.postgres.columns import joined
from remit.stores.postgres.failures import is_of_all
from remit.stores.postgres.session import Session

_MOST = 256


_Asked = tuple[tuple[str, ...], "asyncio.Future[Sequence[Any] | None]"]


class LookupStatement(NamedTuple):
    """The SQL of a lookup by texts: for one row, and for many, with the number of each (from 1) in the first column."""

    one: str
    many: str


def _asked(*names: str) -> str:
    columns = ", ".join(f"trim_array(string_to_array(${nth}, $1), 1)" for nth in range(2, len(names) + 2))
    return f"unnest({columns}) WITH ORDINALITY AS c ({', '.join(names)}, nth)"


LOAD = LookupStatement(
    "SELECT version, body FROM remit_state WHERE kind = $1 AND id = $2",
    f"""
    SELECT c.nth, s.version, s.body FROM {_asked("kind", "id")},
    LATERAL (SELECT version, body FROM remit_state WHERE kind = c.kind AND id = c.id OFFSET 0) s
    """,  # noqa: S608  no value is in it
)
OUTCOME = LookupStatement(
    "SELECT fingerprint, outcome, at FROM remit_idempotency WHERE caller = $1 AND key = $2",
    f"""
    SELECT c.nth, i.fingerprint, i.outcome, i.at FROM {_asked("caller", "key")},
    LATERAL (SELECT fingerprint, outcome, at FROM remit_idempotency WHERE caller = c.caller AND key = c.key OFFSET 0) i
    """,  # noqa: S608  no value is in it
)
RECALL = LookupStatement(
    """
    SELECT i.fingerprint, i.outcome, i.at, s.version, s.body FROM (SELECT) c
    LEFT JOIN remit_idempotency i ON i.caller = $1 AND i.key = $2 LEFT JOIN remit_state s ON s.kind = $3 AND s.id = $4
    """,
    f"""
    SELECT c.nth, i.fingerprint, i.outcome, i.at, s.version, s.body FROM {_asked("caller", "key", "kind", "id")}
    LEFT JOIN LATERAL (
        SELECT fingerprint, outcome, at FROM remit_idempotency WHERE caller = c.caller AND key = c.key OFFSET 0
    ) i ON true
    LEFT JOIN LATERAL (SELECT version, body FROM remit_state WHERE kind = c.kind AND id = c.id OFFSET 0) s ON true
    """,  # noqa: S608  no value is in it
)


_ASKED = _asked("caller", "key", "begun")
_BEGIN = f"""
    WITH asked AS MATERIALIZED ({{asked}}), mine AS (
        INSERT INTO remit_idempotency (caller, key, fingerprint, outcome, at)
        SELECT caller || '{BEGUN}', key, '', '', begun::float8 FROM asked WHERE NOT EXISTS (
            SELECT FROM remit_idempotency i WHERE i.caller = asked.caller AND i.key = asked.key
        ) ORDER BY 1, 2 ON CONFLICT DO NOTHING RETURNING caller, key, at
    )
    SELECT {{nth}} i.fingerprint, i.outcome, i.at, coalesce(b.at, m.at) FROM asked a
    LEFT JOIN LATERAL (
        SELECT fingerprint, outcome, at FROM remit_idempotency WHERE caller = a.caller AND key = a.key OFFSET 0
    ) i ON true
    LEFT JOIN LATERAL (
        SELECT at FROM remit_idempotency WHERE caller = a.caller || '{BEGUN}' AND key = a.key OFFSET 0
    ) b ON true
    LEFT JOIN mine m ON m.caller = a.caller || '{BEGUN}' AND m.key = a.key
    """  # noqa: S608  no value is in it
BEGIN = LookupStatement(
    _BEGIN.format(asked="SELECT $1 AS caller, $2 AS key, $3 AS begun", nth=""),
    _BEGIN.format(asked=f"SELECT caller, key, begun, nth FROM {_ASKED}", nth="a.nth,"),  # noqa: S608  no value is in it
)
"""Also stores when a command was first begun, unless that is known. If another process stores it concurrently, neither
may be visible; then the caller asks again."""


def _own(error: Exception) -> Exception:
    """A copy of an error for one caller: a shared exception would collect the tracebacks of all."""
    own = copy(error)
    own.__cause__ = error.__cause__
    return own


class Lookups:
    """The lookups by one statement.

    They run in a task of their own, so a cancelled caller interrupts nothing.
    """

    def __init__(self, session: Session, turn: asyncio.Lock, question: LookupStatement) -> None:
        self._session = session
        self._turn = turn
        self._question = question
        self._waiting: list[_Asked] = []
        self._worker: asyncio.Task[None] | None = None

    async def find(self, *texts: str) -> Sequence[Any] | None:
        """The row, or None. Raises `StoreError`, `StoreUnavailable`, and `Unstorable` for texts that no row can
        have."""
        found: asyncio.Future[Sequence[Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, found))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="lookups")
        return await found

    async def _work(self) -> None:
        asked: Sequence[_Asked] = ()
        try:
            while self._waiting:
                async with self._turn:
                    asked, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                    await self._look_up(asked)
        except BaseException:
            for _, found in asked:
                found.cancel()
            raise
        finally:
            self._worker = None
            for _, found in self._waiting:
                found.cancel()

    async def _look_up(self, asked: Sequence[_Asked]) -> None:
        error = await self._answer(asked)
        if error is None:
            return
        if len(asked) > 1 and isinstance(error.__cause__, Exception) and not is_of_all(error.__cause__):
            # One caller's text must not fail another's lookup. Not in an `except` block, which would chain the errors.
            half = len(asked) // 2
            await self._look_up(asked[:half])
            await self._look_up(asked[half:])
            return
        for _, found in asked:
            with suppress(asyncio.InvalidStateError):  # the caller was cancelled
                found.set_exception(_own(error))

    async def _answer(self, asked: Sequence[_Asked]) -> Exception | None:
        """Answers all callers; returns the error if that fails."""
        try:
            rows = await self._rows([place for place, _ in asked])
        except Exception as error:  # noqa: BLE001  # the driver's encoder may raise anything for a text
            return error
        for nth, (_, found) in enumerate(asked, 1):
            with suppress(asyncio.InvalidStateError):
                found.set_result(rows.get(nth))
        return None

    async def _rows(self, places: Sequence[tuple[str, ...]]) -> dict[int, Sequence[Any]]:
        if len(places) == 1:
            return dict(enumerate(await self._session.fetch(self._question.one, *places[0]), 1))
        values = joined(zip(*places, strict=True))
        return {row[0]: row[1:] for row in await self._session.fetch(self._question.many, *values)}
