"""A context that takes in webhooks of a payment gateway, signs them as the gateway does, and refuses some.

The translation of an "invoice.deadly" kills its process as long as the file that DEADLY names is there.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from remit import Aggregate, Command, Context, DomainEvent, Query, Refusal, Repository, System, Value
from remit.foreign import StripeSignature, Webhook

SECRET = "whsec_of_the_test"  # of a test


class StripeEvent(Value):
    id: str
    type: str
    invoice: str
    cents: int = 0
    sequence: int = 0
    created: int = 0


class TooMuch(Refusal):
    cents: int


class Settle(Command[None, TooMuch]):
    invoice: str
    cents: int


class Paid(Query[list[int]]):
    invoice: str


class Settled(DomainEvent):
    cents: int


class Invoice(Aggregate[str, Settled]):
    paid: tuple[int, ...] = ()

    def settle(self, cents: int) -> None:
        if cents > 1_000_000:
            raise TooMuch(cents=cents)
        self.paid = (*self.paid, cents)
        self.record(Settled(cents=cents))


payments = Context("payments")


@payments.handle(Settle)
async def settle(command: Settle, invoices: Repository[Invoice]) -> None:
    (await invoices.obtain(command.invoice)).settle(command.cents)


@payments.answer(Paid)
async def paid_so_far(query: Paid, invoices: Repository[Invoice]) -> list[int]:
    found = await invoices.find(query.invoice)
    return [] if found is None else list(found.paid)


def event_id(event: StripeEvent) -> str:
    return event.id


def invoice_of(event: StripeEvent) -> str:
    return event.invoice


def sequence_of(event: StripeEvent) -> int:
    return event.sequence


def created_at(event: StripeEvent) -> datetime:
    return datetime.fromtimestamp(event.created, UTC)


def translated(event: StripeEvent) -> Settle | list[Settle] | None:
    if event.type == "invoice.paid":
        return Settle(invoice=event.invoice, cents=event.cents)
    if event.type == "invoice.paid-twice":
        return [Settle(invoice=event.invoice, cents=event.cents)] * 2
    if event.type == "invoice.deadly" and Path(os.environ["DEADLY"]).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if event.type == "invoice.deadly":
        return Settle(invoice=event.invoice, cents=event.cents)
    if event.type == "invoice.odd":
        raise ValueError(f"nobody knows {event.invoice}")
    return None


signature = StripeSignature("STRIPE_SECRET")
by_event = Webhook("stripe", verify=signature, key=event_id, entity=invoice_of)
payments.translate(by_event)(translated)
payments.translate(Webhook("numbered", verify=signature, key=event_id, entity=invoice_of, version=sequence_of))(
    translated
)
payments.translate(Webhook("dated", verify=signature, key=event_id, entity=invoice_of, at=created_at, path="/dated"))(
    translated
)
system = System("shop", contexts=[payments])


def body_of(id: str, kind: str = "invoice.paid", invoice: str = "i-1", **more: Any) -> bytes:
    return json.dumps({"id": id, "type": kind, "invoice": invoice, **more}).encode()


def signed(body: bytes, at: float, secret: str = SECRET) -> dict[str, str]:
    time = str(int(at))
    made = hmac.digest(secret.encode(), f"{time}.".encode() + body, "sha256").hex()
    return {"Stripe-Signature": f"t={time},v1={made}", "Content-Type": "application/json"}
