"""The tables of a topology file while it is read: checks types, fills in variables, and reports unknown keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from remit.errors import Finding, Findings, nearest, one_of
from remit.topology.secret import Secret


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Advice for an unknown name: the nearest known name, or to use one of the expected names."""
    near = nearest(word, known)
    return f'did you mean "{near}"?' if near else "use one of the expected names"


_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Reading:
    """One file while it is read."""

    file: str
    environment: Mapping[str, str]
    whole: bool
    """Whether a variable that is missing in a secret is reported at once, or only by the process that needs it."""
    findings: Findings = field(default_factory=Findings)
    open: set[str] = field(default_factory=set[str])
    """The variables in values that are not secret, which every process reads."""


class Table:
    """One table of the file. Each key is taken once; keys that were not taken are unknown."""

    def __init__(self, table: Mapping[str, Any], name: str, reading: Reading) -> None:
        self.values = table
        self.name = name
        self.reading = reading
        self.taken: list[str] = []

    def place(self, key: str) -> str:
        return " ".join(part for part in (self.reading.file, f"[{self.name}]" if self.name else "", key) if part)

    def report(self, code: str, key: str, what: str, *, expected: str, next: str = "") -> None:
        self.reading.findings.report(code, self.place(key), what, expected=expected, next=next)

    def take(self, key: str, kind: type, expected: str, required: str = "") -> Any:
        """The value of a key. None if it is absent or of another type; the latter is reported."""
        self.taken.append(key)
        if key not in self.values:
            if required:
                self.report("topology.incomplete", key, f"{key} is missing", expected=expected, next=required)
            return None
        value = self.values[key]
        if isinstance(value, str) and "\0" in value:
            self.report("topology.type", key, f"{key} contains NUL", expected=expected, next="remove the NUL")
            return None
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        self.report("topology.type", key, f"{key} is {_kind(value)}", expected=expected, next=f"write {expected}")
        return None

    def text(self, key: str, *, expected: str = "a string", required: str = "") -> str | None:
        """A string with its variables filled in. None if it is absent or wrong; the latter is reported."""
        value = self.take(key, str, expected, required)
        return None if value is None else self.filled(key, value)

    def filled(self, key: str, raw: str) -> str | None:
        """The string with its variables filled in. If a variable is missing, reports it and returns None."""
        found = self._fill(key, raw)
        self.reading.open.update(found.variables)
        found.tell(self.reading.findings)
        return None if found.lacks else found.text

    def secret(self, key: str, *, expected: str = "a string", required: str = "") -> Secret | None:
        """The same for a secret. A missing variable is reported only when the value is used, unless `whole` is set."""
        value = self.take(key, str, expected, required)
        if value is None:
            return None
        found = self._fill(key, value)
        if self.reading.whole:
            found.tell(self.reading.findings)
        return None if self.reading.whole and found.lacks else found

    def _fill(self, key: str, raw: str) -> Secret:
        environment = self.reading.environment
        names = tuple(dict.fromkeys(_VARIABLE.findall(raw)))
        lacks = tuple(self._lack(key, name) for name in names if not environment.get(name))
        return Secret(_VARIABLE.sub(lambda match: environment.get(match[1]) or match[0], raw), names, lacks)

    def _lack(self, key: str, name: str) -> Finding:
        known = bool(_VARIABLE_NAME.fullmatch(name))
        empty = name in self.reading.environment
        missing = f"{name} is empty in the environment" if empty else f"the environment has no {name}"
        what = missing if known else f"{name!r} cannot be the name of a variable"
        next = f"export {name}=..., or run with it: {name}=... remit ..." if known else "write ${NAME}"
        return Finding("topology.environment", self.place(key), what, "${NAME}, set in the environment", next)

    def shown(self, key: str) -> str:
        """The value as it is written in the file, without parts that may be a password."""
        return re.sub(r"\S*@", "…@", str(self.values.get(key)))

    def table(self, key: str, *, required: str = "") -> Table:
        """The table under a key. Empty if it is absent or not a table."""
        values: dict[str, Any] = self.take(key, dict, "a table", required) or {}
        return Table(values, f"{self.name}.{key}" if self.name else key, self.reading)

    def finish(self) -> None:
        """Reports the keys that were not taken."""
        for key in (key for key in self.values if key not in self.taken):
            self.report(
                "topology.unknown-key", key, f"there is no setting {key!r} here",
                expected=one_of(self.taken), next=did_you_mean(key, self.taken),
            )  # fmt: skip


def _kind(value: object) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "a table"}
    return next((name for kind, name in kinds.items() if isinstance(value, kind)), "a date or time")
