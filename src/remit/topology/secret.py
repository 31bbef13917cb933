"""Secrets in a topology file."""

from __future__ import annotations

from dataclasses import dataclass, field

from remit.errors import Finding, Findings, ModelError


@dataclass(frozen=True)
class Secret:
    """A text that no repr, plan, log or error shows.

    It may contain environment variables that this process does not have, as long as it does not read the value.
    """

    text: str = field(repr=False)
    """The text. A missing variable stays as it is written, `${NAME}`."""
    variables: tuple[str, ...] = field(default=(), compare=False)
    """The environment variables in the text."""
    lacks: tuple[Finding, ...] = field(default=(), compare=False, repr=False)
    """A finding for each missing variable."""

    @property
    def value(self) -> str:
        """The whole text. Raises `ModelError` if variables are missing."""
        if self.lacks:
            raise ModelError(findings=self.lacks)
        return self.text

    def tell(self, findings: Findings) -> None:
        """Reports each missing variable once, even if several secrets contain it."""
        findings.extend(lack for lack in self.lacks if lack.what not in {finding.what for finding in findings})

    def within(self, text: str) -> Secret:
        """A secret with another text that was derived from this one, and with the same missing variables."""
        return Secret(text, self.variables, self.lacks)
