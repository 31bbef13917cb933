"""The names of the system and of its contexts can be parts of other names, and no two contexts share one."""

from __future__ import annotations

import re

from remit.contexts import Model
from remit.errors import Findings

_NAME = re.compile(r"(?!.{64})[a-z][a-z0-9_]*(-[a-z0-9_]+)*")
_A_NAME = "at most 63 lower-case letters, digits, '_' and single '-' between them, beginning with a letter"
"""So that it can be part of other names, and two names that are joined by `--` can be told apart again."""


def check_names(model: Model, findings: Findings) -> None:
    if not _NAME.fullmatch(model.name):
        findings.report(
            "system.name", f"System({model.name!r})", f"{model.name!r} is no name for a system", expected=_A_NAME,
            next='rename it: System("...")',
        )  # fmt: skip
    seen: set[str] = set()
    for context in model.contexts:
        if not _NAME.fullmatch(context.name):
            findings.report(
                "context.name", repr(context), f"{context.name!r} is no name for a context", expected=_A_NAME,
            )  # fmt: skip
        if context.name in seen:
            findings.report(
                "context.duplicate", repr(context), f"two contexts are called {context.name!r}",
                expected="one context per name", next='rename one of them: Context("...")',
            )  # fmt: skip
        seen.add(context.name)
