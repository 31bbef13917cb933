"""From the text of a file to its tree."""

from __future__ import annotations

from remit.errors import Findings
from remit_design.cml.grammar import requirements, strategy
from remit_design.cml.lexer import CmlSyntaxError, tokens
from remit_design.cml.reader import Part, Reader
from remit_design.cml.tree import Node
from remit_design.cml.words import TOP_LEVEL


def _import(reader: Reader, parent: Node) -> None:
    line = reader.line
    reader.expect("import")
    parent.add("Import", reader.text(), line)


def _context_map(reader: Reader, parent: Node) -> None:
    if parent.of("ContextMap"):
        raise reader.wrong("one context map in a file")
    strategy.context_map(reader, parent)


_DECLARATIONS: dict[str, Part] = {
    "import": _import,
    "ContextMap": _context_map,
    "BoundedContext": strategy.bounded_context,
    "Domain": strategy.domain,
    "UseCase": requirements.use_case,
    "UserStory": requirements.user_story,
    "Stakeholders": requirements.stakeholders,
    "ValueRegister": requirements.value_register,
}


def parse(source: str, file: str, found: Findings) -> Node:
    """The tree of a CML text. What cannot be read is reported as `cml.syntax`, and reading goes on after it."""
    root = Node("Model", "", 1, file=file)
    try:
        reader = Reader(list(tokens(source.removeprefix("\ufeff"))))
    except CmlSyntaxError as error:
        _report(found, file, error)
        return root
    faults = reader.reserved
    while not reader.at_kind("end"):
        try:
            if not reader.at(*TOP_LEVEL):
                raise reader.wrong(f"one of: {', '.join(TOP_LEVEL)}")
            _DECLARATIONS[reader.ahead().text](reader, root)
        except CmlSyntaxError as error:
            faults.append(error)
            reader.resume(TOP_LEVEL)
    for fault in sorted(faults, key=lambda fault: fault.line):
        _report(found, file, fault)
    return root


def _report(found: Findings, file: str, error: CmlSyntaxError) -> None:
    found.report("cml.syntax", f"{file}:{error.line}", error.what, expected=error.expected, next=error.next)
