"""The log lines for what happens in a process. Calls, units of work and batches are not logged."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from types import TracebackType
from typing import Any, NamedTuple, cast

from remit.errors import DeadlineExceeded, Diverged, HandlerFailed, OutcomeUnknown, StoreError, Unavailable, visible
from remit.runtime.events import (
    BreakerClosed,
    BreakerOpened,
    CallTurnedAway,
    DeliveryIgnored,
    DeliveryRefused,
    HandlerRaised,
    KeyParked,
    KeyReleased,
    LaterRefused,
    LoopBlocked,
    Retrying,
    RuntimeEvent,
    SubscriptionBegun,
    TroubleBegun,
    TroubleEnded,
)

LONGEST = 4000
"""The most characters of a line that come from an event. It may contain the text of any exception."""
_GOOD_NEWS = ("resumed", "released", "ignored", "begins", "retrying", "breaker-closed")

log = logging.getLogger("remit")


class Line(NamedTuple):
    """The log line for an event. `word` is stable, so that logs can be searched for it."""

    word: str
    where: str
    what: str
    error: BaseException | None = None


def log_event(
    event: HandlerRaised | KeyParked | KeyReleased | Retrying | LaterRefused | TroubleBegun | TroubleEnded
    | BreakerOpened | BreakerClosed | CallTurnedAway | LoopBlocked | SubscriptionBegun | DeliveryIgnored
    | DeliveryRefused,
) -> None:  # fmt: skip
    """The listener of every process. Writes to the logger `remit`; troubles are warnings."""
    line = line_of(event)
    if line is not None:
        level = logging.INFO if line.word in _GOOD_NEWS else logging.WARNING
        what = line.what if len(line.what) <= LONGEST else f"{line.what[:LONGEST]}…"
        with nullcontext((None, 0)) if line.error is None else _shortened(line.error) as (raised, left_out):
            if left_out:
                what = f"{what}\n(frames of remit left out: {left_out}; the level DEBUG shows them)"
            log.log(level, "%s %s: %s", line.word, visible(line.where), visible(what), exc_info=raised)


_Raised = tuple[type[BaseException], BaseException, TracebackType | None]
_ROOT = __file__.rpartition("observability")[0]
"""The folder of the source of `remit`."""


@contextmanager
def _shortened(error: BaseException) -> Generator[tuple[_Raised, int]]:
    """The error for a log, with the frames of its traceback that are the user's; and the number of frames of `remit`
    that were left out. Inside of the block, the errors that it came from have only these frames too. All frames stay at
    the level DEBUG, and in an error of which none is the user's."""
    if log.isEnabledFor(logging.DEBUG):
        yield (type(error), error, error.__traceback__), 0
        return
    whole = [(each, each.__traceback__) for each in _with_causes(error)]
    short = [_of_user(trace) for _, trace in whole]
    try:
        for (each, _), (trace, _) in zip(whole[1:], short[1:], strict=True):
            each.__traceback__ = trace
        yield (type(error), error, short[0][0]), sum(left_out for _, left_out in short)
    finally:
        for each, before in whole[1:]:  # others may hold the same errors
            each.__traceback__ = before


def _with_causes(error: BaseException) -> list[BaseException]:
    """An error, and all that a log shows with it: what it came from, and the members of groups."""
    found: list[BaseException] = []
    left = [error]
    while left:
        each = left.pop()
        if any(each is other for other in found):
            continue
        found.append(each)
        if isinstance(each, BaseExceptionGroup):
            left += cast("BaseExceptionGroup[BaseException]", each).exceptions
        cause = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
        left += [] if cause is None else [cause]
    return found


def _of_user(trace: TracebackType | None) -> tuple[TracebackType | None, int]:
    """A traceback without the frames of `remit`, and how many these are. Whole if it has no other ones."""
    frames: list[TracebackType] = []
    whole = trace
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept = [each for each in frames if not each.tb_frame.f_code.co_filename.startswith(_ROOT)]
    if not kept:
        return whole, 0
    short: TracebackType | None = None
    for each in reversed(kept):
        short = TracebackType(short, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return short, len(frames) - len(kept)


def line_of(event: RuntimeEvent) -> Line | None:
    """The log line for an event. None if it is not logged."""
    line = _LINES.get(type(event))
    return None if line is None else line(event)


def _parked(event: KeyParked) -> Line | None:
    """Logs the 1st, 2nd, 4th, 8th, … failure of a key, so that a key that stays parked does not flood the log. Only the
    first has a traceback."""
    if event.attempts & (event.attempts - 1):
        return None
    if event.attempts == 1:
        return Line("parked", event.subscription, f"key {event.key!r}: {event.what}", _of_the_user(event.error))
    what = f"key {event.key!r}, parked still, failure {event.attempts}: {event.what}"
    return Line("parked", event.subscription, what)


def _retrying(event: Retrying) -> Line | None:
    if event.failures > 1:
        return None
    return Line("retrying", event.follower, event.what, _of_the_user(event.error))


def _turned_away(event: CallTurnedAway) -> Line | None:
    """Logs the 1st, 2nd, 4th, 8th, …, so that a flood of such calls does not flood the log."""
    if event.number & (event.number - 1):
        return None
    return Line("turned-away", event.address, f"call {event.number} that is not allowed: {event.what}")


def _delivery_refused(event: DeliveryRefused) -> Line | None:
    if event.refused & (event.refused - 1):
        return None
    return Line("delivery-refused", event.subscription, f"{event.what} (request {event.refused} that is refused)")


_OF_ANOTHER = (DeadlineExceeded, Diverged, HandlerFailed, OutcomeUnknown, StoreError, Unavailable)
"""Errors of a store or of another handler, which has logged its own. Other failed calls, such as one that is too large,
are mistakes of the handler that makes them."""


def _of_the_user(error: BaseException) -> BaseException | None:
    """The error, if its traceback says more than its text."""
    return None if isinstance(error, _OF_ANOTHER) else error


_LINES: Mapping[type[RuntimeEvent], Callable[[Any], Line | None]] = {
    HandlerRaised: lambda event: Line("handler-failed", event.handler, event.what, event.error),
    KeyParked: _parked,
    SubscriptionBegun: lambda event: Line(
        "begins",
        event.subscription,
        f"{event.messages}{' or more' if event.more else ''} messages of {event.source} wait for it",
    ),
    KeyReleased: lambda event: Line("released", event.subscription, f"key {event.key!r}"),
    Retrying: _retrying,
    LaterRefused: lambda event: Line(
        "refused-later",
        event.subscription,
        f"a command sent for later was refused: {event.type} of key {event.key!r}, {event.message}: {event.refusal}",
    ),
    DeliveryIgnored: lambda event: Line("ignored", event.subscription, f"message {event.key!r}: {event.why}"),
    DeliveryRefused: _delivery_refused,
    TroubleBegun: lambda event: Line(event.state, event.where, event.note),
    TroubleEnded: lambda event: Line("resumed", event.where, event.note),
    BreakerOpened: lambda event: Line("breaker-opened", event.address, event.what),
    CallTurnedAway: _turned_away,
    BreakerClosed: lambda event: Line("breaker-closed", event.address, "it answers again"),
    LoopBlocked: lambda event: Line(
        "blocked", "event loop", f"for more than {event.seconds:g} s, in {event.where}\n{event.stack}"
    ),
}
