"""A user has one address, and an address has one user."""

from remit import Aggregate, Claim, DomainEvent
from webshop_identity_api import UserId


class IdentityEvent(DomainEvent):
    """Something that happened in identity."""


class Registered(IdentityEvent):
    user: UserId
    email: str


class User(Aggregate[UserId, Registered]):
    email: str = ""

    def register(self, email: str) -> None:
        """Takes the address. It is recorded once."""
        if email != self.email:
            self.email = email
            self.record(Registered(user=self.id, email=email))


class Email(Claim[str, User]):
    """One user for each address."""
