"""What one attempt to handle a message has called: derived keys, and what a run has to call again.

What a handler calls has its effect at once, before the handler's own changes are committed: a run that decides
differently from the run before it is therefore an error, never a second effect beside the first.
"""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from typing import Any

import msgspec

from remit.errors import Diverged, OutcomeUnknown


class Called(msgspec.Struct, eq=False):
    """The calls of one attempt. Made when its handler calls for the first time. A struct, as `Limit`."""

    origin: str
    """Of the message that is handled."""
    context: str
    under_way: int = 0
    diverged: Diverged | None = None
    _made: dict[str, Exception | None] = {}
    """The calls of this run by key, with what each failed with."""
    _before: dict[str, Exception | None] = {}
    """Those of the runs before, which this one has to repeat."""
    _equals: dict[str, int] = {}
    """How often this run has made calls that are equal."""
    _said: dict[str, bytes] = {}
    """What the calls of this run say whose command has an identity."""
    _types: dict[str, str] = {}
    """The types of the commands that were called, by key."""
    _idle: asyncio.Future[None] | None = None

    def begin_again(self, *, whole: bool) -> None:
        """The handler runs again. `whole` says whether its last run came to its end."""
        self._before = self._made if whole else {**self._before, **self._made}
        self._made, self._equals, self._said = {}, {}, {}

    async def join(self) -> None:
        """Waits for calls that were begun and not waited for."""
        while self.under_way:
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle

    def refuse_contradiction(self) -> None:
        """Raises `Diverged` where a run ends, with a reply or a refusal, that contradicts the runs before it."""
        if self.diverged is None and (left := self._left()):
            self.diverged = self._divergence(f"it did not call {left} again")
        if self.diverged is not None:
            raise self.diverged

    def key_of(self, type: str, content: bytes, identity: bytes | None) -> str:
        """The key of a call that its handler gave none: the same whenever the message is handled.

        It is made of the message, the command's type, and its declared identity or else its content; calls that are
        equal are counted. Raises `Diverged` where two commands of this run have one identity and different contents.
        """
        what = content if identity is None else identity
        made = blake2b(f"{self.origin}\0{type}\0".encode() + what, digest_size=16).hexdigest()
        if identity is not None:
            self._refuse_other_content(made, type, content)
            return made
        count = self._equals.get(made, 1)
        while (key := _numbered(made, count)) in self._made and self._made[key] is None:
            count += 1  # one that failed is made again under its key: it is the same wish
        self._equals[made] = count
        return key

    def _refuse_other_content(self, key: str, type: str, content: bytes) -> None:
        if self._made.get(key) is not None:
            self._said.pop(key, None)  # it has failed, and may be made otherwise
        if self._said.setdefault(key, content) != content:
            raise Diverged(
                f"one handler sent two commands {type} with the same identity and different contents",
                where=self.context, expected="one command for one identity while one message is handled",
                next="send one of them, or let their identities differ",
            )  # fmt: skip

    def enter(self, key: str, type: str) -> None:
        """A call begins. Raises what the same call failed with in the run before, so that the handler decides as it did
        then; `Diverged` when the call may stand for another one that was made before."""
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
        """A call has ended; with an error where it raised one. `over` is that of a run that is over."""
        if not over and error is not None:
            self._made[key] = error if isinstance(error, Exception) else OutcomeUnknown("the call was cancelled")
            self._equals.pop(key.partition("-")[0], None)  # it may be made again, also when equal ones were made after
        self.under_way -= 1
        if not self.under_way and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _left(self) -> str:
        """The types of what the runs before have called and this one has not. Also one that failed may have called
        others."""
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
    """What the identity of a command says."""
    return msgspec.json.encode(value, order="deterministic")


def _numbered(key: str, count: int) -> str:
    return key if count == 1 else f"{key}-{count}"
