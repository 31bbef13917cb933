"""The relations of a map are legal, as those of a system."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.checks.legality import judge_relations
from remit.errors import Findings


def check_legal(code: Code, findings: Findings) -> None:
    """Reports what is illegal about the relations, and notes what is probably not meant. See `judge_relations`."""
    judge_relations(code.map.names, code.map.relations, code.map.place_of, findings)
