"""Reads the published channels of other contexts' schemas directly: PostgreSQL as the broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from remit.errors import RemitError, StoreError, Unstorable
from remit.log import Channel, Floors, Head, Heads, MessageRecord, Subscriber
from remit.stores.postgres.bell import Bell
from remit.stores.postgres.place import address_of
from remit.stores.postgres.session import Asking, Row, Session
from remit.stores.postgres.statements import REPORT, SUBSCRIBERS
from remit.stores.tables import checkpoints_of, positions_text, quoted, record_of, subscriber_of
from remit.stores.technology import StoreAddress

_READ = """
    SELECT part, pos, id, prev, key, type, version, at, headers, payload FROM {schema}.remit_published
    WHERE part = $1 AND pos > $2 ORDER BY pos LIMIT $3
"""
# One index probe per partition, however long the log is.
_HEADS = """
    WITH RECURSIVE newest AS (
        (SELECT part, pos, at FROM {schema}.remit_published ORDER BY part DESC, pos DESC LIMIT 1)
        UNION ALL
        SELECT next.* FROM newest, LATERAL (
            SELECT part, pos, at FROM {schema}.remit_published WHERE part < newest.part
            ORDER BY part DESC, pos DESC LIMIT 1
        ) next
    )
    SELECT part, pos, at FROM {schema}.remit_published_floor UNION ALL SELECT part, pos, at FROM newest
"""
_FLOORS = "SELECT part, pos, id, at FROM {schema}.remit_published_floor"
_REPORT = REPORT.replace("remit_subscriber", "{schema}.remit_published_subscriber")
_SUBSCRIBERS = SUBSCRIBERS.replace("remit_subscriber", "{schema}.remit_published_subscriber")


class PostgresPublishedLogs:
    """Reads what other contexts have published in the database at `address`, as the context that it belongs to.

    Uses two connections for any number of logs: one reads, one listens for notifications. Connects on first use.
    """

    def __init__(self, address: StoreAddress | str, context: str) -> None:
        place = address_of(address, context)
        self._where = place.database
        self._reading, self._hearing = Session(place, "published"), Session(place, "bell")
        self._asking = Asking()
        self._logs: dict[str, PublishedLog] = {}
        self._bell: Bell | None = None

    def of(self, source: str, schema: str) -> PublishedLog:
        """The published channel of a context, in its schema."""
        if schema not in self._logs:
            self._logs[schema] = PublishedLog(self, source, schema)
        return self._logs[schema]

    def listen(self) -> None:
        """Starts to watch all logs that were asked for before."""
        if self._bell is None:
            self._bell = Bell(self._hearing, list(self._logs), self._look)

    async def close(self) -> None:
        """Closes the connections. Idempotent."""
        bell, self._bell = self._bell, None
        if bell is not None:
            await bell.close()
        await self._asking.finished()
        await self._reading.close()

    async def rows(self, schema: str, sql: str, *values: object) -> list[Row]:
        """Runs a query. Raises `StoreUnavailable`, and `StoreError` with the schema that it is about."""
        try:
            return await self._asking.ask(partial(self._reading.fetch, sql.format(schema=quoted(schema)), *values))
        except (StoreError, Unstorable) as error:  # also for a progress report of another context than the user's
            raise StoreError(
                f"what {schema} publishes cannot be read: {error.what}", where=f"{self._where} schema {schema}",
                expected="a schema made by this release, and the right of this context to read it",
                next="run remit migrate, and remit migrate --roles --apply",
            ) from error  # fmt: skip

    async def _look(self) -> bool:
        news = [await log.look() for log in self._logs.values()]
        return any(news)


class PublishedLog:
    """The published channel of one context, as a `Log`."""

    def __init__(self, logs: PostgresPublishedLogs, source: str, schema: str) -> None:
        self._logs = logs
        self._source = source
        self._schema = schema
        self._watchers: list[Callable[[], None]] = []
        self._seen: Mapping[int, int] | None = {}

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        rows = await self._rows(channel, _READ, part, after, limit)
        return list(map(record_of, rows))

    async def heads(self, channel: Channel) -> Heads:
        heads: dict[int, Head] = {}
        for part, pos, at in await self._rows(channel, _HEADS):
            heads[part] = max(heads.get(part, Head(0, 0.0)), Head(pos, at))
        return heads

    async def floors(self, channel: Channel) -> Floors:
        return checkpoints_of(await self._rows(channel, _FLOORS))

    async def report(self, subscription: str, channel: Channel, positions: Mapping[int, int], at: float) -> None:
        await self._rows(channel, _REPORT, subscription, channel, positions_text(positions), at)

    async def subscribers(self) -> Sequence[Subscriber]:
        return [subscriber_of(row) for row in await self._rows(Channel.PUBLISHED, _SUBSCRIBERS)]

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Also starts to listen for notifications of other processes."""
        self._watchers.append(wake)
        self._logs.listen()
        return partial(self._watchers.remove, wake)

    async def look(self) -> bool:
        """Wakes followers if there is something new, and if reading fails: they then read, and report the error."""
        before, self._seen = self._seen, None
        with suppress(RemitError):
            self._seen = {part: pos for part, (pos, _) in (await self.heads(Channel.PUBLISHED)).items()}
        moved = self._seen is None or self._seen != before
        for wake in tuple(self._watchers) if moved else ():
            wake()
        return moved and self._seen is not None

    async def _rows(self, channel: Channel, sql: str, *values: object) -> list[Row]:
        if channel != Channel.PUBLISHED:
            raise StoreError(
                f"channel {channel} of {self._source} is not published", where=self._schema,
                expected="the published channel", next="run its follower where the store of that context is open",
            )  # fmt: skip
        return await self._logs.rows(self._schema, sql, *values)
