"""A handler asks for `Sql`, or for a session of SQLAlchemy, only if the store of its context runs its statements.

This rule is not in the list of rules: it needs the stores, which are known only to a plan or a process.
"""

from __future__ import annotations

from collections.abc import Sequence

from remit.errors import Findings


def check_statements(
    context: str,
    asking: Sequence[str],
    findings: Findings,
    *,
    takes_sql: bool,
    where: str,
    next: str,
    wanted: str = "Sql",
) -> None:
    """`asking` are the handlers of the context that ask for what is `wanted`. `takes_sql`: the store runs its
    statements."""
    if asking and not takes_sql:
        findings.report(
            "store.no-sql", where,
            f"the store of {context} cannot run SQL statements, and {' and '.join(asking)} asks for {wanted}"
            if wanted == "Sql"
            else f"the store of {context} has no dialect of SQLAlchemy, and {' and '.join(asking)} asks for {wanted}",
            expected="a store that runs statements, as all stores of remit do", next=next,
        )  # fmt: skip
