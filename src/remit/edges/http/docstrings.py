"""What a class says of itself, as it is shown to people: wherever the lines of its source end."""

from __future__ import annotations

import inspect
import re

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def docstring(cls: type) -> str:
    """The class's own docstring, its first paragraph in one line. Empty without one, and for the signature that
    dataclasses put there."""
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    if text.startswith(f"{cls.__name__}("):
        return ""
    first, gap, more = text.partition("\n\n")
    return " ".join(first.split()) + gap + more


def first_paragraph(text: str) -> str:
    """The first paragraph of a docstring."""
    return text.partition("\n\n")[0]


def first_sentence(text: str) -> str:
    """The first sentence of a docstring."""
    return _SENTENCE_END.split(first_paragraph(text), maxsplit=1)[0]
