"""No two reactions of a context to one event share a name, and each policy has a method that reacts."""

from __future__ import annotations

from typing import Any

from remit.contexts import Model
from remit.contexts.declarations import line_of
from remit.errors import Findings


def check_reactions(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        for policy in context.empty_policies:
            findings.report(
                "policy.empty", line_of(policy), f"no method of the policy {policy.__name__} reacts to an event",
                expected=f"@{context.name}.react(<Event>) above a method that the class itself defines",
                next="add the decorator, or delete the class",
            )  # fmt: skip
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
