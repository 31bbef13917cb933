"""JetStream streams: one per context and channel, created with all settings explicit, and checked."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from remit.errors import BadMessage, ChannelError, NotPrepared, Unavailable
from remit.log import Channel
from remit.transports.nats.connection import Denied, NatsConnection
from remit.transports.nats.encoding import read_place

API_SECONDS = 5.0
NAME_TAKEN = 10058
NO_STREAM = 10059
NO_MESSAGE = 10037
WEEK = 7 * 86_400 * 1_000_000_000
"""How long the broker keeps messages, in nanoseconds."""

BATCHES = "allow_atomic"
FOREIGN = ("mirror", "sources")
"""Settings with which a stream copies other ones. No stream of remit has them."""
OPERATORS = ("max_age", "max_msgs", "max_bytes", "max_msg_size", "compression")
"""Settings of an existing stream that the broker's operator may change: how much is kept."""


def stream_name(system: str, source: str, channel: Channel) -> str:
    """The name of a stream. Names of systems and contexts never contain two dashes in a row, so it is unique."""
    return f"remit-{system}--{source}-{channel.called}"


def subjects(system: str, source: str, channel: Channel) -> str:
    """The subjects of a stream, without the last token, which is the partition."""
    return f"remit.{system}.events.{source}.{channel.called}"


class Tail(NamedTuple):
    """The last message of a subject: its sequence in the stream, and its position and id in the log (0 and "" if
    unknown)."""

    seq: int
    pos: int
    id: str


class Prepared(NamedTuple):
    """A stream that can be used: whether it was created now, and whether it takes batches (servers from 2.12 on)."""

    name: str
    made: bool
    batches: bool


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Stored(msgspec.Struct):
    seq: int = 0
    hdrs: str = ""


class _Reply(msgspec.Struct):
    error: _Error | None = None
    config: dict[str, Any] | None = None
    message: _Stored | None = None


_replies = msgspec.json.Decoder(_Reply)


class Streams:
    """Creates streams, and reads the last message of a subject."""

    def __init__(self, connection: NatsConnection, system: str, replicas: int) -> None:
        self._connection = connection
        self._system = system
        self._replicas = replicas

    async def prepare(self, source: str, channel: Channel) -> Prepared:
        """Creates the stream unless it exists. A user without the right to create it can use one that exists.

        Raises `NotPrepared` if it does not exist and this user may not create it, `ChannelError` if an existing stream
        has unusable settings, and `Unavailable`.
        """
        name = stream_name(self._system, source, channel)
        wanted = self._settings(name, subjects(self._system, source, channel))
        reply = await self._ask(f"STREAM.INFO.{name}", b"")
        made = reply.error is not None and reply.error.err_code == NO_STREAM
        if made:
            reply = await self._create(name, wanted)
            if reply.error is not None and reply.error.err_code == NAME_TAKEN:  # another process was faster
                made, reply = False, await self._ask(f"STREAM.INFO.{name}", b"")
        if reply.error is not None:
            raise self._trouble(name, reply.error)
        found = reply.config or {}
        differs = [key for key, value in wanted.items() if found.get(key) != value]
        differs = [key for key in differs if key != BATCHES and not (not made and key in OPERATORS)]
        differs += [key for key in FOREIGN if found.get(key)]
        if differs:
            raise ChannelError(
                f"the stream {name} has other settings: "
                + ", ".join(f"{key} is {found.get(key, 'not known')}" for key in differs),
                where=self._connection.place,
                expected=", ".join(f"{key} {wanted.get(key, 'none')}" for key in differs),
                next=f"nats stream edit {name}, or delete it: it is created anew, and the log still has the messages",
            )
        return Prepared(name, made, found.get(BATCHES) is True)

    async def _create(self, name: str, wanted: Mapping[str, Any]) -> _Reply:
        try:
            return await self._ask(f"STREAM.CREATE.{name}", msgspec.json.encode(wanted))
        except Denied as denied:
            raise NotPrepared(
                f"there is no stream {name}, and this user may not create it: an administrator runs remit migrate",
                where=self._connection.place, expected="a stream that an administrator has created",
                next="remit migrate FILE.toml --broker-admin USER:PASSWORD; the relay tries again by itself",
            ) from denied  # fmt: skip

    async def tail(self, source: str, channel: Channel, part: int) -> Tail | None:
        """The last message of a subject; None if there is no stream."""
        name = stream_name(self._system, source, channel)
        subject = f"{subjects(self._system, source, channel)}.{part}"
        reply = await self._ask(f"STREAM.MSG.GET.{name}", msgspec.json.encode({"last_by_subj": subject}))
        if reply.error is not None:
            if reply.error.err_code == NO_MESSAGE:
                return Tail(0, 0, "")
            if reply.error.err_code == NO_STREAM:
                return None
            raise self._trouble(name, reply.error)
        stored = reply.message or _Stored()
        try:
            return Tail(stored.seq, *read_place(_headers(b64decode(stored.hdrs))))
        except BadMessage:
            return Tail(stored.seq, 0, "")  # not published by remit

    def _settings(self, name: str, prefix: str) -> Mapping[str, Any]:
        return {
            "name": name,
            "subjects": [f"{prefix}.*"],
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            "num_replicas": self._replicas,
            "max_age": WEEK,
            "max_msgs": -1,
            "max_bytes": -1,
            "max_msg_size": -1,
            "max_msgs_per_subject": -1,
            "compression": "none",
            BATCHES: True,
            "allow_direct": False,  # only the leader surely knows the last message
            "sealed": False,
        }

    async def _ask(self, what: str, body: bytes) -> _Reply:
        message = await self._connection.request(f"$JS.API.{what}", body, {}, API_SECONDS)
        try:
            return _replies.decode(message.data)
        except msgspec.MsgspecError as error:
            raise Unavailable(
                f"JetStream answered {error}", where=self._connection.place, expected="an answer of JetStream",
                next="run nats-server 2.10 or newer, with --jetstream",
            ) from error  # fmt: skip

    def _trouble(self, name: str, error: _Error) -> Unavailable | ChannelError:
        kind = Unavailable if error.code >= 500 else ChannelError
        return kind(
            f"the stream {name}: {error.description}", where=self._connection.place,
            expected="a stream that remit may create and read",
            next=f"look at it with nats stream info {name}; remit plan FILE --permissions prints what users may do",
        )  # fmt: skip


def _headers(block: bytes) -> dict[str, str]:
    """Decodes the headers of a stored message."""
    lines = block.decode(errors="replace").split("\r\n")[1:]
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
