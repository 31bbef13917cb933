"""What is to be seen from outside: how far each subscription is, and what keeps it."""

from remit.observability.life import is_alive
from remit.observability.status import SubscriptionStatus, read_status

__all__ = ["SubscriptionStatus", "is_alive", "read_status"]
