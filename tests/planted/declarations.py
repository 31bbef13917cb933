"""Violations of what is declared: messages, handlers, translations, aggregates, routes, language documents."""

from __future__ import annotations

from tests.planted.copies import Planted
from tests.planted.examples import (
    BILLING,
    BILLING_API,
    BILLING_DOMAIN,
    CERTIFICATION,
    EDGE,
    ENROLLMENT,
    LEARNING_DOMAIN,
    RELATIONS,
    SYSTEM,
    billed,
    learning,
    routed,
    webshop,
)

ASKED = """
class Remind(Command[None]):
    student: StudentId

"""
HANDLER = "@billing.handle(Remind)\nasync def remind(command: Remind{}) -> None: ...\n"
MESSAGES = {
    "message.foreign": learning(
        {
            BILLING: """
from learning.learning.api import Transcript, TranscriptLine
@billing.answer(Transcript)
async def transcript(query: Transcript) -> list[TranscriptLine]: ...
"""
        },
        "handler.doubled",
    ),
    "message.two-owners": learning(
        {
            BILLING: f"\nfrom remit import *\n{ASKED}" + HANDLER.format(""),
            CERTIFICATION: """
from learning.billing.handlers import Remind
@certification.handle(Remind)
async def other(command: Remind) -> None: ...
""",
        },
        "handler.doubled",
        "import.unrelated",
    ),
    "message.collision": billed(
        ASKED
        + HANDLER.format("")
        + (
            "class More:\n"
            "    class Remind(Command[None]):\n"
            "        x: str\n"
            "@billing.handle(More.Remind)\n"
            "async def again(command: More.Remind) -> None: ...\n"
        )
    ),
    "message.no-reply": billed("class Remind(Command):\n    student: StudentId\n" + HANDLER.format("")),
    "message.not-a-key": learning(
        {
            BILLING_DOMAIN: "\nclass Debt(Aggregate[float]):\n    cents: int = 0\n",
            BILLING: f"\nfrom remit import *\nfrom learning.billing.domain import Debt\n{ASKED}"
            + HANDLER.format(", debts: Repository[Debt]"),
        }
    ),
    "message.not-encodable": billed(
        "class Remind(Command[None]):\n    students: dict[bool, str]\n" + HANDLER.format("")
    ),
    "refusal.kind": billed("class Remind(Command[None, ValueError]):\n    student: StudentId\n" + HANDLER.format("")),
    "refusal.reply": billed(
        (
            "from learning.billing.api import PaymentRefused\n"
            "class Remind(Command[PaymentRefused]):\n"
            "    student: StudentId\n"
            "@billing.handle(Remind)\n"
            "async def remind(command: Remind) -> PaymentRefused: ...\n"
        ),
        "refusal.undeclared",
    ),
    "refusal.undeclared": billed(
        "from learning.billing.api import PaymentRefused\n"
        + ASKED
        + "@billing.handle(Remind)\nasync def remind(command: Remind) -> None | PaymentRefused: ...\n"
    ),
    "refusal.collision": billed(
        (
            "class A:\n"
            "    class Late(Refusal): ...\n"
            "class B:\n"
            "    class Late(Refusal): ...\n"
            "class Remind(Command[None, A.Late | B.Late]):\n"
            "    student: StudentId\n"
        )
        + HANDLER.format("")
    ),
    "event.foreign": billed(
        (
            "from learning.enrollment.domain import Confirmed\n"
            "@billing.react(Confirmed)\n"
            "async def note(event: Confirmed) -> None: ...\n"
        ),
        "message.two-owners",
        "import.unpublished",
        "event.unrecorded",
    ),
    "event.unpublished": learning(
        {ENROLLMENT: (("@enrollment.publish(Withdrawn)\ndef", "def"),)}, "publisher.forgotten"
    ),
    "event.unfollowed": learning(
        {BILLING: (("Projection[StudentId, Issued | Refunded]", "Projection[StudentId, Issued]"),)}
    ),
    "event.unrecorded": learning(
        {LEARNING_DOMAIN: (("Opened | ModuleCompleted | Completed | Closed\n", "Opened | Completed | Closed\n"),)}
    ),
    "event.unused": learning({BILLING_DOMAIN: ("\n\nclass Reminded(BillingEvent):\n    student: StudentId\n")}),
}
HANDLERS = {
    "handler.kind": billed("@billing.react(Invoices)\nasync def remind(event: Invoices) -> None: ...\n"),
    "handler.missing": learning({BILLING_API: ("\n\nclass Remind(Command[None]):\n    student: StudentId\n")}),
    "handler.doubled": billed(
        "@billing.answer(Invoices)\nasync def again(query: Invoices) -> list[InvoiceLine]: ...\n"
    ),
    "handler.sync": learning(
        {
            BILLING: (
                ("async def invoices(", "def invoices("),
                (
                    (
                        "    found = await view.find(query.student)\n"
                        "    return list(found.lines.values()) if found else []"
                    ),
                    "    return []",
                ),
            )
        }
    ),
    "handler.parameters": learning(
        {BILLING: (("async def invoices(query: Invoices, ", "async def invoices(*, query: Invoices, "),)}
    ),
    "handler.message": learning(
        {BILLING: (("async def invoices(query: Invoices, ", "async def invoices(query: ConfirmInvoice, "),)}
    ),
    "handler.reply": learning(
        {BILLING: (("view: View[InvoicesOf]) -> list[InvoiceLine]:", "view: View[InvoicesOf]) -> InvoiceLine:"),)}
    ),
    "handler.method": billed(
        "class Reminders:\n    @billing.react(Issued)\n    async def remind(self, event: Issued) -> None: ...\n"
    ),
    "handler.annotation": billed(
        ASKED + "@billing.handle(Remind)\nasync def remind(command: Remind, what: 'Nowhere') -> None: ...\n"
    ),
    "interceptor.kind": learning(
        {BILLING: (("    events=BillingEvent,\n", "    events=BillingEvent,\n    interceptors=[print],\n"),)}
    ),
    "handler.dependency": billed(ASKED + "class Printer: ...\n" + HANDLER.format(", printer: Printer")),
    "handler.two-aggregates": learning(
        {
            BILLING_DOMAIN: "\nclass Debt(Aggregate[StudentId]):\n    cents: int = 0\n",
            BILLING: (
                "\nfrom remit import *\n"
                "from learning.billing.domain import Debt\n"
                f"{ASKED}@billing.handle(Remind)\n"
                "async def remind(command: Remind, debts: Repository[Debt], accounts: Repository[Account]) -> None:\n"
                "    debts.add(Debt(id=command.student))\n"
                "    accounts.add(Account(id=command.student))\n"
            ),
        },
        "language.unmentioned",
    ),
    "query.later": billed(
        ASKED
        + HANDLER.format("")
        + (
            "class Due(Query[int]):\n"
            "    student: StudentId\n"
            "@billing.answer(Due)\n"
            "async def due(query: Due, later: Later[Remind]) -> int: ...\n"
        )
    ),
    "query.events": billed(
        (
            "class Billed(IntegrationEvent):\n"
            "    student: StudentId\n"
            "class Due(Query[int]):\n"
            "    student: StudentId\n"
            "@billing.answer(Due)\n"
            "async def due(query: Due, events: Events[Billed]) -> int: ...\n"
        ),
        "event.unfollowed",
    ),
    "reaction.together": learning(
        {BILLING: (("@billing.react(EnrollmentWithdrawn)", "@billing.react(EnrollmentWithdrawn, together=True)"),)}
    ),
    "reaction.doubled": billed(
        "@billing.react(EnrollmentWithdrawn)\nasync def refund(event: EnrollmentWithdrawn) -> None: ...\n"
    ),
    "reaction.forgotten": learning({BILLING: (("@billing.react(EnrollmentWithdrawn)\n", ""),)}),
    "policy.parameters": billed(
        "@billing.policy\n"
        "class Reminders:\n"
        "    @billing.react(Issued)\n"
        "    async def remind(self, event: Issued, clock: Clock) -> None: ...\n"
    ),
    "policy.empty": billed(
        "@billing.policy\nclass Reminders:\n    async def remind(self, event: Issued) -> None: ...\n"
    ),
    "policy.order": billed(
        "def renamed(cls):\n"
        "    def __init__(self, clock: Clock) -> None: ...\n"
        "    cls.__init__ = __init__\n"
        "    return cls\n"
        "@renamed\n"
        "@billing.policy\n"
        "class Reminders:\n"
        "    @billing.react(Issued)\n"
        "    async def remind(self, event: Issued) -> None: ...\n"
    ),
    "subscription.same-name": billed("@billing.react(Issued)\nasync def InvoicesOf(event: Issued) -> None: ...\n"),
    "subscription.begins": billed(
        "@billing.react(Issued, begins='later')\nasync def remind(event: Issued) -> None: ...\n"
    ),
    "subscription.begins-differ": billed(
        "from learning.enrollment.api import StudentEnrolled\n"
        "@billing.react(StudentEnrolled, begins='now')\n"
        "@billing.react(EnrollmentWithdrawn)\n"
        "async def both(event: StudentEnrolled | EnrollmentWithdrawn) -> None: ...\n"
    ),
    "subscription.reserved": billed("@billing.react(Issued)\nasync def commands(event: Issued) -> None: ...\n"),
    "later.unheard": billed(
        (
            "from learning.billing.api import PaymentRefused\n"
            "class Remind(Command[None, PaymentRefused]):\n"
            "    student: StudentId\n"
            "@billing.handle(Remind)\n"
            "async def remind(command: Remind) -> None: ...\n"
            "@billing.react(Issued)\n"
            "async def later(event: Issued, later: Later[Remind]) -> None:\n"
            "    later.send(Remind(student=event.student))\n"
        ),
        "language.unmentioned",
    ),
    "publisher.source": billed(
        (
            "class Paid(IntegrationEvent):\n"
            "    student: StudentId\n"
            "@billing.publish(EnrollmentWithdrawn)\n"
            "def paid(event: EnrollmentWithdrawn) -> Paid: ...\n"
        ),
        "event.unfollowed",
    ),
    "publisher.async": learning({ENROLLMENT: (("def enrolled(", "async def enrolled("),)}),
    "publisher.parameters": learning(
        {ENROLLMENT: (("def enrolled(event: Confirmed)", "def enrolled(event: Confirmed, clock: Clock)"),)}
    ),
    "publisher.message": learning(
        {ENROLLMENT: (("def enrolled(event: Confirmed)", "def enrolled(event: Requested)"),)}
    ),
    "publisher.annotation": learning(
        {ENROLLMENT: (("def enrolled(event: Confirmed)", "def enrolled(event: 'Nowhere')"),)}, "event.unpublished"
    ),
    "publisher.result": learning(
        {
            ENROLLMENT: (
                ("def enrolled(event: Confirmed) -> StudentEnrolled:", "def enrolled(event: Confirmed) -> int:"),
            )
        },
        "event.unpublished",
    ),
    "publisher.field": webshop(
        {
            "webshop_checkout/domain.py": (
                (
                    "class Authorized(CheckoutEvent):\n    order: OrderId\n    amount: Money",
                    "class Authorized(CheckoutEvent):\n    order: OrderId\n    sum: Money",
                ),
                ("amount=self.total", "sum=self.total"),
            )
        }
    ),
    "publisher.doubled": learning(
        {
            ENROLLMENT: (
                "\n\n@enrollment.publish(Confirmed)\n"
                "def again(event: Confirmed) -> StudentEnrolled:\n"
                "    return enrolled(event)\n"
            )
        }
    ),
    "publisher.forgotten": learning(
        {ENROLLMENT: ("\n\ndef again(event: Confirmed) -> StudentEnrolled:\n    return enrolled(event)\n")}
    ),
}
FOREIGN = """
from remit.foreign import *
from remit.relations import *
class Event(Value):
    id: str
class Settle(Command[None]):
    student: StudentId
@billing.handle(Settle)
async def settle(command: Settle) -> None: ...
def event_id(event: Event) -> str: ...
"""
SIGNED = 'verify=StripeSignature("SECRET")'


def translated(source: str, function: str, *also: str, more: str = "") -> Planted:
    """A translation of billing."""
    return billed(f"{FOREIGN}{more}\n@billing.translate({source})\n{function}: ...\n", *also)


LAYER = 'AntiCorruptionLayer(upstream=Foreign("bank"), downstream="billing", module="learning.billing.payments")'
HOOK, PAID = f'Webhook("bank", {SIGNED}, key=event_id)', "def paid(event: Event) -> Settle"
TRANSLATIONS = {
    "translation.source": translated(HOOK.replace("bank", "The Bank!"), PAID),
    "translation.order": translated(HOOK.replace("key=event_id", "key=event_id, version=len"), PAID),
    "translation.fetch": translated(
        'Polled("bank", fetch=fetch, every=timedelta(minutes=1), key=event_id)', PAID,
        more="def fetch(after: str) -> Fetched[Event]: ...\n",
    ),
    "translation.async": translated(HOOK, f"async {PAID}"),
    "translation.message": translated(HOOK, "def paid(event: Event, other: Event) -> Settle"),
    "translation.commands": translated(HOOK, "def paid(event: Event) -> str"),
    "webhook.path": learning({
        BILLING: f"\nfrom remit import *\n{FOREIGN}\n@billing.translate({HOOK[:-1]}, path='/bills'))\n{PAID}: ...\n",
        EDGE: '\nfrom learning.billing.api import ConfirmInvoice\nedge.post("/bills", ConfirmInvoice)\n',
    }),
    "webhook.unsigned-key": translated(
        'Webhook("bank", verify=BodySignature("SECRET", header="X-Signature"), key=Header("X-Delivery"))', PAID,
        "language.unmentioned",
    ),
    "gateway.undeclared": billed(
        f"""
from remit.foreign import Gateway
class Declined(Refusal): ...
def declined(error: ValueError) -> Declined: ...
class Cards(Gateway, failures={{ValueError: declined}}):
    async def charge(self) -> None: ...
billing.provide(Cards, Cards)
{ASKED}{HANDLER.format(", cards: Cards")}""",
        "language.unmentioned",
    ),
    "translation.module": learning({
        BILLING: f"\n\nfrom remit import *\n{FOREIGN}\n@billing.translate({HOOK})\n{PAID}: ...\n",
        SYSTEM: ((RELATIONS, f"        {LAYER},\n{RELATIONS}"), ("import CustomerSupplier, OpenHost", "import *")),
    }),
}  # fmt: skip
TALLY = (
    "from remit import EventSourced\n"
    "class Tally(EventSourced[StudentId, Issued]):\n"
    "    count: int = 0\n"
    "    def evolve(self, event: Issued) -> None: ...\n"
)
STATED = """

@billing.from_state(Owed, Owed)
def owed(account: object) -> Owed | None:
    return None
"""
ROWS = """
from remit import Row


@billing.project
class Owed(Row[StudentId, Issued], indexes=[{}]):
    cents: int = 0
    lines: list[str] = []

    @staticmethod
    def key(event: Issued) -> StudentId:
        return event.student

    def evolve(self, event: Issued) -> None:
        self.cents += 1
"""
OLD = "\n@billing.upcast({})\ndef newer(fields: dict[str, object]) -> dict[str, object]: ...\n"
TALLIED = ASKED + HANDLER.format(", tallies: Repository[Tally]")
AGGREGATES = {
    "aggregate.shared": learning(
        {
            CERTIFICATION: (
                "\n\nfrom learning.billing.domain import Account\n"
                "@certification.react(CourseCompleted)\n"
                "async def more(event: CourseCompleted, accounts: Repository[Account]) -> None: ...\n"
            )
        },
        "import.unrelated",
        "message.two-owners",
        "upcaster.missing",
    ),
    "aggregate.same-name": billed(
        ASKED
        + "class More:\n    class Account(Aggregate[StudentId]): ...\n"
        + HANDLER.format(", accounts: Repository[More.Account]")
    ),
    "aggregate.reference": learning(
        {
            BILLING: (
                (
                    "    lines: dict[EnrollmentId, InvoiceLine] =",
                    "    account: Account | None = None\n    lines: dict[EnrollmentId, InvoiceLine] =",
                ),
            )
        }
    ),
    "aggregate.defaults": billed(TALLY.replace(" = 0", "") + TALLIED),
    "aggregate.events": billed(TALLY.replace(", Issued]", ", DomainEvent]") + TALLIED),
    "aggregate.evolve": billed(TALLY.replace("def evolve(", "async def evolve(") + TALLIED),
    "upcaster.subject": billed(ASKED + HANDLER.format("") + OLD.format("Remind, version=1")),
    "upcaster.version": billed(OLD.format("Issued, version=2")),
    "upcaster.doubled": billed(OLD.format("'Gone', version=1") * 2),
    "upcaster.function": billed(OLD.format("'Gone', version=1").replace("def ", "async def ")),
    "upcaster.gap": billed(OLD.format("'Gone', version=1, to='Away'")),
    "upcaster.missing": billed(
        ASKED
        + "class Tally(Aggregate[StudentId, Issued], version=2): ...\n"
        + HANDLER.format(", tallies: Repository[Tally]"),
        "language.unmentioned",
    ),
    "projection.state": billed(ROWS.format("") + STATED),
    "row.index": billed(ROWS.format('("cents", "cents")')),
    "row.same-name": billed(ROWS.format('("cents", "Cents")').replace("    lines:", "    Cents: int = 0\n    lines:")),
    "row.unknown-field": billed(ROWS.format('("sum",)')),
    "row.no-order": billed(ROWS.format('("lines",)')),
    "aggregate.unused": learning({BILLING_DOMAIN: ("\n\nclass Debt(Aggregate[StudentId]):\n    cents: int = 0\n")}),
    "projection.kind": billed("@billing.project\nclass Reminders: ...\n"),
    "projection.forgotten": learning(
        {
            BILLING_DOMAIN: (
                "\nfrom remit import Projection\n"
                "class Debts(Projection[StudentId, Issued]):\n"
                "    cents: int = 0\n"
                "    @staticmethod\n"
                "    def key(event: Issued) -> StudentId: ...\n"
                "    def evolve(self, event: Issued) -> None: ...\n"
            )
        }
    ),
    "projection.short-log": billed(
        "@billing.project(rebuild='at-start')\n"
        "class Withdrawals(Projection[StudentId, EnrollmentWithdrawn]):\n"
        "    @staticmethod\n"
        "    def key(event: EnrollmentWithdrawn) -> StudentId: ...\n"
        "    def evolve(self, event: EnrollmentWithdrawn) -> None: ...\n"
    ),
    "projection.doubled": billed("billing.project(InvoicesOf)\n"),
    "projection.same-name": billed(
        "class More:\n"
        "    class InvoicesOf(Projection[StudentId, Issued]):\n"
        "        def key(event: Issued) -> StudentId: ...\n"
        "        def evolve(self, event: Issued) -> None: ...\n"
        "billing.project(More.InvoicesOf)\n"
    ),
    "projection.defaults": learning(
        {
            BILLING: (
                (
                    "    lines: dict[EnrollmentId, InvoiceLine] =",
                    "    count: int\n    lines: dict[EnrollmentId, InvoiceLine] =",
                ),
            )
        }
    ),
    "projection.events": learning(
        {
            BILLING: (
                (
                    "Projection[StudentId, Issued | Refunded]",
                    "Projection[StudentId, Issued | Refunded | Account]",
                ),
            )
        }
    ),
    "projection.incomplete": learning({BILLING: (("    def evolve(", "    def develop("),)}),
}
DOCUMENTS = {
    "language.unreadable": learning({BILLING: (("billing/language.md", "billing/no-language.md"),)}),
    "language.undefined": learning(
        {
            name: file
            for context in ("billing", "certification")
            for name, file in {
                f"learning/{context}/domain.py": "\n\nclass Debt(Aggregate[str]): ...\n",
                f"learning/{context}/handlers.py": f"""
from remit import Query
from learning.{context}.domain import Debt
class Count{context}(Query[int]): ...
@{context}.answer(Count{context})
async def debts(query: Count{context}, debts: Repository[Debt]) -> int: ...
""",
            }.items()
        },
        "language.unmentioned",
    ),
    "language.missing": learning({BILLING: (('    language="learning/billing/language.md",\n', ""),)}),
    "language.empty": learning(
        {
            BILLING: (("billing/language.md", "billing/empty.md"),),
            "learning/billing/empty.md": "# The language of billing\n",
        },
        "language.unmentioned",
    ),
    "language.unmentioned": learning(
        {"learning/billing/language.md": (("| **account** | everything one student was charged |\n", ""),)}
    ),
}
ROUTES = {
    "route.method": routed('edge.post("/more", Invoices)\n'),
    "route.path": routed('edge.get("/more/{student", Invoices)\n'),
    "route.place": routed('edge.get("/more/{pupil}", Invoices)\n'),
    "route.query": learning(
        {
            BILLING_API: ("\n\nclass Due(Query[int]):\n    line: InvoiceLine\n"),
            BILLING: (
                "\nfrom learning.billing.api import Due\n@billing.answer(Due)\nasync def due(query: Due) -> int: ...\n"
            ),
            EDGE: '\nfrom learning.billing.api import Due\nedge.get("/due", Due)\n',
        }
    ),
    "route.refusal": learning({"learning/enrollment/edge.py": (("PaymentRefused: 402", "PaymentRefused: 200"),)}),
    "route.status": learning({"learning/enrollment/edge.py": (("status=201", "status=404"),)}),
    "route.doubled": routed('edge.get("/students/{student}/invoices", Invoices)\n'),
}
DECLARED = {**MESSAGES, **HANDLERS, **TRANSLATIONS, **AGGREGATES, **DOCUMENTS, **ROUTES}
