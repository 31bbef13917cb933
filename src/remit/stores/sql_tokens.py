"""Splits a text of SQL into tokens, in one pass and in linear time. It knows the quotes of several dialects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"(?P<space>\s+|--[^\n\r]*)|(?P<comment>/\*)"
    r"|(?P<text>[eE]'(?:[^'\\]|''|\\.)*+'?|'(?:[^']|'')*+'?)"
    r"|(?P<escaped>[uU]&\"(?:[^\"]|\"\")*+\"(?:\s*+[uU][eE][sS][cC][aA][pP][eE]\s*+'[^']')?)"
    r"|(?P<name>\"(?:[^\"]|\"\")++\"|`[^`]+`|\[[\w $]+\])"
    r"|(?P<dollar>\$(?:[^\W\d]\w*)?\$)"
    r"|(?P<word>[^\W\d][\w$]*)"
    r"|(?P<mark>.)",
    re.DOTALL,
)
_DOLLARS = re.compile(r"(?=(\$(?:[^\W\d]\w*)?\$))")
_COMMENT = re.compile(r"/\*|\*/")
_CODE = r"(?:\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4})|%s)"


class Token(NamedTuple):
    """A part of a statement."""

    kind: str
    """`word`, `name` (in quotes), `text` (a literal), `body` (between dollars), or `mark`."""
    value: str
    """Of a word or name in lower case, without quotes. Of a text or body what is in it."""
    given: str
    """As it is written."""


END = Token("end", "", "")
"""Stands after the last token."""


def tokens_of(text: str) -> Iterator[Token]:
    """The tokens of a text, without comments. What is not closed reaches to the end."""
    at, last = 0, None
    while (match := _TOKEN.match(text, at)) is not None:
        at = match.end()
        kind, given = match.lastgroup or "", match[0]
        if kind == "dollar":
            close = text.find(given, at) if last is None or last.get(given, -1) >= at else -1
            if close < 0:
                last = _last_dollars(text) if last is None else last
                yield Token("mark", given, given)
                continue
            yield Token("body", text[at:close], given)
            at = close + len(given)
        elif kind == "comment":
            at = _end_of_comment(text, at)
        elif kind != "space":
            yield _read(kind, given)


def _last_dollars(text: str) -> dict[str, int]:
    """The last place of each quote of dollars. Without it, each that is not closed would be looked for to the end."""
    return {match[1]: match.start() for match in _DOLLARS.finditer(text)}


def _end_of_comment(text: str, at: int) -> int:
    """Where a comment ends, in which others may stand."""
    depth = 1
    for match in _COMMENT.finditer(text, at):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)


def _read(kind: str, given: str) -> Token:
    if kind == "word":
        return Token(kind, given.lower(), given)
    if kind == "name":
        return Token(kind, given[1:-1].replace('""', '"').lower(), given)
    if kind == "escaped":
        escape = given[-2] if given[-1] == "'" else "\\"
        quoted = given[3 : given.rindex('"')].replace('""', '"')
        code = re.escape(escape) + _CODE % re.escape(escape)
        name = re.sub(
            code, lambda found: _character(found[1] or found[2]) if found[0] != escape * 2 else escape, quoted
        )
        return Token("name", name.lower(), given)
    return Token(kind, given.partition("'")[2].removesuffix("'") if kind == "text" else given, given)


def _character(code: str) -> str:
    number = int(code, 16)
    return chr(number) if number <= 0x10FFFF else ""
