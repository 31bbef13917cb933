"""Finds and reads the language documents of contexts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from remit.boundaries import CodeMap
from remit.contexts import Model
from remit.errors import Findings
from remit.registry.language import Language, read_language


class Document(NamedTuple):
    """The document that a context names, and where it may be."""

    context: str
    named: str
    """The path, as the context names it. Empty: it names none."""
    folders: tuple[Path, ...]
    """The folders to which the path may be relative, in this order."""
    where: str
    """The place that names it, for findings."""


def documents_of(model: Model) -> list[Document]:
    """The documents of the contexts that are loaded here. A path is relative to the folder of the module that declares
    the context, or to one above it, up to the one that holds its top-level package; or to the working directory."""
    return [
        Document(context.name, context.language, (*_folders(context.declared_in), Path.cwd()), repr(context))
        for context in model.contexts
    ]


def documents_of_code(code: CodeMap) -> list[Document]:
    """The documents of the contexts of a code map. A path is relative to the folder of the map, or to a root."""
    file = Path(code.where)
    folders = (*([file.absolute().parent] if file.suffix else []), *code.roots)
    return [Document(each.name, each.language, folders, each.where or code.where) for each in code.contexts]


def languages_of(documents: Iterable[Document], findings: Findings) -> list[Language]:
    """The languages of all documents that can be read. Reports those that cannot, or that define no word."""
    found: list[Language] = []
    for document in documents:
        if not document.named:
            continue
        path = _path(document)
        try:
            if path is None:
                raise FileNotFoundError(2, "there is no such file")
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            findings.report(
                "language.unreadable", document.where,
                f"the language document {document.named!r} of context {document.context!r} cannot be read: {why}",
                expected=f"a Markdown file, relative to one of: {', '.join(dict.fromkeys(map(str, document.folders)))}",
                next="correct the path, or write the document",
            )  # fmt: skip
            continue
        language = read_language(document.context, _shown(path), text)
        if not language.terms:
            findings.note(
                "language.empty", language.path, f"the language document of {document.context!r} defines no word",
                expected="a table with the columns word and meaning, or lines ': meaning' below a word",
                next="| word | meaning |",
            )  # fmt: skip
        found.append(language)
    return found


def _folders(module_name: str) -> Iterator[Path]:
    file = getattr(sys.modules.get(module_name), "__file__", None)
    if file:
        folder = Path(file).absolute().parent
        depth = module_name.count(".") + (Path(file).stem == "__init__")
        yield from (folder, *folder.parents[:depth])


def _path(document: Document) -> Path | None:
    try:
        return next((each for folder in document.folders if (each := folder / document.named).is_file()), None)
    except (OSError, ValueError):  # the name is no name of a file
        return None


def _shown(path: Path) -> str:
    """The path below the working directory, or the whole path."""
    absolute, here = path.absolute(), Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()
