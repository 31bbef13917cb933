"""A handler asks for statements of its own only where the store of its context takes them."""

import pytest

from remit import Context, Sql
from remit.checks import model_of
from remit.checks.statements import check_statements
from remit.contexts import ContextMap
from remit.errors import Findings
from tests.checks.shop import Count


@pytest.mark.parametrize(
    ("takes_sql", "codes"), [({"sales": False}, ["store.no-sql"]), ({"sales": True}, []), ({}, [])]
)
def test_store_no_sql(takes_sql: dict[str, bool], codes: list[str]) -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, sql: Sql) -> int:
        return 1

    findings = Findings()
    check_statements(model_of(ContextMap(name="shop", contexts=(sales,))), takes_sql, findings)
    assert [finding.code for finding in findings] == codes
