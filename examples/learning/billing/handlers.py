"""Billing: what it does when it is asked, and when an enrollment is given up."""

from learning.billing import history
from learning.billing.api import ConfirmInvoice, InvoiceId, InvoiceLine, Invoices
from learning.billing.domain import Account, BillingEvent, Issued, Refunded
from learning.billing.payments import Payments, PretendedCards
from learning.enrollment.api import EnrollmentWithdrawn
from learning.ids import EnrollmentId, StudentId
from remit import Clock, Context, Projection, Repository, View, field

billing = Context(
    "billing",
    kind="supporting",
    owner="team-billing",
    language="learning/billing/language.md",
    events=BillingEvent,
)
billing.provide(Payments, PretendedCards)


@billing.handle(ConfirmInvoice)
async def confirm(
    command: ConfirmInvoice, accounts: Repository[Account], payments: Payments, clock: Clock
) -> InvoiceId:
    account = await accounts.obtain(command.student)
    if known := account.invoices.get(command.enrollment):
        return known.id
    amount = account.quote(command.enrollment, command.course)
    await payments.authorise(command.student, amount, reference=command.enrollment)
    return account.issue(command.enrollment, command.course, amount, clock.now())


@billing.react(EnrollmentWithdrawn)
async def refund(event: EnrollmentWithdrawn, accounts: Repository[Account], clock: Clock) -> None:
    account = await accounts.obtain(event.student)
    account.give_back(event.enrollment, clock.now())


@billing.project
class InvoicesOf(Projection[StudentId, Issued | Refunded], version=2):
    """The invoices of one student."""

    lines: dict[EnrollmentId, InvoiceLine] = field(default_factory=dict[EnrollmentId, InvoiceLine])

    @staticmethod
    def key(event: Issued | Refunded) -> StudentId:
        return event.student

    def evolve(self, event: Issued | Refunded) -> None:
        match event:
            case Issued():
                self.lines[event.enrollment] = InvoiceLine(
                    invoice=event.invoice,
                    enrollment=event.enrollment,
                    course=event.course,
                    amount=event.amount,
                )
            case Refunded():
                self.lines[event.enrollment] = self.lines[event.enrollment].replace(refunded=True)


@billing.answer(Invoices)
async def invoices(query: Invoices, view: View[InvoicesOf]) -> list[InvoiceLine]:
    found = await view.find(query.student)
    return list(found.lines.values()) if found else []


billing.upcast(Issued, version=1)(history.in_money)
billing.upcast(Refunded, version=1)(history.in_money)
billing.upcast(Account, version=1)(history.account_in_money)
billing.upcast(InvoicesOf, version=1)(history.lines_in_money)
