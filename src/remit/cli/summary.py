"""What a long report comes to: how many findings of each code, between which contexts, and where to begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from remit.errors import Finding, Findings

_TOLD = 5
"""The most contexts or pairs of contexts that are listed for a code."""
_CERTAIN = ("map", "source", "relation")
"""What these say may change all other findings: they come first."""


def summarised(found: Findings) -> Iterator[str]:
    """The lines of the summary: errors before notes, and the code with the fewest findings first."""
    codes = {"error": _by_code(found), "note": _by_code(found.notes)}
    width = max((len(code) for each in codes.values() for code in each), default=0)
    for kind, counted in codes.items():
        for code, findings in counted.items():
            yield f"{kind:5}  {code:{width}}  {len(findings):6}{_among(findings)}"
    if first := next((code for each in codes.values() for code in each), None):
        yield ""
        yield f"Begin with {first}. What it means: remit check --explain {first}"


def _by_code(findings: list[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for each in findings:
        found.setdefault(each.code, []).append(each)
    return dict(sorted(found.items(), key=lambda entry: (entry[0].partition(".")[0] not in _CERTAIN, len(entry[1]))))


def _among(findings: list[Finding]) -> str:
    pairs = Counter(" > ".join(each.contexts) for each in findings if each.contexts)
    if not pairs:
        return ""
    told = ", ".join(f"{pair} ({count})" for pair, count in pairs.most_common(_TOLD))
    return f"  {told}{f', {len(pairs) - _TOLD} more' if len(pairs) > _TOLD else ''}"
