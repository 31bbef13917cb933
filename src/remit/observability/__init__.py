"""What can be seen of a running system: how far each subscription is, what holds it up, and what happens."""

from remit.observability.health import Health
from remit.observability.life import is_alive
from remit.observability.lines import Line, line_of, log_event
from remit.observability.logs import LogStatus, SubscriberStatus, read_logs, read_subscribers
from remit.observability.status import SubscriptionStatus, read_status
from remit.runtime.events import (
    BatchHandled,
    BreakerClosed,
    BreakerOpened,
    CallBegun,
    CallEnded,
    CallOutcome,
    CallTurnedAway,
    HandlerRaised,
    KeyParked,
    KeyReleased,
    LaterRefused,
    LoopBlocked,
    MessagesPublished,
    ProcessStarted,
    ProcessStopping,
    Retrying,
    RuntimeEvent,
    StateChanged,
    SubscriptionBegun,
    TroubleBegun,
    TroubleEnded,
    UnitCommitted,
)
from remit.runtime.listeners import Listener

__all__ = [
    "BatchHandled",
    "BreakerClosed",
    "BreakerOpened",
    "CallBegun",
    "CallEnded",
    "CallOutcome",
    "CallTurnedAway",
    "HandlerRaised",
    "Health",
    "KeyParked",
    "KeyReleased",
    "LaterRefused",
    "Line",
    "Listener",
    "LogStatus",
    "LoopBlocked",
    "MessagesPublished",
    "ProcessStarted",
    "ProcessStopping",
    "Retrying",
    "RuntimeEvent",
    "StateChanged",
    "SubscriberStatus",
    "SubscriptionBegun",
    "SubscriptionStatus",
    "TroubleBegun",
    "TroubleEnded",
    "UnitCommitted",
    "is_alive",
    "line_of",
    "log_event",
    "read_logs",
    "read_status",
    "read_subscribers",
]
