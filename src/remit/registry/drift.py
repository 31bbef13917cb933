"""Where code and language documents have drifted apart: names that no document explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from remit.contexts import Context, Model
from remit.contexts.annotations import aggregates_of
from remit.contexts.declarations import line_of
from remit.errors import Findings
from remit.registry.documents import documents_of, languages_of
from remit.registry.language import Language, key_of


class _Named(NamedTuple):
    """A class of a context that people talk about."""

    name: str
    context: str
    declared: type
    what: str
    """`command`, `query`, `event` or `aggregate`."""
    fields: tuple[str, ...] = ()


def language_findings(model: Model) -> Findings:
    """The findings and notes on the language documents of a system. None if no context names a document."""
    findings = Findings()
    languages = {each.context: each for each in languages_of(documents_of(model), findings)}
    if any(context.language for context in model.contexts):
        _check_missing(model, findings)
        named = list(_named(model))
        _check_mentions(named, languages, findings)
        _check_shared(named, languages, findings)
    return findings


def _check_missing(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        if not context.language:
            findings.note(
                "language.missing", repr(context),
                f"context {context.name!r} names no language document, and others do",
                expected="a document that says what its words mean",
                next=f'write one, and name it: Context("{context.name}", language="language.md")',
            )  # fmt: skip


def _check_mentions(named: Sequence[_Named], languages: Mapping[str, Language], findings: Findings) -> None:
    for each in named:
        language = languages.get(each.context)
        if language is None:
            continue
        if not language.mentions(each.name):
            findings.note(
                "language.unmentioned", line_of(each.declared),
                f"the language document of {each.context!r} does not mention the {each.what} {each.name}",
                expected=f"its words in {language.path}", next=f"add it: | {_spaced(each.name)} | what it means |",
            )  # fmt: skip
        if fields := [field for field in each.fields if not language.mentions(field)]:
            findings.note(
                "language.unmentioned", line_of(each.declared),
                f"the language document of {each.context!r} does not mention {', '.join(fields)} of {each.name}",
                expected=f"its words in {language.path}", next=f"add it: | {_spaced(fields[0])} | what it means |",
            )  # fmt: skip


def _check_shared(named: Sequence[_Named], languages: Mapping[str, Language], findings: Findings) -> None:
    """A name that two contexts use is explained by one of them, or it is not known whether they mean the same."""
    users: dict[str, dict[str, _Named]] = {}
    for each in named:
        users.setdefault(key_of(each.name), {}).setdefault(each.context, each)
    for using in users.values():
        known = [languages[context] for context in using if context in languages]
        first, *others = using.values()
        if others and not any(language.term(first.name) for language in known):
            contexts = " and ".join(repr(context) for context in using)
            findings.report(
                "language.undefined", line_of(others[0].declared),
                f"{contexts} both have a {first.name}, and no document of theirs says what it means",
                expected="an entry in the glossary of at least one of them",
                next=f"add it to each, with what it means there: | {_spaced(first.name)} | what it means |",
            )  # fmt: skip


def _named(model: Model) -> Iterator[_Named]:
    """The messages and aggregates of all contexts."""
    contexts = {context.name: context for context in model.contexts}
    for message, owner in model.owners.items():
        if owner in contexts:
            yield _Named(message.__name__, owner, message, _kind(message), _fields(message))
    for context in model.contexts:
        yield from _aggregates(context)


def _aggregates(context: Context[Any]) -> Iterator[_Named]:
    for aggregate in dict.fromkeys(each for each, _ in aggregates_of(context)):
        yield _Named(aggregate.__name__, context.name, aggregate, "aggregate")


def _fields(message: Any) -> tuple[str, ...]:
    return tuple(message.__struct_fields__)


def _kind(message: type) -> str:
    return next(kind for base, kind in _KINDS.items() if base in {each.__name__ for each in message.__mro__})


_KINDS = {"Command": "command", "Query": "query", "Message": "event"}


def _spaced(name: str) -> str:
    """A name as words: `order placed`."""
    return name if name.islower() else "".join(f" {each.lower()}" if each.isupper() else each for each in name).strip()
