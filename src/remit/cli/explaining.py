"""The page of each code that `remit check` reports: what it means, why it is refused, and what to write instead."""

from __future__ import annotations

from importlib.resources import files

from remit.errors import nearest
from remit.hosting.failures import Failure

_PAGES = files("remit.cli") / "codes"


def codes() -> list[str]:
    """The codes that have a page, sorted."""
    return sorted(page.name.removesuffix(".md") for page in _PAGES.iterdir() if page.name.endswith(".md"))


def page_of(code: str) -> str:
    """The page of a code, as Markdown. Raises `Failure` for a code without a page."""
    known = codes()
    if code not in known:
        near = nearest(code, known)
        raise Failure(
            "check.unknown-code", f"remit check reports no {code!r}", where="remit check --explain",
            expected="the code of a finding or a note, such as event.unfollowed",
            next=f"did you mean {near}?" if near else "remit check shows the codes of a system",
        )  # fmt: skip
    return (_PAGES / f"{code}.md").read_text(encoding="utf-8")
