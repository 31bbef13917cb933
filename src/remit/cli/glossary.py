"""`remit glossary`: the words of all contexts, and where code and language documents have drifted apart."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from cyclopts import Parameter
from rich.table import Table

from remit.cli.context_map import Mapped
from remit.cli.inputs import code_map_of
from remit.cli.options import AsJson, is_topology
from remit.cli.screen import cell, say, show
from remit.errors import Findings
from remit.hosting.failures import UNUSABLE
from remit.hosting.finding import HERE, load_system
from remit.registry.documents import documents_of, documents_of_code, languages_of
from remit.registry.drift import language_findings
from remit.registry.glossary import Word, differing, glossary_of
from remit.topology.file import read_topology


def glossary(
    system: Mapped = HERE,
    /,
    *,
    every: Annotated[bool, Parameter(name="--all", negative="", help="Show every word, not only shared ones.")] = False,
    json: AsJson = False,
) -> int:
    """Show the words that mean different things in several contexts, side by side, and what no document explains.

    The words come from the language documents that the contexts name. Starts and opens nothing. With a code map, only
    the words are shown: its messages are not known. A finding gives exit code 2, as in `remit check`.
    """
    name, words, findings = _found(system)
    if json:
        shown = [{"word": word.word, "differs": word.differs, "meanings": word.meanings} for word in words]
        said = {"system": name, "words": shown, "errors": findings, "notes": findings.notes}
        print(msgspec.json.encode(said).decode())
    else:
        _tell(words if every else differing(words))
        for kind, each in [("error", each) for each in findings] + [("note", each) for each in findings.notes]:
            say(f"\n{kind}: {each}")
        say(f"\n{name}: {len(words)} words, {len(differing(words))} with several meanings")
    return UNUSABLE if findings else 0


class _Found(NamedTuple):
    name: str
    words: list[Word]
    findings: Findings


def _found(named: str) -> _Found:
    """The glossary of what is named. Raises `Failure` and `ModelError`."""
    code = code_map_of(named)
    findings = Findings()
    if code is not None:
        return _Found(code.name, glossary_of(languages_of(documents_of_code(code), findings)), findings)
    model = load_system(read_topology(named, whole=False).system if is_topology(named) else named).model()
    words = glossary_of(languages_of(documents_of(model), Findings()))
    return _Found(model.name, words, language_findings(model))


def _tell(words: list[Word]) -> None:
    table = Table("WORD", "CONTEXT", "MEANING", box=None, pad_edge=False)
    for word in words:
        for number, each in enumerate(word.meanings):
            table.add_row(cell("" if number else word.word), cell(each.context), cell(each.meaning))
    if words:
        show(table)
