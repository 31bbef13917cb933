"""What a data set of others says of `remit`: its cases, and why those failed that did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One case of a data set. Without a reason, it passed."""

    set: str
    case: str
    reason: str = ""


def table(results: Iterable[Result]) -> Iterator[str]:
    """The lines of a table with a row for each set, and below it the cases that failed."""
    counted: dict[str, list[Result]] = {}
    for result in results:
        counted.setdefault(result.set, []).append(result)
    yield "| set | cases | passed | failed |"
    yield "|---|---|---|---|"
    for name, cases in counted.items():
        failed = [case for case in cases if case.reason]
        yield f"| {name} | {len(cases)} | {len(cases) - len(failed)} | {len(failed)} |"
    for cases in counted.values():
        yield from (f"failed  {case.set}  {case.case}: {case.reason}" for case in cases if case.reason)
