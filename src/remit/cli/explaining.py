"""The page of each code that `remit check` reports: what it means, why it is refused, and what to write instead."""

from __future__ import annotations

import json as jsons
from collections.abc import Sequence
from importlib.resources import files
from itertools import groupby

from rich.table import Table

from remit import errors
from remit.cli.screen import cell, say, show
from remit.errors import RemitError, nearest
from remit.hosting.failures import Failure

_PAGES = files("remit.cli") / "codes"


def codes() -> list[str]:
    """The codes that have a page, sorted."""
    return sorted(page.name.removesuffix(".md") for page in _PAGES.iterdir() if page.name.endswith(".md"))


def title_of(code: str) -> str:
    """What the page of a code says in its first line."""
    return page_of(code).partition("\n")[0].removeprefix(f"# `{code}`: ")


def explain_codes(chosen: Sequence[str], *, as_json: bool) -> None:
    """Prints the pages of some codes. Without any, all codes with their titles, grouped by the part before the dot.
    Raises `Failure` for a code without a page."""
    if as_json:
        pages = [{"code": each, "title": title_of(each), "page": page_of(each)} for each in chosen]
        print(jsons.dumps({"codes": pages or [{"code": each, "title": title_of(each)} for each in codes()]}))
    elif chosen:
        say("\n\n\n".join(page_of(each).rstrip() for each in chosen))
    else:
        table = Table("CODE", "MEANS", box=None, pad_edge=False)
        for number, (_, group) in enumerate(groupby(codes(), lambda code: code.partition(".")[0])):
            if number:
                table.add_row("", "")
            for code in group:
                table.add_row(cell(code), cell(title_of(code)))
        show(table)
        say("\nremit check --explain CODE shows the page of a code.")


def page_of(code: str) -> str:
    """The page of a code, as Markdown. Raises `Failure` for a code without a page."""
    known = codes()
    if code in known:
        return (_PAGES / f"{code}.md").read_text(encoding="utf-8")
    what, near = f"remit check reports no {code!r}", nearest(code, known)
    next = f"did you mean {near}?" if near else "remit check --explain shows all codes"
    if (error := _errors().get(code)) is not None:
        what = f"{code} is no finding, but the error {error.__name__}: {_meaning(error)}"
        next = "docs/reference/errors.md says what to do about each error"
    raise Failure(
        "check.unknown-code", what, where="remit check --explain",
        expected="the code of a finding or a note, such as event.unfollowed", next=next,
    )  # fmt: skip


def _errors() -> dict[str, type[RemitError]]:
    """The classes of errors, by their codes."""
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RemitError)]
    return {each.code: each for each in classes}


def _meaning(error: type[RemitError]) -> str:
    """The first sentence on a class."""
    return " ".join((error.__doc__ or "").split()).partition(". ")[0].removesuffix(".")
