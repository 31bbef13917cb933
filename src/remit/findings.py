"""What a check found: a value with a stable code, collected, rendered, and raised at the end, all at once."""

from __future__ import annotations

from dataclasses import dataclass

from remit.errors import RemitError, told


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold: what, where, what was expected, and what to type next."""

    code: str
    where: str
    what: str
    expected: str = ""
    next: str = ""

    def __str__(self) -> str:
        return told(self.code, self.where, self.what, self.expected, self.next)


class ModelError(RemitError):
    """The declared system does not hold together. Raised at start, with every finding at once."""

    code = "model.invalid"

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(f"{len(findings)} finding(s) in the model")
        self.findings = findings

    def __str__(self) -> str:
        return "\n\n".join(str(finding) for finding in self.findings)


class Findings(list[Finding]):
    """Findings on their way; `settle` raises them together."""

    def report(self, code: str, where: str, what: str, *, expected: str = "", next: str = "") -> None:
        """Adds one finding."""
        self.append(Finding(code, where, what, expected, next))

    def settle(self) -> None:
        """Does nothing when there are none; otherwise raises `ModelError` with all of them."""
        if self:
            raise ModelError(list(dict.fromkeys(self)))
