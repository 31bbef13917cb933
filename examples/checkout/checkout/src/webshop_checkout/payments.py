"""The payment provider, as checkout sees it."""

from remit.values import Money
from webshop_checkout_api import OrderId, PaymentDeclined


class Payments:
    """What checkout needs from a payment provider."""

    async def authorize(self, card: str, amount: Money, *, reference: OrderId) -> None:
        """Reserves the amount, once per reference. Raises `PaymentDeclined`."""
        raise NotImplementedError


class PretendedCards(Payments):
    """A provider that declines the card `empty`, so that the example needs nobody else."""

    async def authorize(self, card: str, amount: Money, *, reference: OrderId) -> None:
        if card == "empty":
            raise PaymentDeclined(reason=f"{amount} is more than the card has")
