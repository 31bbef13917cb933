"""How errors and findings are worded, and made safe to print."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, characters that are invisible or change the direction of text, and surrogates."""
_INDENT = "    "


def visible(text: str) -> str:
    """Makes any text safe to print in a log or on a terminal.

    Control and invisible characters are escaped as in JSON (`\\u001b`). Lines after the first are indented, so that
    none of them looks like a new log entry.
    """
    if "\n" in text:
        first, *others = text.split("\n")
        text = "\n".join([first, *(line if line.startswith(_INDENT) else _INDENT + line for line in others)])
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def shown(value: object, most: int) -> str:
    """A value in an error, of at most `most` characters. A whole number of thousands of digits, of which Python makes
    no text, is replaced by its size."""
    try:
        return repr(value)[:most]
    except ValueError:
        return f"an int of {value.bit_length()} bits" if isinstance(value, int) else f"a {type(value).__name__}"


def one_of(names: Iterable[str], otherwise: str = "a known name, and there is none") -> str:
    """The `expected` text for a choice among `names`. Returns `otherwise` if there are none."""
    listed = ", ".join(names)
    return f"one of: {listed}" if listed else otherwise


_LONGEST_COMPARED = 200


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that is most like a word, or None if none is near."""
    import difflib  # slow to import, and needed for errors only

    near = difflib.get_close_matches(word[:_LONGEST_COMPARED], list(known), n=1)
    return near[0] if near else None


def told(code: str, where: str, what: str, expected: str, next: str) -> str:
    """The full text of an error or a finding."""
    lines = [f"{code}  {visible(where)}".rstrip(), f"  {visible(what)}"]
    if expected:
        lines.append(f"  Expected: {visible(expected)}")
    if next:
        lines.append(f"  Next: {visible(next)}")
    return "\n".join(lines)
