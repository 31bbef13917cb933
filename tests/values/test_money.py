"""Money is exact, in one currency, and divided without loss."""

from __future__ import annotations

import decimal
import operator
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit import Aggregate, Command, Context, Repository, System, Value
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.errors import BadMessage, BadValue, CurrencyMismatch, HandlerFailed, MoneyError
from remit.messages import Codec
from remit.values import Money
from remit.values.currencies import MINOR_UNITS
from tests.edges.shop import call

currencies = st.sampled_from(["EUR", "JPY", "KWD"])
units = st.integers(-(10**15), 10**15)
amounts = st.builds(Money.of_minor, units, currencies)
euros = st.builds(Money.of_minor, units, st.just("EUR"))
factors = st.integers(0, 10**6) | st.decimals(0, 1000, places=3)
ratios = st.lists(factors, min_size=1, max_size=12).filter(any)
anything: Any = Money
"""Money as somebody calls it who does not use a type checker."""


def euro(amount: str) -> Money:
    return Money.of(amount, "EUR")


class Order(Aggregate[str]):
    total: Money
    parts: dict[str, Money | None] = {}  # noqa: RUF012  # a factory is made of it


class Voucher(Value):
    code: str


# ── amounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("12.3", "EUR", "12.30 EUR"), ("-0.00", "EUR", "0.00 EUR"), ("7.000", "JPY", "7 JPY"),
        ("+1", "KWD", "1.000 KWD"), (Decimal("1E+2"), "EUR", "100.00 EUR"), (5, "EUR", "5.00 EUR"),
        ("1.95", "DEM", "1.95 DEM"),
    ],
)  # fmt: skip
def test_an_amount_has_the_decimal_places_of_its_currency(amount: Any, currency: str, shown: str) -> None:
    assert str(Money.of(amount, currency)) == shown


def test_the_most_digits_are_held_and_one_more_is_refused() -> None:
    assert str(euro("9" * 36 + ".99")) == "9" * 36 + ".99 EUR"
    with pytest.raises(MoneyError, match="more than 38 digits"):
        euro("9" * 37)


REFUSED: dict[str, Callable[[], object]] = {
    "a float": lambda: anything(amount=12.3, currency="EUR"),
    "a float for `of`": lambda: anything.of(12.3, "EUR"),
    "a bool": lambda: anything.of(True, "EUR"),
    "a text where a Decimal belongs": lambda: anything(amount="12.30", currency="EUR"),
    "NaN": lambda: Money.of(Decimal("NaN"), "EUR"),
    "a signalling NaN": lambda: Money.of(Decimal("sNaN"), "EUR"),
    "infinity": lambda: Money.of(Decimal("-Infinity"), "EUR"),
    "a huge exponent": lambda: Money.of(Decimal("1E+999999"), "EUR"),
    "a tiny exponent": lambda: Money.of(Decimal("1E-999999"), "EUR"),
    "a fraction of a cent": lambda: euro("0.001"),
    "a fraction of a yen": lambda: Money.of("0.5", "JPY"),
    "no number": lambda: euro("12,30"),
    "a number in another notation": lambda: euro("1e2"),
    "digits of another script": lambda: euro("\u0661"),
    "an unknown currency": lambda: Money.of("1", "EUX"),
    "a currency in small letters": lambda: Money.of("1", "eur"),
    "no text as currency": lambda: anything(amount=Decimal(1), currency=978),
    "too many minor units": lambda: Money.of_minor(10**5000, "EUR"),
    "minor units that are no integer": lambda: anything.of_minor(1.0, "EUR"),
    "a sum that is too large": lambda: euro("9" * 36) + euro("9" * 36),
    "a product that is too large": lambda: euro("1") * 10**5000,
    "a product that is rounded": lambda: euro("0.01") * Decimal("0.5"),
    "a factor that is NaN": lambda: euro("0.01") * Decimal("NaN"),
    "a factor that is a float": lambda: anything.of("1", "EUR").times(1.5, ROUND_DOWN),
    "an unknown rounding": lambda: euro("1").times(3, "up"),
    "a rounded amount that is NaN": lambda: Money.rounded(Decimal("NaN"), "EUR", ROUND_DOWN),
    "no part": lambda: euro("1").allocate(0),
    "less than no part": lambda: euro("1").allocate(-1),
    "no ratio": lambda: euro("1").allocate([]),
    "a negative ratio": lambda: euro("1").allocate([2, -1]),
    "ratios of zero": lambda: euro("1").allocate([0, 0]),
    "a ratio that is infinite": lambda: euro("1").allocate([Decimal("Infinity")]),
    "a ratio that is huge": lambda: euro("1").allocate([Decimal("1E+999999"), 1]),
    "a ratio that is a huge integer": lambda: euro("1").allocate([10**5000, 1]),
    "a ratio that is a float": lambda: anything.of("1", "EUR").allocate([0.5, 0.5]),
}


@pytest.mark.parametrize("made", REFUSED.values(), ids=REFUSED)
def test_what_is_no_amount_is_refused(made: Callable[[], object]) -> None:
    with pytest.raises(MoneyError) as raised:
        made()
    assert raised.value.code == "money.invalid"
    assert raised.value.what
    assert raised.value.expected
    assert raised.value.next


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge])
def test_two_currencies_do_not_mix(operation: Callable[[Any, Any], object]) -> None:
    with pytest.raises(CurrencyMismatch, match=r"1\.00 EUR and 1\.00 USD cannot be") as raised:
        operation(euro("1"), Money.of("1", "USD"))
    assert raised.value.code == "money.currencies"
    assert euro("0") != Money.zero("USD")


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("other", [1, Decimal(1), "1", None])
def test_an_amount_and_a_number_do_not_mix(operation: Callable[[Any, Any], object], other: object) -> None:
    with pytest.raises(TypeError):
        operation(euro("1"), other)
    with pytest.raises(TypeError):
        operation(other, euro("1"))


@pytest.mark.parametrize("factor", [1.5, True, "2", None])
def test_an_amount_is_not_multiplied_by_what_is_no_exact_number(factor: Any) -> None:
    with pytest.raises(TypeError):
        _ = euro("1") * factor


@given(euros, euros, st.integers(-1000, 1000))
def test_computing_is_exact_whatever_the_context_of_the_caller(one: Money, other: Money, factor: int) -> None:
    with decimal.localcontext() as context:
        context.prec = 3
        assert (one + other).minor == one.minor + other.minor
        assert (one - other).minor == one.minor - other.minor
        assert (one * factor).minor == (factor * one).minor == one.minor * factor
        assert (-one).minor == -one.minor
        assert abs(one).minor == abs(one.minor)
        assert bool(one) == bool(one.minor)
        assert (one < other, one <= other, one > other, one >= other, one == other) == (
            one.minor < other.minor, one.minor <= other.minor, one.minor > other.minor, one.minor >= other.minor,
            one.minor == other.minor,
        )  # fmt: skip


@given(amounts, st.decimals(-1000, 1000, places=5))
def test_a_product_is_rounded_as_said(amount: Money, factor: Decimal) -> None:
    exact = Decimal(amount.minor) * factor
    for rounding in (ROUND_DOWN, ROUND_HALF_EVEN, ROUND_CEILING):
        assert amount.times(factor, rounding).minor == int(exact.to_integral_value(rounding))


def test_money_that_is_equal_has_one_hash() -> None:
    assert len({euro("1"), euro("1.00"), Money.of("1", "USD")}) == 2


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(amounts, ratios)
def test_parts_sum_up_to_the_whole_and_are_less_than_a_unit_off(amount: Money, by: list[int | Decimal]) -> None:
    parts = amount.allocate(by)
    assert len(parts) == len(by)
    assert sum(parts, Money.zero(amount.currency)) == amount
    total = sum(map(Decimal, by))
    with decimal.localcontext() as context:
        context.prec = 100
        for part, ratio in zip(parts, by, strict=True):
            assert abs(part.minor - Decimal(amount.minor) * ratio / total) < 1
            assert ratio or not part


@settings(max_examples=30)
@given(amounts, ratios, st.integers(1, 1000))
def test_parts_depend_on_ratios_and_on_nothing_else(amount: Money, by: list[int | Decimal], factor: int) -> None:
    parts = amount.allocate(by)
    assert amount.allocate([ratio * factor for ratio in by]) == parts
    assert (-amount).allocate(by) == tuple(-part for part in parts)


@given(st.builds(Money.of_minor, st.integers(0, 10**9), currencies), st.integers(1, 50))
def test_equal_parts_are_in_order_and_a_unit_apart_at_most(amount: Money, count: int) -> None:
    parts = [part.minor for part in amount.allocate(count)]
    assert parts == sorted(parts, reverse=True)
    assert parts[0] - parts[-1] <= 1
    assert len(parts) == count


def test_what_is_left_goes_to_the_largest_remainders() -> None:
    """The example by which the method is usually explained, with cents for seats."""
    votes = [47_000, 16_000, 15_800, 12_000, 6_100, 3_100]
    assert [part.minor for part in euro("0.10").allocate(votes)] == [5, 2, 1, 1, 1, 0]


# ── as it is written ────────────────────────────────────────────────────────────────────────────────────────────────


CODECS = [Codec[Any](type, encoding=name) for type in (Order, Money | Voucher) for name in ("json", "msgpack")]


@given(amounts)
def test_money_is_read_as_it_was_written(amount: Money) -> None:
    order = Order(id="1", total=amount, parts={"a": amount, "b": None})
    for codec, value in zip(CODECS, (order, order, amount, amount), strict=True):
        assert codec.read(codec.write(value)) == value
    assert CODECS[0].is_plain(order)


def test_money_is_written_with_all_decimal_places() -> None:
    assert Codec[Money](Money).write(euro("12.3")) == b'{"amount":"12.30","currency":"EUR"}'
    assert Codec[Money](Money).canonical(euro("12.3")) == Codec[Money](Money).canonical(euro("12.30"))


@pytest.mark.parametrize("amount", ['"12.3"', '"12.30"', '"12.300"', "12.3", "12.30"])
def test_a_number_is_read_as_its_digits_are_written(amount: str) -> None:
    assert Codec[Money](Money).read('{"amount":%s,"currency":"EUR"}' % amount) == euro("12.30")  # noqa: UP031  # an f-string needs four braces more


@pytest.mark.parametrize(
    ("total", "why"),
    [
        ('{"amount":"1.234","currency":"EUR"}', r"1\.234 EUR has a fraction of the minor unit - at `\$\.total`"),
        ('{"amount":"1","currency":"EUX"}', "'EUX' is not a currency"),
        ('{"amount":"1","currency":"eur"}', "matching regex"),
        ('{"amount":"NaN","currency":"EUR"}', "is not finite"),
        ('{"amount":"1E+999999","currency":"EUR"}', "more than 38 digits"),
        ('{"amount":"1"}', "missing required field `currency`"),
        ('"1 EUR"', "Expected `object`"),
    ],
)
def test_what_is_no_money_is_not_read_and_said_in_one_line(total: str, why: str) -> None:
    class Pay(Value):
        total: Money

    with pytest.raises(BadMessage, match=why) as raised:
        Codec(Pay).read('{"total":%s}' % total)  # noqa: UP031  # an f-string needs four braces more
    assert "\n" not in raised.value.what


def test_a_subclass_is_not_written_in_its_place() -> None:
    class Price(Money):
        net: bool = True

    price = Price.of("1", "EUR")
    assert type(price * 2) is Price
    with pytest.raises(BadValue):
        Codec[Order](Order).write(Order(id="1", total=price))


# ── currencies ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_currencies_are_those_of_the_standard() -> None:
    assert all(len(code) == 3 and code.isupper() and code.isascii() for code in MINOR_UNITS)
    assert [MINOR_UNITS[code] for code in ("EUR", "USD", "JPY", "KWD", "ISK", "HUF", "MRU", "CLP")] == [
        2, 2, 0, 3, 0, 2, 2, 0,
    ]  # fmt: skip
    assert {code for code, places in MINOR_UNITS.items() if places == 3} == {
        "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND",
    }  # fmt: skip
    assert MINOR_UNITS.keys().isdisjoint({"XAU", "XTS", "XXX", "CHE", "BTC"})


# ── in a system ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Pay(Command[Money]):
    account: str
    amount: Money


class Account(Aggregate[str]):
    owed: Money = Money.zero("EUR")


till = Context("till")
door = HttpEdge("till")
door.post("/accounts/{account}/payments", Pay)
shop = System("shop", contexts=[till], edges=[door])


@till.handle(Pay)
async def pay(command: Pay, accounts: Repository[Account]) -> Money:
    account = await accounts.obtain(command.account)
    account.owed += command.amount
    return account.owed


@pytest.mark.parametrize("parity", [False, True])
async def test_money_is_kept_and_counted_up(parity: bool) -> None:
    async with shop.connect(store="memory:", parity=parity) as app:
        assert await app.send(Pay(account="ada", amount=euro("1.10"))) == euro("1.10")
        assert await app.send(Pay(account="ada", amount=euro("2.20"))) == euro("3.30")
        with pytest.raises(HandlerFailed):
            await app.send(Pay(account="ada", amount=Money.of("2.20", "USD")))


async def test_a_client_learns_where_its_money_is_none() -> None:
    async with shop.connect(store="memory:") as sender:
        app = HttpApp(shop, sender)
        paid = await call(app, "POST", "/accounts/ada/payments", {"amount": {"amount": "1.1", "currency": "EUR"}})
        assert paid.json == {"amount": "1.10", "currency": "EUR"}
        refused = await call(app, "POST", "/accounts/ada/payments", {"amount": {"amount": "1", "currency": "EUX"}})
        assert (refused.status, refused.json["detail"]) == (422, "'EUX' is not a currency")
        assert refused.json["pointer"] == "/amount"
        described = (await call(app, "GET", "/openapi.json")).json["components"]["schemas"]["Money"]
        assert described["properties"]["currency"]["pattern"] == "^[A-Z]{3}$"
        assert described["properties"]["amount"]["format"] == "decimal"
        assert "\n    " not in described["description"]


def test_a_currency_that_is_a_number_without_a_text_is_told() -> None:
    currency: Any = 10**20_000
    with pytest.raises(MoneyError, match="an int of 66439 bits is not a currency"):
        Money.of("1", currency)
