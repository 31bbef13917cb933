"""A handler asks for statements of its own only where the store of its context takes them.

Stands beside the list: this is known only when the stores are.
"""

from __future__ import annotations

from collections.abc import Mapping

from remit.contexts import Model
from remit.contexts.annotations import asks_for_sql
from remit.errors import Findings


def check_statements(model: Model, takes_sql: Mapping[str, bool], findings: Findings) -> None:
    """`takes_sql` says by context whether its store takes statements; of those it does not have, nothing is known."""
    for context in model.contexts:
        for handler in () if takes_sql.get(context.name, True) else asks_for_sql(context):
            findings.report(
                "store.no-sql", handler.place,
                f"{handler.name} asks for Sql, and the store of {context.name!r} takes no statements",
                expected="a store in PostgreSQL", next='connect(store="postgresql://USER@HOST/DATABASE")',
            )  # fmt: skip
