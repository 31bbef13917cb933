"""From text to tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from remit_design.cml.words import PHRASES, RESERVED, SIGNS

Kind: TypeAlias = Literal["keyword", "name", "text", "number", "end"]


class CmlSyntaxError(Exception):
    """The text is no CML from `line` on. Becomes a finding; nobody outside of this package sees it."""

    def __init__(self, line: int, what: str, expected: str = "", next: str = "") -> None:
        super().__init__(what)
        self.line = line
        self.what = what
        self.expected = expected
        self.next = next


@dataclass(frozen=True)
class Token:
    """One word, sign or text. A keyword's phrase has single spaces; a text is without its quotes and escapes."""

    kind: Kind
    text: str
    line: int

    def __str__(self) -> str:
        return {"end": "the end of the file", "text": f'the text "{self.text}"'}.get(self.kind, f"'{self.text}'")


def _phrase(phrase: str) -> str:
    spaced = r"\s+".join(map(re.escape, phrase.split(" ")))
    return spaced + (r"(?![A-Za-z0-9_])" if phrase[-1].isalpha() else "")


_TOKEN = re.compile(
    "|".join(
        [
            r"(?P<blank>\s+|//[^\n]*|/\*.*?\*/)",
            r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""",
            f"(?P<phrase>{'|'.join(map(_phrase, sorted(PHRASES, key=len, reverse=True)))})",
            r"(?P<word>\^?[A-Za-z_][A-Za-z0-9_]*)",
            r"(?P<number>[0-9]+)",
            f"(?P<sign>(?!/\\*)(?:{'|'.join(map(re.escape, SIGNS))}))",
        ]
    ),
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _unescaped(quoted: str) -> str:
    def meant(found: re.Match[str]) -> str:
        after = found[1]
        return chr(int(after[1:], 16)) if len(after) > 1 else _MEANT.get(after, after)

    text = _ESCAPE.sub(meant, quoted[1:-1])
    # Escapes are those of Java: two of them make one character beyond U+FFFF, and half of such a pair is none.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def quoted(text: str) -> str:
    """The text as CML writes it, in double quotes."""
    for sign, escaped in (("\\", "\\\\"), ('"', '\\"'), *((to, f"\\{letter}") for letter, to in _MEANT.items())):
        text = text.replace(sign, escaped)
    return f'"{text}"'


def _token(group: str, found: str, line: int) -> Token:
    match group:
        case "text":
            return Token("text", _unescaped(found), line)
        case "phrase":
            return Token("keyword", " ".join(found.split()), line)
        case "word" if found not in RESERVED:
            return Token("name", found.removeprefix("^"), line)
        case "number":
            return Token("number", found, line)
        case _:
            return Token("keyword", found, line)


def _unreadable(source: str, at: int, line: int) -> CmlSyntaxError:
    if source[at] in "\"'":
        return CmlSyntaxError(line, "a text has no end", expected=f"a closing {source[at]}")
    if source.startswith("/*", at):
        return CmlSyntaxError(line, "a comment has no end", expected="*/")
    return CmlSyntaxError(line, f"'{source[at]}' means nothing in CML", next="remove it")


def tokens(source: str) -> Iterator[Token]:
    """The tokens of a text; the last one is the end. Raises `CmlSyntaxError` at a character that fits nothing."""
    at, line = 0, 1
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise _unreadable(source, at, line)
        group = found.lastgroup or "blank"
        if group != "blank":
            yield _token(group, found[0], line)
        line += found[0].count("\n")
        at = found.end()
    yield Token("end", "", line)
