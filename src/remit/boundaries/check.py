"""Checks a code base against its map: reads all files, and applies every rule."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from remit.boundaries.code import Code
from remit.boundaries.codemap import CodeMap
from remit.boundaries.facts import Facts
from remit.boundaries.files import files_of
from remit.boundaries.reading import read_files
from remit.boundaries.rules import OF_MAP, RELATED, RULES
from remit.checks.legality import judge_relations, sound_relations
from remit.errors import Findings


def read_code(code: CodeMap, findings: Findings) -> Code:
    """Reads a code base without importing it. What cannot be read is reported as findings."""
    files = files_of(code, findings)
    tops = frozenset(name.partition(".")[0] for name in files)
    facts: dict[str, Facts | None] = dict.fromkeys(files)
    for each in read_files([file for file in files.values() if file.is_read], tops):
        facts[each.module] = each
    return Code(code, facts, _entry_points(code))


def check_code(code: CodeMap) -> Findings:
    """All findings on a code base, each once, and its notes. Imports nothing of it. Raises nothing for faulty code.
    Raises `ModelError` if grimp is not installed, which looks for chains between contexts that go separate ways.

    Of a map without packages, only what it says itself is checked.
    """
    findings = Findings()
    sound = _sound(code, findings)
    if not any(context.packages for context in code.contexts):
        rules, read = OF_MAP, Code(sound, {}, {})
    else:
        rules = [rule for rule in RULES if sound.relations or rule not in RELATED]
        read = read_code(sound, findings)
    for rule in rules:
        rule(read, findings)
    return Findings(dict.fromkeys(findings), notes=dict.fromkeys(findings.notes))


def _sound(code: CodeMap, findings: Findings) -> CodeMap:
    """The map without relations whose fields cannot be read, which are reported."""
    sound = sound_relations(code.relations)
    if len(sound) == len(code.relations):
        return code
    judge_relations(code.names, code.relations, code.place_of, findings)
    return replace(code, relations=(*sound,), places=tuple(map(code.place_of, sound)))


def _entry_points(code: CodeMap) -> Mapping[str, list[str]]:
    """The objects of each group of entry points that the projects of the code base declare."""
    found: dict[str, list[str]] = {}
    folders = dict.fromkeys(folder for root in code.roots for folder in (root, root.parent))
    for folder in folders:
        try:
            document: Any = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
            groups = document.get("project", {}).get("entry-points", {})
            for group, entries in groups.items():
                found.setdefault(group, []).extend(f"{each}".replace(":", ".") for each in entries.values())
        except (OSError, ValueError, AttributeError, RecursionError):  # no project, or one that others complain about
            continue
    return found
