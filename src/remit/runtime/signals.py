"""What the runtime has to say about itself: small values, said through one port. Observability listens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from remit.errors import visible

LONGEST = 4000
"""Characters of what a signal says that are logged: it may be the text of anybody's exception."""
_GOOD_NEWS = ("resumed", "released", "retrying", "breaker-closed")

log = logging.getLogger("remit")


@dataclass(frozen=True)
class Signal:
    """Something the runtime noticed.

    `kind` is stable: handler-failed, parked, released, retrying, paused, source-silent, resumed, stalled, regressed,
    lost-source, refused-later, breaker-opened, breaker-closed, blocked. The last one is said from another thread: the
    event loop is blocked.
    """

    kind: str
    where: str
    what: str
    error: BaseException | None = None


Listener = Callable[[Signal], None]


def log_signal(signal: Signal) -> None:
    """The default listener: standard logging."""
    level = logging.INFO if signal.kind in _GOOD_NEWS else logging.WARNING
    what = signal.what if len(signal.what) <= LONGEST else f"{signal.what[:LONGEST]}…"
    log.log(level, "%s %s: %s", signal.kind, visible(signal.where), visible(what), exc_info=signal.error)
