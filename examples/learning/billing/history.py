"""How billing reads what earlier releases have stored: amounts were whole cents, and are `Money` from version 2 on."""

from decimal import Decimal
from typing import Any

Fields = dict[str, Any]


def in_money(fields: Fields) -> Fields:
    """An event, an invoice or a line."""
    amount = Decimal(fields["amount_cents"]).scaleb(-2)
    others = {name: value for name, value in fields.items() if name != "amount_cents"}
    return {**others, "amount": {"amount": str(amount), "currency": "EUR"}}


def account_in_money(fields: Fields) -> Fields:
    return {**fields, "invoices": _each_in_money(fields.get("invoices", {}))}


def lines_in_money(fields: Fields) -> Fields:
    return {**fields, "lines": _each_in_money(fields.get("lines", {}))}


def _each_in_money(by_enrollment: dict[str, Fields]) -> dict[str, Fields]:
    return {enrollment: in_money(fields) for enrollment, fields in by_enrollment.items()}
