"""The wrong choice: enrollment needs the answer of billing, and does not wait for it.

The place is given at once. Billing charges when it hears of it, and nobody waits for its refusal.
"""

from learning.billing import handlers as right_billing
from learning.billing.api import ConfirmInvoice, Invoices
from learning.billing.domain import Account, BillingEvent
from learning.billing.payments import Payments, PretendedCards
from learning.certification.handlers import certification
from learning.enrollment import handlers as right
from learning.enrollment.api import Enroll, Enrollments, EnrollmentWithdrawn, StudentEnrolled, Withdraw
from learning.enrollment.domain import Confirmed, Enrollment, EnrollmentEvent, Withdrawn
from learning.ids import EnrollmentId
from learning.learning.handlers import learning
from remit import Clock, Context, Refusal, Repository, System
from remit.relations import OpenHost

enrollment = Context("enrollment", kind="core", owner="team-enrollment", events=EnrollmentEvent)
billing = Context("billing", kind="supporting", owner="team-billing", events=BillingEvent)


@enrollment.handle(Enroll)
async def enroll(command: Enroll, enrollments: Repository[Enrollment], clock: Clock) -> EnrollmentId:
    known = await enrollments.find(command.enrollment)
    if known:
        known.request_again(command.student, command.course)
    else:
        place = Enrollment.request(command.enrollment, command.student, command.course, clock.now())
        place.confirm(clock.now())
        enrollments.add(place)
    return command.enrollment


@billing.react(StudentEnrolled)
async def charge(event: StudentEnrolled, accounts: Repository[Account], payments: Payments, clock: Clock) -> None:
    account = await accounts.obtain(event.student)
    try:
        amount = account.quote(event.enrollment, event.course)
        await payments.authorise(event.student, amount, reference=event.enrollment)
    except Refusal:
        return  # nobody asked
    account.issue(event.enrollment, event.course, amount, clock.now())


enrollment.handle(Withdraw)(right.withdraw)
enrollment.publish(Confirmed)(right.enrolled)
enrollment.publish(Withdrawn)(right.withdrawn)
enrollment.project(right.EnrollmentsOf)
enrollment.answer(Enrollments)(right.enrollments_of)
billing.provide(Payments, PretendedCards)
billing.handle(ConfirmInvoice)(right_billing.confirm)  # nobody calls it
billing.react(EnrollmentWithdrawn)(right_billing.refund)
billing.project(right_billing.InvoicesOf)
billing.answer(Invoices)(right_billing.invoices)

platform = System(
    "learning",
    contexts=[enrollment, billing, learning, certification],
    relations=[OpenHost("enrollment"), OpenHost("learning")],
)
