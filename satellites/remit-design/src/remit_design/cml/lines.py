"""Lines of CML text, and how names, texts and settings are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit_design.cml.lexer import quoted
from remit_design.cml.words import RESERVED


class Lines:
    """Lines of text, indented by tabs."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def add(self, line: str) -> None:
        self._lines.append("\t" * self._depth + line if line else "")

    def block(self, head: str, body: Callable[[], None]) -> None:
        """A head with what stands in its braces; without braces if nothing does."""
        before = len(self._lines)
        self.add(f"{head} {{")
        self._depth += 1
        body()
        self._depth -= 1
        if len(self._lines) == before + 1:
            self._lines[before] = "\t" * self._depth + head
        else:
            self.add("}")

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"


def name(word: str) -> str:
    """A name as CML writes it: with a caret if it is a reserved word."""
    return f"^{word}" if word in RESERVED else word


def names(words: list[str]) -> str:
    """Names with commas between them."""
    return ", ".join(map(name, words))


def texts(words: list[str]) -> str:
    """Texts with commas between them."""
    return ", ".join(map(quoted, words))


def setting(lines: Lines, table: dict[str, Any], key: str, form: Callable[[Any], str] = str) -> None:
    """Writes one setting if it is given."""
    if key in table:
        lines.add(f"{key} = {form(table[key])}")
