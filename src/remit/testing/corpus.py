"""The examples of what releases have stored, in the suite of the user."""

from __future__ import annotations

from pathlib import Path

from remit.hosting import System
from remit.hosting.examples import check_examples


def require_examples(system: System, folder: str | Path = "examples") -> None:
    """Reads every example that `remit examples update` has written, by the classes and upcasters of this release.

    Raises `AssertionError` with all that cannot be read, and with the present versions that have no example;
    `ModelError` for a system that is not consistent.
    """
    if faults := check_examples(system.hosting().model(), Path(folder)):
        raise AssertionError("\n".join(f"{each.file}: {each.why}" for each in faults))
