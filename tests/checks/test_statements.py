"""A handler asks for statements of its own only where the store of its context takes them."""

import pytest

from remit.checks.statements import check_statements
from remit.errors import Findings


@pytest.mark.parametrize(
    ("asking", "takes_sql", "codes"),
    [(["pay"], False, ["store.no-sql"]), (["pay"], True, []), ([], False, [])],
)
def test_store_no_sql(asking: list[str], takes_sql: bool, codes: list[str]) -> None:
    findings = Findings()
    check_statements("sales", asking, findings, takes_sql=takes_sql, where="here", next="another store")
    assert [finding.code for finding in findings] == codes
