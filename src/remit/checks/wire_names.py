"""No two messages have the same wire name and version."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.declarations import where
from remit.errors import Findings
from remit.messages import Message


def check_wire_names(model: Model, findings: Findings) -> None:
    taken: dict[tuple[str, int], type[Message]] = {}
    for message, contract in model.contracts.items():
        other = taken.setdefault((contract.type, contract.version), message)
        if other is not message:
            findings.report(
                "message.collision", where(message),
                f"{where(other)} and {where(message)} share the wire name {contract.type} version {contract.version}",
                expected="one class per wire name and version",
                next=f'rename one of them: class {message.__name__}(..., name="...")',
            )  # fmt: skip
