"""What is to be seen from outside: how far each subscription is, and what keeps it."""

from remit.observability.health import Health
from remit.observability.life import is_alive
from remit.observability.logs import LogStatus, SubscriberStatus, read_logs, read_subscribers
from remit.observability.status import SubscriptionStatus, read_status

__all__ = [
    "Health",
    "LogStatus",
    "SubscriberStatus",
    "SubscriptionStatus",
    "is_alive",
    "read_logs",
    "read_status",
    "read_subscribers",
]
