"""No two reactions of a context to one event share a name."""

from __future__ import annotations

from typing import Any

from remit.contexts import Model
from remit.errors import Findings


def check_reactions(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        seen: set[tuple[str, Any]] = set()
        for reaction in context.handlers:
            if reaction.role.is_called or not reaction.fits:
                continue
            if (reaction.name, reaction.message) in seen:
                findings.report(
                    "reaction.doubled", reaction.place,
                    f"two reactions of {context.name!r} to {reaction.message.__name__} are named {reaction.name}",
                    expected="one name per reaction, because its progress is stored under it",
                    next="rename one of them",
                )  # fmt: skip
            seen.add((reaction.name, reaction.message))
