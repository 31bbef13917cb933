"""What happens in a process, as lines of a log: one line each where a traceback would say nothing more."""

from __future__ import annotations

import logging

import pytest

from remit.errors import StoreUnavailable, Unavailable
from remit.observability import log_event
from remit.runtime.events import BreakerOpened, Retrying

AWAY = Unavailable("no connection to 127.0.0.1:1: refused", where="stock.write")


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
    ],
)
def test_what_is_away_is_one_line(event: BreakerOpened | Retrying, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "remit"):
        log_event(event)
    (line,) = caplog.records
    assert line.exc_info is None
    assert "\n" not in line.getMessage()


def test_what_a_handler_raised_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "remit"):
        log_event(Retrying(0.0, "", "sales.ask", "ConnectionError: reset", raised(ConnectionError("reset"))))
    assert caplog.records[0].exc_info is not None
