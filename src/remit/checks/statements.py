"""A handler asks for statements of its own only where the store of its context takes them.

Stands beside the list: this is known only when it is known which stores there are, by a plan or by a process.
"""

from __future__ import annotations

from collections.abc import Sequence

from remit.errors import Findings


def check_statements(
    context: str, asking: Sequence[str], findings: Findings, *, takes_sql: bool, where: str, next: str
) -> None:
    """`asking` are handlers of the context, `takes_sql` says whether its store takes statements."""
    if asking and not takes_sql:
        findings.report(
            "store.no-sql", where,
            f"the store of {context} takes no statements, and {' and '.join(asking)} asks for Sql",
            expected="a store that takes statements, as all of remit's own do", next=next,
        )  # fmt: skip
