"""A module that is imported by a computed name is not seen. The note says where."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.errors import Findings

_TOO_MUCH = "binds a name more often, or has more code in texts, than is read of one file"


def note_dynamic(code: Code, findings: Findings) -> None:
    """Notes, once for each module of a context, the first import whose module is not written in the file."""
    for facts in code.read:
        owner = code.owner_of(facts.module)
        if facts.unknown and owner is not None:
            how, line = facts.unknown[0]
            what = f"imports a module by a computed name ({how}), which cannot be seen"
            findings.note(
                "import.computed", f"{facts.path}:{line}",
                f"context {owner!r} {what if how else _TOO_MUCH}",
                expected="the name of the module in the source text",
                next="write the name, so that the import can be compared with the map",
                contexts=(owner,), identity=facts.module,
            )  # fmt: skip
