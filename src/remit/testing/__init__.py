"""How to be sure: what a user tests with, and what every adapter must do."""

from remit.testing.kit import running

__all__ = ["running"]
