"""Values that most contexts need: money, and identities that type checkers keep apart."""

from remit.values.identifier import Identifier
from remit.values.money import Money

__all__ = ["Identifier", "Money"]
