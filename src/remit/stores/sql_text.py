"""The tables that a text of SQL names. A small reader: it knows where a table may stand, and no dialect."""

from __future__ import annotations

import re
from collections.abc import Iterator

_START = re.compile(
    r"(?>\s+|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*+\*/|\()*+"
    r"(?:select\b.*\bfrom\b|update\b.*\bset\b|(?:insert|merge|replace)\b.*\binto\b|delete\s+from\b"
    r"|(?:create|alter|drop|truncate|lock)\b.*\b(?:table|view|index|trigger|on)\b|truncate\s|with\s.*\bas\b.*\(|copy\s"
    r"|(?:(?:left|right|full|inner|cross|natural|outer)\s+)*join\s.*\bon\b|from\s+\S+.*\bwhere\b|references\s)",
    re.IGNORECASE | re.DOTALL,
)
_FIRST = re.compile(r"[\s(]*(?:[sS][eE][lL]|[uU][pP][dD]|[iI][nN][sSnN]|[mM][eE][rR]|[rR][eE][pPfFiI]|[dD][eErR][lLoO]"
                    r"|[cC][rRoO]|[aA][lL][tT]|[tT][rR][uU]|[lL][oOeE]|[wW][iI][tT]|[fF][rRuU]|[jJ][oO]|[oO][uU]"
                    r"|[nN][aA][tT]|--|/\*)")  # fmt: skip
"""The first letters of what `_START` accepts. Nearly every other text is told apart by them."""
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_PART = r"(?:\"[^\"]+\"|`[^`]+`|\[[^\]]+\]|[^\W\d]\w*)"
_NAME = rf"{_PART}(?:\s*\.\s*{_PART}){{0,2}}"
_BEFORE = re.compile(
    rf"\b(?:from|join|into|update|table|truncate|using|references|copy|on)\s+"
    rf"(?:only\s+|lateral\s+|if\s+(?:not\s+)?exists\s+)?({_NAME})",
    re.IGNORECASE,
)
_LISTED = re.compile(
    rf"\s*(?:as\s+)?(?:(?!(?:where|join|on|set|group|order)\b){_PART})?\s*,\s*({_NAME})", re.IGNORECASE
)
_COMMON = re.compile(
    rf"(?:\bwith\s+(?:recursive\s+)?|\)\s*,\s*)({_PART})\s*(?:\([^)]*\)\s*)?as\s*(?:not\s+)?(?:materialized\s*)?\(",
    re.IGNORECASE,
)
_MAKES_TRIGGER = re.compile(r"\b(?:index|trigger)\b", re.IGNORECASE)
_LONGEST = 100_000


def looks_like_sql(text: str) -> bool:
    """Whether a text is likely a statement of SQL, or a part of one that names a table."""
    return len(text) >= len("copy x") and _FIRST.match(text) is not None and _START.match(text[:_LONGEST]) is not None


def tables_in(text: str) -> list[tuple[str, ...]]:
    """The tables that a statement names, each as its parts in lower case: `("sales", "orders")`, or `("orders",)`.

    Names of common table expressions are no tables.
    """
    text = _LITERAL.sub("''", _COMMENT.sub(" ", text[:_LONGEST]))
    own = {_parts(name)[-1] for name in _COMMON.findall(text)}
    found = dict.fromkeys(_names(text))
    return [parts for parts in found if parts not in {(each,) for each in own}]


def _names(text: str) -> Iterator[tuple[str, ...]]:
    on_counts = _MAKES_TRIGGER.search(text) is not None
    for match in _BEFORE.finditer(text):
        word = match[0].split(None, 1)[0].lower()
        if word == "on" and not on_counts:
            continue
        yield _parts(match[1])
        end = match.end()
        while word in ("from", "table", "truncate") and (more := _LISTED.match(text, end)) is not None:
            yield _parts(more[1])
            end = more.end()


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip('"`[]').lower() for part in re.findall(_PART, name))
