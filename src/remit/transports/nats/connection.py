"""One connection to a NATS server, kept up for ever, and shared by the calls and the events of a process.

The client library's own reconnecting is not used. It does not back off, does not notice a server that has become
unusable, and after a reconnect sends what was written before it. Here each connection is a new one: pending requests on
the old one fail, and listeners are told that they may have missed messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from remit.errors import ChannelError, OutcomeUnknown, RemitError, Unavailable, another, visible

OLDEST = (2, 10)
"""Older servers silently ignore options that remit relies on."""
CONNECT_SECONDS = 3.0
LOOK_SECONDS = 0.5
"""Between two checks for a lost connection: the client library does not always report it."""
PING_SECONDS = 5.0
"""Between two pings, and the timeout of a ping."""
CLOSE_SECONDS = 2.0
"""How long closing may take: a server behind a cut network does not answer."""
NOBODY = "503"
LONGEST_PAUSE = 2.0
"""The longest pause between two attempts to connect."""

Reply = Msg | RemitError
"""A reply, or why there will be none."""

_PERMISSIONS = "permissions as `remit plan FILE --permissions` prints them"
_PERMIT = "put them into the configuration of the server, and reload it"
_DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"', re.IGNORECASE)
log = logging.getLogger("remit")


class NobodyListens(Unavailable):
    """The server's answer that nothing listens to the subject."""


class Denied(Unavailable):
    """The server's answer that the user may not publish to the subject."""


class _Client(Client):
    """Parses headers in one step: the library's own parser takes a fifth of all the time for a pushed event."""

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        lines = [line.partition(":") for line in raw.decode(errors="replace").split("\r\n")]
        return {name: value.strip(" \t") for name, found, value in lines if found}


@dataclass(eq=False)
class Interest:
    """A subject that is listened to, on this connection and on later ones."""

    subject: str
    queue: str
    arrived: Callable[[Msg], Awaitable[None]]
    missed: Callable[[], None]
    """Called after a time in which messages may have been lost."""
    subscription: Subscription | None = None


class NatsConnection:
    """A connection to a server, or to one of several (addresses separated by commas).

    Each user of it calls `open` and `close`; the last `close` disconnects. `name` appears in the server's monitoring.
    Replies arrive below `_INBOX.<user>`, which the printed permissions reserve for this user.
    """

    def __init__(self, url: str, *, name: str, credentials: tuple[str, str] | None = None) -> None:
        self.place = _without_secrets(url)
        self.max_payload = 1 << 20
        """The largest message including headers, as the server has told."""
        self._urls = [each.strip() for each in url.split(",")]
        self._name = name
        self._credentials = credentials
        self._prefix = f"{inbox_of(credentials[0] if credentials else _user_in(url))}.{secrets.token_hex(8)}."
        self._client: Client | None = None
        self._trouble: RemitError = self._away("the connection is not open")
        self._attempted = asyncio.Event()
        self._lost = asyncio.Event()
        self._users = 0
        self._keeper: asyncio.Task[None] | None = None
        self._interests: list[Interest] = []
        self._dropping: set[asyncio.Task[None]] = set()
        self._waiting: dict[str, tuple[str, Callable[[Reply], None]]] = {}
        self._count = 0
        self._refused: set[str] = set()
        self._random = Random()  # noqa: S311  # spreads attempts over time, guards no secret

    # ── opening, closing, reconnecting ──────────────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Connects. Returns even if the server is away, and goes on trying. Raises `ChannelError` if the server refuses
        the credentials or is too old."""
        self._users += 1
        if self._keeper is None:
            self._attempted.clear()
            self._keeper = asyncio.create_task(self._keep(), name=f"connection to {self.place}")
        await self._attempted.wait()
        if self._client is None and isinstance(self._trouble, ChannelError):
            trouble = self._trouble
            await self.close()
            raise another(trouble)

    async def close(self) -> None:
        """Disconnects, if this was the last user."""
        self._users = max(0, self._users - 1)
        if self._users or self._keeper is None:
            return
        await asyncio.gather(*self._dropping)
        keeper, self._keeper = self._keeper, None
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                await self._settle(client, CLOSE_SECONDS)
        while not keeper.done():
            keeper.cancel()
            await asyncio.wait([keeper], timeout=0.1)
        late, self._client = self._client, None  # connected meanwhile: the library swallows some cancellations
        for each in (client, late):
            if each is not None:
                await _end(each)
        self._trouble = self._away("the connection is closed")
        self._fail_waiting()

    async def _keep(self) -> None:
        """Connects, and reconnects for ever."""
        failures = 0
        while not self._ends():
            try:
                client = await self._connect()
            except RemitError as trouble:
                if trouble.what != self._trouble.what:
                    log.warning("%s: %s", self.place, visible(trouble.what))
                self._trouble = trouble
                self._attempted.set()
                failures += 1
            else:
                failures = 0
                await self._watch(client)
            await asyncio.sleep(min(LONGEST_PAUSE, 0.05 * 2.0 ** min(failures, 10)) * self._random.uniform(0.5, 1.5))

    def _ends(self) -> bool:
        """Whether the connection is being closed. Checked because the library swallows some cancellations."""
        task = asyncio.current_task()
        return self._keeper is None or (task is not None and task.cancelling() > 0)

    async def _connect(self) -> Client:
        client, lost, said = _Client(), asyncio.Event(), list[Exception]()

        async def trouble(error: Exception) -> None:
            if client.is_connected:
                if isinstance(error, (nats.errors.UnexpectedEOF, OSError)):
                    lost.set()
            else:
                said.append(error)
            self._heard(error)

        async def gone() -> None:
            lost.set()

        user, password = self._credentials or (None, None)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(
                    self._urls, name=self._name, user=user, password=password, inbox_prefix=self._prefix[:-1],
                    error_cb=trouble, closed_cb=gone, disconnected_cb=gone,
                    allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0,
                    ping_interval=86400, pending_size=0,
                )  # fmt: skip
            if not client.is_connected:
                raise nats.errors.UnexpectedEOF  # noqa: TRY301  # handled like the other errors here
            self._check_version(client)
            self._lost = lost
            await self._take_up(client)
        except BaseException as error:
            await _end(client)
            if isinstance(error, RemitError) or not isinstance(error, Exception):
                raise
            raise self._explained([*said, error]) from error
        return client

    def _explained(self, errors: list[Exception]) -> RemitError:
        for error in errors:
            if "authorization" in str(error).lower() or "authentication" in str(error).lower():
                return ChannelError(
                    "the server refuses the credentials", where=self.place,
                    expected="user and password of one of its users",
                    next="set `credentials` of the service in the topology file, or correct those of the command",
                )  # fmt: skip
        text = str(errors[0]) or type(errors[0]).__name__
        return self._away(f"no connection to the NATS server: {text}")

    def _away(self, what: str) -> Unavailable:
        return Unavailable(
            what, where=self.place, expected="a NATS server that can be reached",
            next="start it, or correct its URL; the connection is tried again by itself",
        )  # fmt: skip

    def _check_version(self, client: Client) -> None:
        version = client.connected_server_version
        try:
            usable = (version.major, version.minor) >= OLDEST
        except ValueError:
            usable = False
        if not usable:
            raise ChannelError(
                f"the server is too old: {version!r}", where=self.place, expected="nats-server 2.10 or newer",
                next="update it: older servers silently ignore options that remit relies on",
            )  # fmt: skip

    async def _take_up(self, client: Client) -> None:
        """Subscribes all listeners again, then lets users send."""
        self.max_payload = client.max_payload
        await _subscribe(client, Interest(f"{self._prefix}*", "", self._answered, lambda: None))
        for interest in self._interests:
            await _subscribe(client, interest)
        await self._settle(client, CONNECT_SECONDS)
        if self._attempted.is_set():
            log.info("%s: connected", self.place)
        self._client = client
        self._attempted.set()
        for interest in self._interests:
            interest.missed()

    async def _watch(self, client: Client) -> None:
        """Returns when the connection is lost. Pings the server, because a cut network is not reported."""
        lost, loop = self._lost, asyncio.get_running_loop()
        asked = loop.time()
        try:
            while not self._ends() and not lost.is_set() and client.is_connected:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), LOOK_SECONDS)
                if loop.time() - asked > PING_SECONDS:
                    await self._settle(client, PING_SECONDS)
                    asked = loop.time()
        except (nats.errors.Error, OSError, TimeoutError):
            pass
        finally:
            if self._keeper is not None:  # not during `close`
                self._trouble = self._away("the connection to the NATS server was lost")
                log.warning("%s: %s", self.place, visible(self._trouble.what))
                self._client = None
                self._fail_waiting()
                await _end(client)

    async def _settle(self, client: Client, seconds: float) -> None:
        """Waits until the server has seen what was sent. A timeout means that the connection is lost."""
        lost, settled = self._lost, asyncio.create_task(_flush(client))
        gone = asyncio.create_task(lost.wait())
        try:
            await asyncio.wait({settled, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not settled.done():
                raise TimeoutError  # noqa: TRY301  # whatever ends the waiting ends the connection
            settled.result()
        except BaseException:
            lost.set()  # also because a late answer breaks the library's reader
            raise
        finally:
            settled.cancel()
            gone.cancel()

    def _heard(self, error: Exception) -> None:
        """Handles errors that the client library would print."""
        if not isinstance(error, (nats.errors.Error, OSError, TimeoutError)):
            log.error("%s: a message was not taken", self.place, exc_info=error)
        if isinstance(error, nats.errors.SlowConsumerError):
            for interest in self._interests:
                if interest.subscription is error.sub:
                    interest.missed()
        denied = _DENIED.search(str(error))
        if denied is not None:
            way, subject = denied[1].lower(), denied[2].lower()  # the library lower-cases them
            if subject not in self._refused:  # what is tried again and again is logged once
                log.warning("%s: the server denies this user the %s to %s", self.place, way, subject)
            self._refused.add(subject)
            refusal = Denied(
                f"the server denies this user {subject}", where=self.place, expected=_PERMISSIONS, next=_PERMIT
            )
            for inbox, (to, answered) in list(self._waiting.items()):
                if to.lower() == subject:
                    del self._waiting[inbox]
                    answered(refusal)

    # ── sending and replies ─────────────────────────────────────────────────────────────────────────────────────────

    def client(self) -> Client:
        """The connected client. Raises `Unavailable`, or `ChannelError` if trying again does not help."""
        if self._client is not None and self._client.is_connected:
            return self._client
        raise another(self._trouble)

    def expect(self, subject: str, answered: Callable[[Reply], None]) -> str:
        """Makes an inbox for one reply to a message published on `subject`. `answered` is called with the reply, or
        with the reason why none comes; or never, if the network is silent. `forget` removes the inbox."""
        self._count += 1
        inbox = f"{self._prefix}{self._count}"
        self._waiting[inbox] = (subject, answered)
        return inbox

    def forget(self, inbox: str) -> None:
        """Removes an inbox: its reply is no longer awaited."""
        self._waiting.pop(inbox, None)

    async def request(self, subject: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Msg:
        """Sends a request to one of the listeners of a subject, and returns the reply.

        Raises `Unavailable` if no listener has seen it, `OutcomeUnknown` if no reply came, and `ChannelError`.
        """
        client = self.client()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Msg] = loop.create_future()

        def answered(reply: Reply) -> None:
            if future.done():
                return
            if isinstance(reply, RemitError):
                future.set_exception(another(reply))
            else:
                future.set_result(reply)

        inbox = self.expect(subject, answered)
        timer = loop.call_later(seconds, _expire, future, seconds, self.place)
        try:
            await client.publish(subject, body, reply=inbox, headers=dict(headers) or None)
            reply = await future
        except nats.errors.Error as error:
            raise self._away(f"not sent: {error}") from error
        finally:
            timer.cancel()
            self.forget(inbox)
        if not reply.data and (reply.headers or {}).get("Status") == NOBODY:
            raise NobodyListens(
                "no process listens", where=subject, expected="a running process of the service",
                next="start the service; then call again, a command with the same key",
            )  # fmt: skip
        return reply

    async def _answered(self, message: Msg) -> None:
        waiting = self._waiting.pop(message.subject, None)
        if waiting is not None:
            waiting[1](message)

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for _, answered in waiting.values():
            answered(
                OutcomeUnknown(
                    "the connection broke before the answer came", where=self.place, expected="an answer in time"
                )
            )

    # ── listening ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def listen(
        self, subject: str, arrived: Callable[[Msg], Awaitable[None]], missed: Callable[[], None], queue: str = ""
    ) -> Interest:
        """Listens to a subject from now on, and after each reconnect.

        Raises `ChannelError` if the server denies it.
        """
        interest = Interest(subject, queue, arrived, missed)
        self._interests.append(interest)
        with contextlib.suppress(Unavailable, nats.errors.Error, TimeoutError):  # the next connection subscribes it
            client = self.client()
            self._refused.discard(subject.lower())
            await _subscribe(client, interest)
            await self._settle(client, CONNECT_SECONDS)
        if subject.lower() in self._refused:
            self._interests.remove(interest)
            raise ChannelError(
                f"the server denies this user the subscription to {subject}", where=self.place,
                expected=_PERMISSIONS, next=_PERMIT,
            )  # fmt: skip
        return interest

    def drop(self, interest: Interest) -> None:
        """Ends listening in the background."""
        task = asyncio.create_task(self.end(interest))
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)

    async def end(self, interest: Interest) -> None:
        """Stops listening. Messages that have arrived are still delivered. Idempotent."""
        if interest in self._interests:
            self._interests.remove(interest)
            if interest.subscription is not None and self._client is not None:
                with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await interest.subscription.drain()  # type: ignore[no-untyped-call]  # the library's gap


def inbox_of(user: str) -> str:
    """The subject below which replies to a user arrive."""
    return f"_INBOX.{re.sub(r'[^A-Za-z0-9_-]', '_', user)}"


def _user_in(url: str) -> str:
    """The user in an address; addresses of a cluster have the same."""
    return next((user for each in url.split(",") if (user := urlsplit(each.strip()).username)), "remit")


async def _subscribe(client: Client, interest: Interest) -> None:
    interest.subscription = await client.subscribe(  # pyright: ignore[reportUnknownMemberType]  # of a parameter not used
        interest.subject, interest.queue, cb=interest.arrived
    )


async def _flush(client: Client) -> None:
    await client.flush(timeout=3600)  # twice: the library's ping overtakes what is not written yet
    await client.flush(timeout=3600)


def _expire(future: asyncio.Future[Msg], seconds: float, place: str) -> None:
    if not future.done():
        future.set_exception(
            OutcomeUnknown(f"no answer within {seconds:.3f} s", where=place, expected="an answer in time")
        )


async def _end(client: Client) -> None:
    """Closes a client. After a cancellation or an error, the library would leave its tasks and its socket open."""
    try:
        with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await client.close()
    finally:
        subscriptions: Mapping[int, Subscription] = getattr(client, "_subs", {})
        left = [getattr(client, name, None) for name in ("_reading_task", "_ping_interval_task", "_flusher_task")]
        left += [getattr(subscription, "_wait_for_msgs_task", None) for subscription in subscriptions.values()]
        for task in left:
            if task is not None:
                task.cancel()
        transport = getattr(client, "_transport", None)
        if transport is not None:
            transport.close()


def _without_secrets(url: str) -> str:
    places: list[str] = []
    for each in url.split(","):
        parts = urlsplit(each.strip() if "://" in each else f"nats://{each.strip()}")
        places.append(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
    return ",".join(places)
