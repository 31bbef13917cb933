"""One team per context of a system. Code maps have the same rule (`boundaries/rules/owners.py`)."""

from __future__ import annotations

import re

from remit.contexts import Model
from remit.errors import Findings

_BETWEEN = re.compile(r"\s*[,;]\s*|\s+(?:[&+/|]|and|or)\s+")
"""What stands between the names of two teams."""


def check_owners(model: Model, findings: Findings) -> None:
    """Reports an owner that names several teams. Notes contexts without an owner, if others have one."""
    someone = any(context.owner for context in model.contexts)
    for context in model.contexts:
        teams = [each for each in _BETWEEN.split(context.owner) if each]
        if len(teams) > 1:
            findings.report(
                "owner.several", repr(context), f"context {context.name!r} is owned by {' and '.join(teams)}",
                expected="one team per context", next="leave it to one team, or split the context",
            )  # fmt: skip
        elif someone and not context.owner.strip():
            findings.note(
                "owner.missing", repr(context), f"context {context.name!r} has no owner, and others have one",
                expected="one team per context", next=f'name it: Context("{context.name}", owner="...")',
            )  # fmt: skip
