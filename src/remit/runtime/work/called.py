"""The calls that an attempt has made: their derived keys, and which of them a further run has to repeat.

A call takes effect at once, before the handler's own changes are committed. A run that decides differently from the
run before is therefore an error, and never a second effect beside the first.
"""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from typing import Any

import msgspec

from remit.errors import Diverged, OutcomeUnknown


class Called(msgspec.Struct, eq=False):
    """The calls of one attempt. Created with the first call. A struct, as `Limit`."""

    origin: str
    """Of the handled message."""
    context: str
    under_way: int = 0
    diverged: Diverged | None = None
    _made: dict[str, Exception | None] = {}
    """The calls of this run by key, each with the error it failed with."""
    _before: dict[str, Exception | None] = {}
    """The calls of earlier runs, which this run has to repeat."""
    _equals: dict[str, int] = {}
    """How many equal calls this run has made."""
    _said: dict[str, bytes] = {}
    """The contents of this run's commands that have an identity, by key."""
    _types: dict[str, str] = {}
    """The command types of the calls, by key."""
    _idle: asyncio.Future[None] | None = None

    def begin_again(self, *, whole: bool) -> None:
        """Begins another run. `whole` says whether the last run ended without an error."""
        self._before = self._made if whole else {**self._before, **self._made}
        self._made, self._equals, self._said = {}, {}, {}

    async def join(self) -> None:
        """Waits for calls that the handler began and did not await."""
        while self.under_way:
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle

    def refuse_contradiction(self) -> None:
        """Raises `Diverged` if the run ends, with a reply or a refusal, without the calls of the runs before it."""
        if self.diverged is None and (left := self._left()):
            self.diverged = self._divergence(f"it did not call {left} again")
        if self.diverged is not None:
            raise self.diverged

    def key_of(self, type: str, content: bytes, identity: bytes | None) -> str:
        """The derived key of a call that has none: the same each time the message is handled.

        It is a hash of the message, the command's type, and its declared identity or else its content. Equal calls are
        numbered. Raises `Diverged` if two commands of this run have the same identity and different contents.
        """
        what = content if identity is None else identity
        made = blake2b(f"{self.origin}\0{type}\0".encode() + what, digest_size=16).hexdigest()
        if identity is not None:
            self._refuse_other_content(made, type, content)
            return made
        count = self._equals.get(made, 1)
        while (key := _numbered(made, count)) in self._made and self._made[key] is None:
            count += 1  # a failed call keeps its key: its repetition has the same intent
        self._equals[made] = count
        return key

    def _refuse_other_content(self, key: str, type: str, content: bytes) -> None:
        if self._made.get(key) is not None:
            self._said.pop(key, None)  # the call failed: its repetition may have other contents
        if self._said.setdefault(key, content) != content:
            raise Diverged(
                f"one handler sent two commands {type} with the same identity and different contents",
                where=self.context, expected="one command for one identity while one message is handled",
                next="send one of them, or let their identities differ",
            )  # fmt: skip

    def enter(self, key: str, type: str) -> None:
        """A call begins. Raises the error of the same call in the run before, so that the handler decides as it did
        then. Raises `Diverged` if the call may replace one that an earlier run made."""
        before = self._before
        if before and key not in self._made:
            failed = before.get(key)
            if failed is not None and not isinstance(failed, OutcomeUnknown):
                self._made[key] = failed
                raise failed.with_traceback(None)
            if key not in before and (left := self._left()):
                self.diverged = self._divergence(f"it sent another {type}, and not {left} again")
                raise self.diverged
        self._made[key] = None
        self._types[key] = type
        self.under_way += 1

    def leave(self, key: str, error: BaseException | None, *, over: bool) -> None:
        """A call has ended, with `error` if it raised one. `over` is true if its run has ended already."""
        if not over and error is not None:
            self._made[key] = error if isinstance(error, Exception) else OutcomeUnknown("the call was cancelled")
            self._equals.pop(key.partition("-")[0], None)  # it may be repeated, even after equal calls made later
        self.under_way -= 1
        if not self.under_way and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _left(self) -> str:
        """The types of calls that earlier runs made and this one has not, including failed ones: those may have called
        others in turn."""
        left = [key for key in self._before if key not in self._made]
        return ", ".join(dict.fromkeys(self._types.get(key, "") for key in left))

    def _divergence(self, how: str) -> Diverged:
        return Diverged(
            f"a handler was run again on newer state, and decided differently: {how}", where=self.context,
            expected="a run that makes the calls of the run before, whose effects stay",
            next="look at what its calls have done; then have it decide anew: the same command with the same key, or"
            " remit parked retry. To decide first and call afterwards, send for later: Later[...]",
        )  # fmt: skip


def identity_of(value: Any) -> bytes:
    """The identity of a command, as bytes."""
    return msgspec.json.encode(value, order="deterministic")


def _numbered(key: str, count: int) -> str:
    return key if count == 1 else f"{key}-{count}"
