"""The next step after an unknown name: the one that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]

_LONGEST_COMPARED = 200


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "x"?`, or nothing when no known name is near."""
    near = difflib.get_close_matches(word[:_LONGEST_COMPARED], list(known), n=1)
    return f'did you mean "{near[0]}"?' if near else ""
