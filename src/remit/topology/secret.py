"""What a topology file holds and nobody may see."""

from __future__ import annotations

from dataclasses import dataclass, field

from remit.errors import Finding, ModelError


@dataclass(frozen=True)
class Secret:
    """Text that no repr, plan, log or error shows.

    It may name variables of the environment that this process does not have: who never reads it need not have them.
    """

    text: str = field(repr=False)
    """As far as it is known: a variable that is missing stands in it as it is written."""
    variables: tuple[str, ...] = field(default=(), compare=False)
    """The variables of the environment that it names."""
    lacks: tuple[Finding, ...] = field(default=(), compare=False, repr=False)
    """A finding for each of them that is missing."""

    @property
    def value(self) -> str:
        """The whole text. Raises `ModelError` when variables are missing."""
        if self.lacks:
            raise ModelError(findings=self.lacks)
        return self.text

    def within(self, text: str) -> Secret:
        """Another text that was made of this one, with what is missing in it."""
        return Secret(text, self.variables, self.lacks)
