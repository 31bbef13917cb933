"""Foreign messages on their way in: how they are known, and how they are kept until they are translated.

A message is accepted by one entry in the private channel of its context. Everything else follows from the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from remit.contexts import Header, Source
from remit.domain import Record
from remit.errors import BadMessage, RemitError
from remit.log import Channel, escaped, write_headers
from remit.messages import key_text, require_key
from remit.runtime.plan import TranslatorPlan
from remit.runtime.work.outcomes import RENEW_SECONDS
from remit.runtime.work.workplace import Workplace
from remit.stores import Entry, KeyClaim, Store, Unit

VERSION = 1
"""The version of the form in which a foreign message is kept."""


class Kept(msgspec.Struct, omit_defaults=True):
    """A foreign message in the log."""

    body: msgspec.Raw
    """As it arrived: JSON."""
    header: str = ""
    """The value of the header that identifies it, if one does."""


class Seen(Record[str]):
    """The newest version of a foreign thing that was handled."""

    version: int


class Told(NamedTuple):
    """What a foreign message says about itself."""

    key: str
    """Identifies the message."""
    entity: str | None
    """Identifies the thing that it is about."""
    version: int | None
    """Which of two messages about one thing is the newer one."""


def read_kept(payload: bytes) -> Kept:
    """Reads a message of the log. Raises `BadMessage`."""
    try:
        return _kept.decode(payload)
    except msgspec.MsgspecError as error:
        raise BadMessage(
            f"a foreign message cannot be read from the log: {error}", where="log", expected="the form of this release"
        ) from error


_kept = msgspec.json.Decoder(Kept)


def told_by(source: Source[Any], value: Any, header: str) -> Told:
    """Asks a message by the functions of its source. Raises what they raise, `BadKey` and `BadMessage`."""
    key: Any = header if isinstance(source.key, Header) else source.key(value)
    if key is None or key == "":
        raise _silent(source, "key")
    text = key_text(key, "key", repr(source))
    require_key(text, repr(source))
    entity = None if source.entity is None else source.entity(value)
    return Told(text, None if entity is None else key_text(entity, "entity", repr(source)), _version(source, value))


def _version(source: Source[Any], value: Any) -> int | None:
    if source.version is not None:
        return _whole(source, source.version(value))
    if source.at is None:
        return None
    at: Any = source.at(value)
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise _silent(source, "time with a zone")
    return round(at.timestamp() * 1_000_000)


def _whole(source: Source[Any], version: Any) -> int:
    """A version as a number. One with a fraction would be equal to others when it is cut."""
    if isinstance(version, int):
        return int(version)
    if isinstance(version, str) and version.isascii() and version.isdecimal():
        return int(version)
    raise BadMessage(
        f"a message has the version {version!r}"[:200], where=repr(source), expected="a whole number",
        next="change the function that the source names; for a time, give at= in place of version=",
    )  # fmt: skip


def _silent(source: Source[Any], what: str) -> BadMessage:
    return BadMessage(
        f"a message has no {what}", where=repr(source), expected="one in every message",
        next="change the function that the source names",
    )  # fmt: skip


class Arrivals:
    """The messages of one source that arrive in this process."""

    def __init__(self, translator: TranslatorPlan, workplace: Workplace, stamp: Callable[[], float]) -> None:
        """`stamp` gives the time for rows that are deleted by age."""
        self.translator = translator
        self._place = workplace
        self._stamp = stamp

    @property
    def store(self) -> Store:
        """The store of the context."""
        return self._place.store

    def entry(self, body: bytes, header: str = "") -> tuple[Entry, str]:
        """The entry of a message, and the key of the message. The key is empty if the message cannot say it: then it
        waits alone, and its translation tells why. `body` is JSON."""
        source, name = self.translator.source, self.translator.name
        try:
            told = told_by(source, self.translator.codec.read(body), header)
            key, order = told.key, told.entity or told.key
        except Exception:  # noqa: BLE001  # the functions of a source are the user's; the translation will fail too
            key, order = "", f"unread {blake2b(body, digest_size=16).hexdigest()}"
        id = self._place.ids.new()
        trace = escaped(f"{source.name}:{key or order}")
        payload = msgspec.json.encode(Kept(msgspec.Raw(body), header))
        headers = write_headers(id, trace)
        return Entry(Channel.PRIVATE, order, id, name, VERSION, self._place.seconds(), headers, payload), key

    async def accept(self, body: bytes, header: str = "") -> bool:
        """Stores a message, which is then translated once. Returns False for a repetition, which is not stored again.
        Raises the errors of `Store.commit`."""
        entry, key = self.entry(body, header)
        if key and await is_known(self.store, self.translator.name, key, self._stamp()):
            return False
        await self.store.commit(Unit(entries=[entry]))
        return True

    async def accept_all(self, bodies: Sequence[bytes], unit: Unit) -> int:
        """Stores messages in the given unit, without repetitions. Returns how many are new. Raises as `accept`."""
        found: list[Entry] = []
        for entry, key in map(self.entry, bodies):
            if not key or not await is_known(self.store, self.translator.name, key, self._stamp()):
                found.append(entry)
        unit.entries = found
        await self.store.commit(unit)
        return len(found)


async def is_known(store: Store, owner: str, key: str, now: float) -> bool:
    """Whether a message with this key was handled. Renews a key that is older than a day."""
    stored = await store.outcome(owner, key)
    if stored is not None and now - stored.at > RENEW_SECONDS:
        with suppress(RemitError):  # the next repetition tries again
            await store.keep(owner, key, now)
    return stored is not None


def claim_of(owner: str, key: str, at: float) -> KeyClaim:
    """The row by which a message is recognised from now on."""
    return KeyClaim(owner, key, b"", b"null", at)
