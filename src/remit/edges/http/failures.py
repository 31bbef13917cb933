"""Logs failures at the HTTP edge. The same failure is logged once a minute."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from remit.edges.http.problems import Rejected
from remit.edges.http.request import Scope
from remit.errors import CallError, RemitError, visible

AGAIN_SECONDS = 60.0
"""How long the same failure is not logged again."""
MOST = 100
"""The most failures that are remembered."""

_log = logging.getLogger("remit.edges.http")


@dataclass
class _Said:
    at: float
    """Loop time."""
    others: int = 0
    """How many of the same were not logged since then."""


class Failures:
    """The failures of one edge."""

    def __init__(self) -> None:
        self._said: dict[tuple[type[Exception], str, str], _Said] = {}
        """By class, and by what tells failures of the class apart."""

    def say(self, scope: Scope, error: Exception, raised: Rejected) -> None:
        """Logs a failure of the server. Errors of the client are not logged."""
        is_unknown = raised.problem.code == "http.internal"
        if not (is_unknown or (raised.problem.status >= 500 and isinstance(error, RemitError))):
            return
        others = self._others(error)
        if others is None:
            return
        more = f", and {others} more since it was last logged" if others else ""
        if is_unknown:
            _log.error("%s %r failed%s", scope["method"], scope["path"], more, exc_info=error)
        elif isinstance(error, RemitError):
            _log.warning("%s %r: %s %s%s", scope["method"], scope["path"], error.code, visible(error.what), more)

    def _others(self, error: Exception) -> int | None:
        """How many of the same were not logged; None if this one is not logged either."""
        now, place = asyncio.get_running_loop().time(), _kind_of(error)
        said = self._said.get(place)
        if said is not None and now - said.at < AGAIN_SECONDS:
            said.others += 1
            return None
        if len(self._said) >= MOST:
            self._said.clear()
        self._said[place] = _Said(now)
        return 0 if said is None else said.others


def _kind_of(error: Exception) -> tuple[type[Exception], str, str]:
    """The same for failures that count as one. Calls of one service or message fail in many words while it is away:
    refused, reset, no answer within so many seconds."""
    if isinstance(error, CallError):
        return type(error), error.where, ""
    return type(error), _text(error), _raised_at(error)


def _raised_at(error: Exception) -> str:
    """File and line that raised the error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def _text(error: Exception) -> str:
    try:
        return error.what if isinstance(error, RemitError) else str(error)
    except Exception:  # noqa: BLE001  # the text of an exception is the user's code
        return ""
