"""The names of the system and of its contexts can be parts of other names, and no two contexts share one."""

from __future__ import annotations

import re

from remit.contexts import Model
from remit.errors import Findings

_NAME = re.compile(r"(?!.{64})[a-z][a-z0-9_]*(-[a-z0-9_]+)*")
_A_NAME = "at most 63 lower-case letters, digits, '_' and single '-' between them, beginning with a letter"
"""So that it can be part of other names, and two names that are joined by `--` can be told apart again."""


_HEADER = re.compile(r"(?!remit-)[a-z0-9]+(-[a-z0-9]+)*")
_MOST_HEADERS = 8
"""They travel in one header of a call, and channels carry 8,000 bytes of that."""
_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie"})


def check_names(model: Model, findings: Findings) -> None:
    if not _NAME.fullmatch(model.name):
        findings.report(
            "system.name", f"System({model.name!r})", f"{model.name!r} is no name for a system", expected=_A_NAME,
            next='rename it: System("...")',
        )  # fmt: skip
    _check_headers(model, findings)
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


def _check_headers(model: Model, findings: Findings) -> None:
    """Headers that travel are stored, so credentials are none of them."""
    if len(model.headers) > _MOST_HEADERS:
        findings.report(
            "system.header", f"System({model.name!r})", f"{len(model.headers)} headers would travel with a request",
            expected=f"at most {_MOST_HEADERS}", next="put what handlers need into their messages",
        )  # fmt: skip
    for name in model.headers:
        if not _HEADER.fullmatch(name) or name in _CREDENTIALS:
            findings.report(
                "system.header", f"System({model.name!r})", f"the header {name!r} cannot travel with a request",
                expected="a header of your own, without credentials, whose name does not begin with remit-",
                next="name one that says what handlers need to know: headers=['x-tenant']",
            )  # fmt: skip
