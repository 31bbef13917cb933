"""The relations of a map are legal, as those of a system."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.checks.legality import judge_relations
from remit.errors import Findings

_OF_CODE = ("relation.no-package", "relation.no-module")
"""What is missing about the code of a relation."""


def check_legal(code: Code, findings: Findings) -> None:
    """Reports what is illegal about the relations, and notes what is probably not meant. See `judge_relations`.

    A map without packages describes no code yet. What it does not say of code is noted only.
    """
    judged = Findings()
    judge_relations(code.map.names, code.map.relations, code.map.place_of, judged)
    findings.notes += judged.notes
    is_draft = not any(context.packages for context in code.map.contexts)
    for each in judged:
        (findings.notes if is_draft and each.code in _OF_CODE else findings).append(each)
