"""Relations say which imports are allowed. A map without any allows all."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.errors import Findings


def note_unrestricted(code: Code, findings: Findings) -> None:
    """Notes a map without relations whose contexts import each other: nothing of that is held against it."""
    if not code.map.relations and code.contacts:
        one = code.contacts[0]
        findings.note(
            "relation.none", code.map.where or code.map.name,
            f"{one.owner!r} imports {one.context!r}, and the map states no relation: every import is allowed",
            expected="relations that say who may import from whom",
            next="add [[relations]], or begin with those that remit check --propose . prints",
            identity=code.map.name,
        )  # fmt: skip
