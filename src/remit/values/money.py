"""Money: exact amounts, each in one currency."""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta
from msgspec.structs import force_setattr

from remit.errors import CurrencyMismatch, MoneyError, nearest, shown
from remit.messages import Value
from remit.values.currencies import MINOR_UNITS

MOST_DIGITS = 38
"""As many as `DECIMAL(38)` has, the widest type that common databases share."""
_EXACT = decimal.Context(
    prec=MOST_DIGITS, rounding=decimal.ROUND_HALF_EVEN, capitals=1, clamp=0,
    traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow],
)  # fmt: skip
_WIDE = decimal.Context(prec=2 * MOST_DIGITS + 2, traps=[decimal.Inexact, decimal.InvalidOperation])
"""For products of two numbers of this size, before they are rounded."""
_ROUNDINGS = [name for name in dir(decimal) if name.startswith("ROUND_")]
_UNITS = {places: Decimal(1).scaleb(-places) for places in sorted(set(MINOR_UNITS.values()))}
_AMOUNT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


class Money(Value):
    """An exact amount in one currency, such as 12.30 EUR."""  # shown to clients of an edge, so it says no more

    amount: Annotated[Decimal, Meta(description="With at most the decimal places of the currency", examples=["12.30"])]
    """It always has the decimal places of the currency: 12.3 EUR becomes 12.30 EUR. Raises `MoneyError` for an amount
    that is not of type `Decimal` (a `float`, for instance), is not finite, has more than 38 digits, or has more decimal
    places than the currency."""
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="A code of ISO 4217", examples=["EUR"])]
    """A code of ISO 4217; another one raises `MoneyError`. Amounts in two currencies are never added or compared: that
    raises `CurrencyMismatch`. Two amounts are equal if amount and currency are."""

    __remit_exact__: ClassVar[bool] = True

    def __post_init__(self) -> None:
        amount, places = self.amount, _places_of(self.currency)
        if amount.__class__ is not Decimal:
            raise _not_an_amount(amount)
        try:
            exact = amount.quantize(_UNITS[places], context=_EXACT)
        except decimal.Inexact:
            raise _too_fine(amount, self.currency, places) from None
        except decimal.InvalidOperation:
            raise _not_held(amount, self.currency) from None
        if not exact.is_finite():
            raise _not_held(amount, self.currency)
        this: Any = self  # checkers see a value as a plain class
        force_setattr(this, "amount", exact if exact else exact.copy_abs())  # no negative zero

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> Self:
        """The amount as a `Decimal`, a whole number, or a text such as `"12.30"`. Raises `MoneyError` for a text that
        is no decimal number, and as `Money` does."""
        return cls(amount=_decimal(amount), currency=currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in this currency. Raises `MoneyError` for an unknown currency."""
        return cls(amount=Decimal(0), currency=currency)

    @classmethod
    def of_minor(cls, units: int, currency: str) -> Self:
        """The amount in minor units of the currency: 1230 cents are 12.30 EUR. Raises `MoneyError`."""
        if units.__class__ is not int:
            raise _not_an_amount(units)
        try:
            amount = _in(units, _places_of(currency))
        except decimal.DecimalException:
            raise _not_held(Decimal(units), currency) from None
        return cls(amount=amount, currency=currency)

    @classmethod
    def rounded(cls, amount: Decimal | int | str, currency: str, rounding: str) -> Self:
        """The amount, rounded to the minor unit of the currency. `rounding` is a constant of `decimal`, such as
        `ROUND_HALF_EVEN`. Raises `MoneyError`."""
        return cls(amount=_round(_decimal(amount), currency, rounding), currency=currency)

    @property
    def minor(self) -> int:
        """The amount in minor units of the currency, such as cents."""
        return int(self.amount.scaleb(_places_of(self.currency), _EXACT))

    def __add__(self, other: Self) -> Self:
        if not _is_money(other):
            return NotImplemented
        return self._with(_EXACT.add, other, "added")

    def __sub__(self, other: Self) -> Self:
        if not _is_money(other):
            return NotImplemented
        return self._with(_EXACT.subtract, other, "subtracted")

    def _with(self, make: Callable[[Any, Any], Decimal], other: Money, done: str) -> Self:
        self._require_same(other, done)
        try:
            return self.replace(amount=make(self.amount, other.amount))
        except decimal.DecimalException:
            raise MoneyError(
                f"{self} and {other} cannot be {done}: the result has more than {MOST_DIGITS} digits", where="Money",
                expected="amounts that a DECIMAL(38) holds", next="check the amounts before they are computed with",
            ) from None  # fmt: skip

    def __neg__(self) -> Self:
        return self.replace(amount=self.amount.copy_negate())

    def __abs__(self) -> Self:
        return self.replace(amount=self.amount.copy_abs())

    def __mul__(self, factor: int | Decimal) -> Self:
        """Exact. Raises `MoneyError` if the product has to be rounded: `times` does."""
        if factor.__class__ not in (int, Decimal):
            return NotImplemented
        try:
            product = _WIDE.multiply(self.amount, _factor(factor))
        except decimal.DecimalException:
            raise _not_held(self.amount, self.currency) from None
        try:
            return self.replace(amount=product)
        except MoneyError as error:
            if factor.__class__ is Decimal:
                error.next = "say how it is rounded: amount.times(factor, ROUND_HALF_EVEN)"
            raise

    __rmul__ = __mul__

    def times(self, factor: int | Decimal, rounding: str) -> Self:
        """The product, rounded to the minor unit of the currency. `rounding` is a constant of `decimal`, such as
        `ROUND_HALF_EVEN`. Raises `MoneyError`."""
        try:
            product = _WIDE.multiply(self.amount, _factor(factor))
        except decimal.DecimalException:
            raise _not_held(self.amount, self.currency) from None
        return self.replace(amount=_round(product, self.currency, rounding))

    def allocate(self, ratios: int | Sequence[int | Decimal]) -> tuple[Self, ...]:
        """Parts that sum up to the whole: so many equal ones, or in these ratios.

        What is left by rounding down goes, one minor unit each, to the parts with the largest remainders; among equal
        remainders to the first. (The method of Hamilton for seats in a parliament.) A part of a negative amount is the
        negative of the same part of its absolute value. Raises `MoneyError` if there is no part, or a ratio is negative
        or not finite, or all are zero.
        """
        weights = _weights(ratios)
        total, whole = sum(weights), abs(self.minor)
        shares = [divmod(whole * weight, total) for weight in weights]
        units = [int(share) for share, _ in shares]
        by_remainder = sorted(range(len(shares)), key=lambda place: shares[place][1], reverse=True)
        for place in by_remainder[: whole - sum(units)]:
            units[place] += 1
        places, sign = _places_of(self.currency), -1 if self.amount < 0 else 1
        return tuple(self.replace(amount=_in(sign * each, places)) for each in units)

    def __lt__(self, other: Self) -> bool:
        return self._compared(other) < 0 if _is_money(other) else NotImplemented

    def __le__(self, other: Self) -> bool:
        return self._compared(other) <= 0 if _is_money(other) else NotImplemented

    def __gt__(self, other: Self) -> bool:
        return self._compared(other) > 0 if _is_money(other) else NotImplemented

    def __ge__(self, other: Self) -> bool:
        return self._compared(other) >= 0 if _is_money(other) else NotImplemented

    def _compared(self, other: Self) -> Decimal:
        self._require_same(other, "compared")
        return self.amount.compare(other.amount)

    def _require_same(self, other: Money, done: str) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(
                f"{self} and {other} cannot be {done}", where="Money", expected=f"two amounts in {self.currency}",
                next="convert one of them by a rate: Money.rounded(amount.amount * rate, currency, ROUND_HALF_EVEN)",
            )  # fmt: skip

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"


def _is_money(value: object) -> bool:
    return isinstance(value, Money)  # in a function: a checker takes the operand for one


def _places_of(currency: Any) -> int:
    places = MINOR_UNITS.get(currency) if isinstance(currency, str) else None
    if places is None:
        near = nearest(currency.upper(), MINOR_UNITS) if isinstance(currency, str) else None
        raise MoneyError(
            f"{shown(currency, 50)} is not a currency", where="Money", expected="a code of ISO 4217, such as EUR",
            next=f"Did you mean {near}?" if near else "write the code in capitals",
        )  # fmt: skip
    return places


def _in(units: int, places: int) -> Decimal:
    """The amount of so many minor units. Raises `decimal.DecimalException` for a number that is far too large."""
    return Decimal(units).scaleb(-places, _WIDE)


def _decimal(given: Decimal | int | str) -> Decimal:
    if given.__class__ is Decimal or given.__class__ is int or (isinstance(given, str) and _AMOUNT.fullmatch(given)):
        return Decimal(given)
    raise _not_an_amount(given)


def _factor(given: Any) -> Decimal:
    if given.__class__ is int or (given.__class__ is Decimal and given.is_finite()):
        return Decimal(given)
    raise MoneyError(
        f"{shown(given, 50)} is not a factor", where="Money", expected="an int, or a finite Decimal",
        next="Decimal('1.19')",
    )  # fmt: skip


def _round(amount: Decimal, currency: str, rounding: str) -> Decimal:
    if rounding not in _ROUNDINGS:
        raise MoneyError(
            f"{shown(rounding, 50)} is no way to round", where="Money", expected="one of: " + ", ".join(_ROUNDINGS),
            next="from decimal import ROUND_HALF_EVEN",
        )  # fmt: skip
    unit = _UNITS[_places_of(currency)]
    try:
        return amount.quantize(unit, rounding=rounding, context=decimal.Context(prec=MOST_DIGITS))
    except decimal.InvalidOperation:
        raise _not_held(amount, currency) from None


def _weights(ratios: int | Sequence[int | Decimal]) -> list[Fraction]:
    given = [Decimal(1)] * ratios if isinstance(ratios, int) else [_factor(each) for each in ratios]
    weights = [Fraction(each) for each in given if each >= 0 and abs(each.adjusted()) <= MOST_DIGITS]
    if len(weights) < len(given) or not sum(weights):
        by = ", ".join(map(str, given[:5])) + ", ..." * (len(given) > 5)
        raise MoneyError(
            f"an amount cannot be divided by [{by:.80}]", where="Money.allocate",
            expected="a number of parts from 1 on, or ratios that are not negative, and not all zero",
            next="leave the amount as it is if there is no part",
        )  # fmt: skip
    return weights


def _not_an_amount(given: object) -> MoneyError:
    why = "is no decimal number" if isinstance(given, str) else f"is of type {type(given).__name__}"
    return MoneyError(
        f"the amount {shown(given, 50)} {why}", where="Money",
        expected="a Decimal; Money.of also takes an int, and a text such as '12.30'",
        next="Money.of('12.30', 'EUR'), with the text that was given; a float has lost it",
    )  # fmt: skip


def _not_held(amount: Decimal, currency: str) -> MoneyError:
    return MoneyError(
        f"{amount!s:.50} {currency} is not finite, or has more than {MOST_DIGITS} digits", where="Money",
        expected="an amount that a DECIMAL(38) holds", next="check the amount where it comes in",
    )  # fmt: skip


def _too_fine(amount: Decimal, currency: str, places: int) -> MoneyError:
    return MoneyError(
        f"{amount} {currency} has a fraction of the minor unit", where="Money",
        expected=f"at most {places} decimal places in {currency}",
        next="say how it is rounded: Money.rounded(amount, currency, ROUND_HALF_EVEN)",
    )  # fmt: skip
