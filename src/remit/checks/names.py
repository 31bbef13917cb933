"""The names of the system and of its contexts can be parts of other names, and no two contexts have the same name."""

from __future__ import annotations

import re

from remit.contexts import Model
from remit.errors import Findings

NAME = re.compile(r"(?!.{64})[a-z][a-z0-9_]*(-[a-z0-9_]+)*")
A_NAME = "at most 63 lower-case letters, digits, '_' and single '-' between them, beginning with a letter"
"""A name is part of other names. Names joined by `--` can be split again, because no name contains `--`."""


_HEADER = re.compile(r"(?!remit-)[a-z0-9]+(-[a-z0-9]+)*")
_MOST_HEADERS = 8
"""All headers travel in one header of a call, for which channels carry 8,000 bytes."""
_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie"})


def check_names(model: Model, findings: Findings) -> None:
    if not NAME.fullmatch(model.name):
        findings.report(
            "system.name", f"System({model.name!r})", f"{model.name!r} cannot be the name of a system",
            expected=A_NAME, next='rename it: System("...")',
        )  # fmt: skip
    _check_headers(model, findings)
    seen: set[str] = set()
    for context in model.contexts:
        if not NAME.fullmatch(context.name):
            findings.report(
                "context.name", repr(context), f"{context.name!r} cannot be the name of a context", expected=A_NAME,
                next='rename it: Context("...")',
            )  # fmt: skip
        if context.name in seen:
            findings.report(
                "context.duplicate", repr(context), f"two contexts are named {context.name!r}",
                expected="one context per name", next='rename one of them: Context("...")',
            )  # fmt: skip
        seen.add(context.name)


def _check_headers(model: Model, findings: Findings) -> None:
    """The headers are stored with messages, so they must not contain credentials."""
    if len(model.headers) > _MOST_HEADERS:
        findings.report(
            "system.header", f"System({model.name!r})", f"{len(model.headers)} headers would travel with a request",
            expected=f"at most {_MOST_HEADERS}", next="move what handlers need into fields of their messages",
        )  # fmt: skip
    for name in model.headers:
        if not _HEADER.fullmatch(name) or name in _CREDENTIALS:
            findings.report(
                "system.header", f"System({model.name!r})", f"the header {name!r} cannot travel with a request",
                expected="a lower-case header of your own, without credentials, whose name does not begin with remit-",
                next="name a header that handlers need: headers=['x-tenant']",
            )  # fmt: skip
