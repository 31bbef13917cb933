"""What releases of the platform have stored can be read by this one."""

from pathlib import Path

from learning.billing.history import account_in_money, in_money, lines_in_money
from learning.system import platform
from remit.testing import require_examples

EXAMPLES = Path(__file__).parents[2] / "examples" / "learning" / "examples"


def test_examples_of_all_releases_can_be_read() -> None:
    require_examples(platform, EXAMPLES)


def test_whole_cents_are_an_amount_in_euros() -> None:
    line = {"enrollment": "e-1", "amount_cents": 24005}
    in_euros = {"enrollment": "e-1", "amount": {"amount": "240.05", "currency": "EUR"}}
    assert in_money(line) == in_euros
    assert account_in_money({"id": "ada", "invoices": {"e-1": line}}) == {"id": "ada", "invoices": {"e-1": in_euros}}
    assert lines_in_money({"lines": {"e-1": line}}) == {"lines": {"e-1": in_euros}}
    assert account_in_money({"id": "ada"}) == {"id": "ada", "invoices": {}}
