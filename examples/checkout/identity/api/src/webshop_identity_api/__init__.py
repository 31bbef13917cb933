"""The published language of identity."""

__context__ = "identity"

from remit import Command, IntegrationEvent, Refusal
from remit.values import Identifier


class UserId(Identifier): ...


class EmailTaken(Refusal):
    """Another user has registered with this address."""


class RegisterUser(Command[None, EmailTaken]):
    """Registers a user. Doing it again with the same address changes nothing."""

    user: UserId
    email: str


class UserRegistered(IntegrationEvent, version=1, key="user"):
    user: UserId
