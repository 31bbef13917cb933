"""The glossary of all contexts: words that several contexts use, with what each means by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from remit.registry.language import Language, key_of


@dataclass(frozen=True)
class Meaning:
    """What a context means by a word."""

    context: str
    meaning: str
    where: str
    """The line of the document: `sales/language.md:12`."""


@dataclass(frozen=True)
class Word:
    """A word, and its meaning in each context whose document has it."""

    word: str
    meanings: tuple[Meaning, ...]

    @property
    def differs(self) -> bool:
        """Whether contexts mean different things by it."""
        return len({" ".join(each.meaning.casefold().split()) for each in self.meanings}) > 1

    @property
    def is_shared(self) -> bool:
        """Whether the documents of several contexts have it."""
        return len({each.context for each in self.meanings}) > 1


def glossary_of(languages: Iterable[Language]) -> list[Word]:
    """Every word of the documents, sorted. `Item` and `items` are one word."""
    found: dict[str, tuple[str, list[Meaning]]] = {}
    for language in languages:
        for term in language.terms:
            _, meanings = found.setdefault(key_of(term.word), (term.word, []))
            meanings.append(Meaning(language.context, term.meaning, f"{language.path}:{term.line}"))
    return [Word(word, tuple(meanings)) for _, (word, meanings) in sorted(found.items())]


def differing(words: Sequence[Word]) -> list[Word]:
    """The words by which several contexts mean different things."""
    return [word for word in words if word.is_shared and word.differs]
