"""What happens in a process, as lines of a log: one line each where a traceback would say nothing more."""

from __future__ import annotations

import logging
import traceback

import pytest

from remit.errors import DeadlineExceeded, HandlerFailed, StoreUnavailable, TooLarge, Unavailable
from remit.observability import log_event
from remit.runtime.events import BreakerOpened, HandlerRaised, KeyParked, Retrying
from remit.runtime.failures import told

AWAY = Unavailable("no connection to 127.0.0.1:1: refused", where="stock.write")


class IntervalError(BaseException):
    """No `Exception`, which `told` would catch."""


class Wordless(Exception):
    def __str__(self) -> str:
        raise IntervalError


def raised(error: Exception) -> Exception:
    """An error with a traceback."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


@pytest.mark.parametrize(
    "event",
    [
        BreakerOpened(0.0, "", "stock.write", AWAY.what, raised(AWAY)),
        Retrying(0.0, "", "sales.ask", AWAY.what, raised(AWAY)),
        Retrying(0.0, "", "sales.ask", "busy", raised(StoreUnavailable("busy"))),
        KeyParked(0.0, "", "sales.ask", "ada", "DeadlineExceeded: late", raised(DeadlineExceeded("late")), 1),
        KeyParked(0.0, "", "sales.ask", "ada", "HandlerFailed: it failed", raised(HandlerFailed("it failed")), 2),
    ],
)
def test_what_is_away_is_one_line(
    event: BreakerOpened | Retrying | KeyParked, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "remit"):
        log_event(event)
    (line,) = caplog.records
    assert line.exc_info is None
    assert "\n" not in line.getMessage()


def test_a_call_that_its_handler_made_too_large_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    error = raised(TooLarge("the message is larger than what the channel carries"))
    with caplog.at_level(logging.INFO, "remit"):
        log_event(KeyParked(0.0, "", "sales.ask", "ada", "TooLarge: it is too large", error, 1))
        log_event(HandlerRaised(0.0, "", "sales.Ask", "TooLarge: it is too large", error))
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_what_a_handler_raised_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "remit"):
        log_event(Retrying(0.0, "", "sales.ask", "ConnectionError: reset", raised(ConnectionError("reset"))))
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize(("level", "frames"), [(logging.INFO, 2), (logging.DEBUG, 3)])
def test_traceback_in_a_log_has_the_frames_of_the_user(
    caplog: pytest.LogCaptureFixture, level: int, frames: int
) -> None:
    with pytest.raises(IntervalError) as caught:
        told(Wordless())
    with caplog.at_level(level, "remit"):
        log_event(HandlerRaised(0.0, "", "sales.Ask", "IntervalError: no text", caught.value))
    (record,) = caplog.records
    text = logging.Formatter().format(record)
    assert text.count('  File "') == frames
    assert ("failures.py" in text) == (level == logging.DEBUG)
    assert ("\n    (frames of remit left out: 1; the level DEBUG shows them)\n" in text) == (level == logging.INFO)


def _wrapped(kind: str) -> BaseException:
    """An error of the user, with one that has frames of remit as its cause, as its context, or in a group."""
    try:
        try:
            told(Wordless())
        except IntervalError as error:
            if kind == "cause":
                raise LookupError("no interval") from error
            if kind == "group":
                raise BaseExceptionGroup("no interval", [error]) from None
            raise LookupError("no interval")  # noqa: B904  # the cause is not named on purpose
    except (LookupError, BaseExceptionGroup) as error:
        return error
    raise AssertionError("it raises")


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
@pytest.mark.parametrize("kind", ["cause", "context", "group"])
def test_tracebacks_of_what_an_error_came_from_have_the_frames_of_the_user(
    caplog: pytest.LogCaptureFixture, level: int, kind: str
) -> None:
    error = _wrapped(kind)
    before = "".join(traceback.format_exception(error))
    with caplog.at_level(level, "remit"):
        log_event(HandlerRaised(0.0, "", "sales.Ask", "LookupError: no interval", error))
    assert "IntervalError" in caplog.text
    assert ("failures.py" in caplog.text) == (level == logging.DEBUG)
    assert ("frames of remit left out: 1;" in caplog.text) == (level == logging.INFO)
    assert "".join(traceback.format_exception(error)) == before, "the error itself stays as it is"


def test_an_error_that_is_its_own_cause_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    error, cause = raised(ValueError("no")), raised(KeyError("none"))
    error.__cause__, cause.__cause__ = cause, error
    with caplog.at_level(logging.INFO, "remit"):
        log_event(HandlerRaised(0.0, "", "sales.Ask", "ValueError: no", error))
    assert "KeyError" in caplog.text


def test_a_key_that_stays_parked_has_the_traceback_of_its_first_failure_only(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "remit"):
        for failure in range(1, 5):
            log_event(KeyParked(0.0, "", "sales.ask", "ada", "ValueError: no", raised(ValueError("no")), failure))
    assert [record.exc_info is not None for record in caplog.records] == [True, False, False]


def test_of_failures_in_a_row_that_are_tried_again_the_first_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "remit"):
        for failure in range(1, 5):
            log_event(Retrying(0.0, "", "sales.ask", AWAY.what, raised(AWAY), failure))
    (line,) = caplog.records
    assert line.getMessage() == f"retrying sales.ask: {AWAY.what}"
