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


class Call(msgspec.Struct, eq=False):
    """One call of a run. A struct, as `Limit`."""

    key: str
    type: str
    branch: int
    """Of the tasks that made calls of this content, how many made their first one before this task did."""
    failed: Exception | None = None
    """The error it failed with."""
    kept: bool = False
    """Whether it is a refusal that is kept under the key."""

    @property
    def is_decided(self) -> bool:
        """Whether it failed, and a further run gets its error again: its outcome is not unknown."""
        return self.failed is not None and not isinstance(self.failed, OutcomeUnknown)

    @property
    def is_over(self) -> bool:
        """Whether an equal call needs another key: it is under way, has succeeded, or its refusal is kept."""
        return self.failed is None or self.kept


class Called(msgspec.Struct, eq=False):
    """The calls of one attempt. Created with the first call. A struct, as `Limit`."""

    origin: str
    """Of the handled message."""
    context: str
    under_way: int = 0
    diverged: Diverged | None = None
    _made: dict[str, Call] = {}
    """The last call of this run under each key."""
    _run: dict[str, list[Call]] = {}
    """The calls of this run by content, or else by key, in the order in which they began."""
    _before: dict[str, list[Call]] = {}
    """The calls of earlier runs that this run has not repeated yet, likewise."""
    _branches: dict[str, dict[object, int]] = {}
    """The tasks that have made calls in this run, likewise."""
    _equals: dict[str, int] = {}
    """How many equal calls this run has made."""
    _said: dict[str, bytes] = {}
    """The contents of this run's commands that have an identity, by key."""
    _idle: asyncio.Future[None] | None = None

    def begin_again(self, *, whole: bool) -> None:
        """Begins another run. `whole` says whether the last run ended without an error."""
        if not whole:
            for what, left in self._before.items():
                self._run.setdefault(what, []).extend(left)
        self._before = self._run
        self._made, self._run, self._branches, self._equals, self._said = {}, {}, {}, {}, {}

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
        numbered; the n-th one of a further run has the key of the n-th one of the run before. Raises `Diverged` if two
        commands of this run have the same identity and different contents.
        """
        what = content if identity is None else identity
        made = blake2b(f"{self.origin}\0{type}\0".encode() + what, digest_size=16).hexdigest()
        if identity is not None:
            self._refuse_other_content(made, type, content)
            return made
        if (before := self._repeated(made)) is not None:
            return before.key
        count = self._equals.get(made, 1)
        while (key := _numbered(made, count)) in self._made and self._made[key].is_over:
            count += 1  # any other failed call keeps its key: its repetition has the same intent
        self._equals[made] = count
        return key

    def _refuse_other_content(self, key: str, type: str, content: bytes) -> None:
        if key in self._made and self._made[key].failed is not None:
            self._said.pop(key, None)  # the call failed: its repetition may have other contents
        if self._said.setdefault(key, content) != content:
            raise Diverged(
                f"one handler sent two commands {type} with the same identity and different contents",
                where=self.context, expected="one command for one identity while one message is handled",
                next="send one of them, or let their identities differ",
            )  # fmt: skip

    def enter(self, key: str, type: str) -> Call:
        """A call begins. Raises the error of the same call in the run before, so that the handler decides as it did
        then: of equal calls, of the n-th one. Raises `Diverged` if the call may replace one that an earlier run
        made."""
        what = _content(key)
        before = self._repeated(what, key)
        if before is None and key not in self._made and (left := self._left()):
            self.diverged = self._divergence(f"it sent another {type}, and not {left} again")
            raise self.diverged
        call = Call(key, type, self._branch(what))
        self._made[key] = call
        self._run.setdefault(what, []).append(call)
        if before is not None:
            self._before[what].remove(before)
            if before.is_decided and (failed := before.failed) is not None:
                call.failed, call.kept = failed, before.kept
                raise failed.with_traceback(None)
        self.under_way += 1
        return call

    def leave(self, call: Call, error: BaseException | None, *, kept: bool, over: bool) -> None:
        """A call has ended, with `error` if it raised one, which is `kept` under its key or not. `over` is true if its
        run has ended already."""
        if not over and error is not None:
            call.failed = error if isinstance(error, Exception) else OutcomeUnknown("the call was cancelled")
            call.kept = kept
            self._equals.pop(_content(call.key), None)  # it may be repeated, even after equal calls made later
        self.under_way -= 1
        if not self.under_way and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _repeated(self, what: str, key: str = "") -> Call | None:
        """The call of an earlier run that the next call of this content, or under this key, repeats: the first one of
        its branch, or else of any. A branch whose calls end at once may make all of its calls before another one."""
        left = [call for call in self._before.get(what, ()) if key in ("", call.key)]
        if not left:
            return None
        branch = self._branch(what)
        return next((call for call in left if call.branch == branch), left[0])

    def _branch(self, what: str) -> int:
        branches = self._branches.setdefault(what, {})
        return branches.setdefault(asyncio.current_task(), len(branches))

    def _left(self) -> str:
        """The types of calls that earlier runs made and this one has not, including failed ones: those may have called
        others in turn. Another call under its key counts as this one, unless it failed where this one succeeded."""
        left = [call for calls in self._before.values() for call in calls if not self._is_made(call)]
        return ", ".join(dict.fromkeys(call.type for call in left))

    def _is_made(self, call: Call) -> bool:
        made = self._made.get(call.key)
        return made is not None and (call.failed is not None or not made.is_decided)

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


def _content(key: str) -> str:
    """A derived key without its number; a given key as it is."""
    return key if "\0" in key else key.partition("-")[0]
