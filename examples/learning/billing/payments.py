"""The payment provider, as billing sees it."""

from learning.billing.api import PaymentRefused
from learning.ids import EnrollmentId, StudentId
from remit.values import Money


class Payments:
    """What billing needs from a payment provider."""

    async def authorise(self, student: StudentId, amount: Money, *, reference: EnrollmentId) -> None:
        """Reserves the amount, once per reference. Raises `PaymentRefused`."""
        raise NotImplementedError


class PretendedCards(Payments):
    """A provider that refuses students whose identity ends in `-nocard`, so that the example needs nobody else."""

    async def authorise(self, student: StudentId, amount: Money, *, reference: EnrollmentId) -> None:
        if student.endswith("-nocard"):
            raise PaymentRefused(reason=f"no card on file for {amount}")
