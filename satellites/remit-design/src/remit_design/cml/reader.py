"""Reads tokens one after the other. The grammar is made of functions that take a `Reader`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from remit.errors import one_of
from remit_design.cml.lexer import CmlSyntaxError, Kind, Token
from remit_design.cml.tree import Link, Node

Form: TypeAlias = Literal["text", "texts", "word", "name", "names", "path", "flag"]
"""What follows the keyword of a setting: one text, several, one word of a choice, one reference, several, a dotted
name, or nothing."""


@dataclass(frozen=True)
class Setting:
    """A setting of a node: the keyword stands before it, and an equals sign may, must or may not."""

    field: str
    form: Form = "text"
    of: tuple[str, ...] = ()
    equals: Literal["may", "must", "never"] = "may"


Settings: TypeAlias = Mapping[str, Setting]
Part: TypeAlias = Callable[["Reader", Node], None]


class Reader:
    """The tokens of one file, and how far they have been read."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self.reserved: list[CmlSyntaxError] = []
        """Reserved words that stand as names. What they name is read all the same."""

    def ahead(self, steps: int = 0) -> Token:
        """The token that comes next, or `steps` later."""
        return self._tokens[min(self._at + steps, len(self._tokens) - 1)]

    @property
    def line(self) -> int:
        return self.ahead().line

    def at(self, *keywords: str, steps: int = 0) -> bool:
        """True if one of the keywords comes next."""
        token = self.ahead(steps)
        return token.kind == "keyword" and token.text in keywords

    def at_kind(self, *kinds: Kind, steps: int = 0) -> bool:
        """True if a token of such a kind comes next."""
        return self.ahead(steps).kind in kinds

    def step(self) -> Token:
        """The next token; it is read."""
        token = self.ahead()
        self._at += 1
        return token

    def accept(self, *keywords: str) -> bool:
        """Reads one of the keywords if it comes next, and tells whether it did."""
        if self.at(*keywords):
            self._at += 1
            return True
        return False

    def expect(self, *keywords: str) -> str:
        """Reads one of the keywords. Raises `CmlSyntaxError` if something else comes next."""
        if not self.at(*keywords):
            raise self.wrong(one_of(f"'{each}'" for each in keywords))
        return self.step().text

    def wrong(self, expected: str) -> CmlSyntaxError:
        """The error that the next token is not what was expected."""
        return CmlSyntaxError(self.line, f"{self.ahead()} cannot stand here", expected)

    def name(self, expected: str = "a name") -> str:
        """Reads a name. A reserved word in its place is a fault, and is read as the name that was meant."""
        token = self.ahead()
        if token.kind == "keyword" and token.text.isidentifier():
            what, advice = f"{token} is a reserved word of CML, and no name", f"choose another name, or write ^{token}"
            self.reserved.append(CmlSyntaxError(token.line, what, expected, advice.replace("'", "")))
        elif token.kind != "name":
            raise self.wrong(expected)
        return self.step().text

    def text(self) -> str:
        """Reads a text."""
        if not self.at_kind("text"):
            raise self.wrong("a text in quotes")
        return self.step().text

    def texts(self) -> list[str]:
        """Reads texts with commas between them."""
        found = [self.text()]
        while self.accept(","):
            found.append(self.text())
        return found

    def path(self, between: str = ".") -> str:
        """Reads names with dots between them, such as `com.example.orders`."""
        parts = [self.name()]
        while self.at(*between):
            parts += [self.step().text, self.name()]
        return "".join(parts)

    def link(self, node: Node, field: str, *kinds: str) -> None:
        """Reads a name that stands for a node of one of these kinds."""
        line = self.line
        node.links.append(Link(field, self.name(f"a name ({' or '.join(kinds)})"), kinds, line))

    def links(self, node: Node, field: str, *kinds: str, between: tuple[str, ...] = (",",)) -> None:
        """Reads names with a sign between them."""
        self.link(node, field, *kinds)
        while self.accept(*between):
            self.link(node, field, *kinds)

    def declared(self, parent: Node, kind: str, *keywords: str) -> Node:
        """Reads the keyword and the name of a node, and adds it to its parent."""
        line = self.line
        self.expect(*(keywords or (kind,)))
        return parent.add(kind, self.name(), line)

    def setting(self, node: Node, settings: Settings) -> bool:
        """Reads one setting if one comes next. A setting that is given twice raises `CmlSyntaxError`."""
        if not self.at(*settings):
            return False
        token = self.step()
        setting = settings[token.text]
        if setting.field in {*node.values, *node.lists, *node.flags, *(link.field for link in node.links)}:
            raise CmlSyntaxError(token.line, f"{token} is given twice", expected="each setting once")
        if setting.equals == "must":
            self.expect("=")
        elif setting.equals == "may":
            self.accept("=")
        self._value(node, setting)
        return True

    def _value(self, node: Node, setting: Setting) -> None:
        match setting.form:
            case "text":
                node.values[setting.field] = self.text()
            case "texts":
                node.lists[setting.field] = self.texts()
            case "word":
                node.values[setting.field] = self.expect(*setting.of)
            case "path":
                node.values[setting.field] = self.path()
            case "name":
                self.link(node, setting.field, *setting.of)
            case "names":
                self.links(node, setting.field, *setting.of)
            case "flag":
                node.flags.add(setting.field)

    def body(self, node: Node, settings: Settings, parts: Mapping[str, Part] | None = None) -> None:
        """Reads `{ … }` with settings and parts in any order, if it comes next."""
        if not self.accept("{"):
            return
        while not self.accept("}"):
            if self.setting(node, settings):
                continue
            part = (parts or {}).get(self._opening())
            if part is None:
                raise self.wrong(one_of([*settings, *(parts or {}), "}"]))
            part(self, node)

    def _opening(self) -> str:
        """The keyword that the next part begins with: a text may stand before it, and the word `abstract`."""
        steps = 1 if self.at_kind("text") else 0
        steps += self.at("abstract", steps=steps)
        token = self.ahead(steps)
        return token.text if token.kind == "keyword" else ""

    def resume(self, keywords: tuple[str, ...]) -> None:
        """Goes on to the next of the keywords, or to the end: what lies between cannot be read."""
        self._at += 1
        while not self.at(*keywords) and not self.at_kind("end"):
            self._at += 1
