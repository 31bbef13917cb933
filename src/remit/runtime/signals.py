"""What the runtime has to say about itself: small values, said through one port. Observability listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Listener", "Signal"]


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
