"""One team per context: a context with two owners has two models, or none."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.errors import Findings


def check_owners(code: Code, findings: Findings) -> None:
    """Reports contexts with several owners. Notes those without any, if others have one."""
    someone = any(context.owner for context in code.map.contexts)
    for context in code.map.contexts:
        where = context.where or code.map.where
        if len(context.owner) > 1:
            findings.report(
                "owner.several", where, f"context {context.name!r} is owned by {' and '.join(context.owner)}",
                expected="one team per context", next="leave it to one team, or split the context",
            )  # fmt: skip
        elif someone and not context.owner:
            findings.note(
                "owner.missing", where, f"context {context.name!r} has no owner", expected="one team per context",
                next=f'write it into the map: [contexts.{context.name}] owner = "..."',
            )  # fmt: skip
