"""Reads a language document: the words of a context with their meanings, from Markdown.

A word with its meaning stands in a table whose columns are `word` (or `term`) and `meaning` (or `definition`), or in a
definition list: a line with the word, and below it a line that begins with `: `.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_WORDS, _MEANINGS = frozenset({"word", "term"}), frozenset({"meaning", "definition"})
"""The titles of the two columns, in lower case."""
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_ROW = re.compile(r"^ {0,3}\|.*\|\s*$")
_RULE = re.compile(r"^[\s|:-]+$")
_CELLS = re.compile(r"(?<!\\)\|")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"\*\*|__|[*`]|(?<!\w)_|_(?!\w)")
_NAME = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[^\WA-Z_])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SMALL = frozenset((
    "a", "an", "and", "as", "at", "by", "for", "from", "has", "id", "in", "is", "it", "its", "no", "not", "of", "on",
    "or", "the", "to", "was", "with",
))  # fmt: skip
"""Words that name nothing. They need not be mentioned."""
_SHORTEST = 3
"""What must be left of a word when an ending is taken off."""


@dataclass(frozen=True)
class Term:
    """A word of the language of a context."""

    word: str
    meaning: str
    line: int
    """The line of the document, from 1."""


@dataclass(frozen=True)
class Language:
    """The language document of one context."""

    context: str
    path: str
    """The path of the document, as it was found."""
    terms: tuple[Term, ...] = ()
    stems: frozenset[str] = frozenset()
    """Every word of its text, in its plain form."""

    def mentions(self, name: str) -> bool:
        """Whether the document has every word of a name such as `OrderPlaced` or `amount_cents`."""
        return all(stem in self.stems for stem in stems_of(name))

    def term(self, name: str) -> Term | None:
        """The entry of a word, or None. `Items` and `item` are one word, and `CourseRecord` and "course record" too."""
        wanted = key_of(name)
        return next((term for term in self.terms if key_of(term.word) == wanted), None)


def read_language(context: str, path: str, text: str) -> Language:
    """The language that a text describes."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1)]
    plain = list(_outside_of_fences(lines))
    terms = sorted([*_from_tables(plain), *_from_lists(plain)], key=lambda term: term.line)
    stems = frozenset(stem for _, line in plain for stem in map(_stem, _parts(_LINK.sub(r"\1", line))))
    return Language(context, path, tuple(terms), stems)


def key_of(word: str) -> str:
    """The plain form of a word: lower case, without endings, the same for `CourseRecords` and "course record"."""
    return " ".join(map(_stem, _parts(word)))


def stems_of(name: str) -> list[str]:
    """The words of a name in their plain form, without those that name nothing."""
    return [_stem(part) for part in _parts(name) if part not in _SMALL]


def _parts(text: str) -> list[str]:
    return [part.casefold() for name in _NAME.findall(text) for part in _CAMEL.split(name)]


def _stem(word: str) -> str:
    """A word without the ending of a plural, a participle or a gerund. `cancelled` and `cancel` have one form."""
    for ending in ("ies", "ing", "ed", "es", "s", "e", "y"):
        left = word.removesuffix(ending)
        if left != word and len(left) >= _SHORTEST and not word.endswith("ss"):
            word = left
            break
    return word[:-1] if len(word) > _SHORTEST and word[-1] == word[-2] else word


Lines = Sequence[tuple[int, str]]


def _outside_of_fences(lines: Lines) -> Iterator[tuple[int, str]]:
    fence = ""
    for number, line in lines:
        found = _FENCE.match(line)
        if found and (not fence or found[1].startswith(fence)):
            fence = "" if fence else found[1]
        elif not fence:
            yield number, line


def _from_tables(lines: Lines) -> Iterator[Term]:
    columns: Mapping[str, int] = {}
    for (number, line), (_, following) in pairwise([*lines, (0, "")]):
        if not _ROW.match(line):
            columns = {}
        elif _RULE.match(following) and _ROW.match(following):
            columns = _columns(_cells(line))
        elif columns and not _RULE.match(line):
            cells = _cells(line)
            if len(cells) > max(columns.values()) and cells[columns["word"]]:
                yield Term(cells[columns["word"]], cells[columns["meaning"]], number)


def _columns(titles: Sequence[str]) -> dict[str, int]:
    """The places of the two columns. Empty if this is another table."""
    word = next((place for place, title in enumerate(titles) if title.casefold() in _WORDS), None)
    meaning = next((place for place, title in enumerate(titles) if title.casefold() in _MEANINGS), None)
    return {} if word is None or meaning is None else {"word": word, "meaning": meaning}


def _cells(line: str) -> list[str]:
    return [_plain(cell.replace("\\|", "|")) for cell in _CELLS.split(line.strip())[1:-1]]


def _from_lists(lines: Lines) -> Iterator[Term]:
    word: tuple[int, str] | None = None
    for number, line in lines:
        text = line.strip()
        if text.startswith(": ") and word:
            yield Term(_plain(word[1]), _plain(text[2:]), word[0])
            word = None
        elif text:
            word = None if text.startswith(("#", "|", ">", "- ", "* ", ":")) else (number, text)


def _plain(text: str) -> str:
    """A text without marks of Markdown."""
    return _MARKS.sub("", _LINK.sub(r"\1", text)).strip()
