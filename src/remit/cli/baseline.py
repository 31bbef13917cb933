"""The baseline of `remit check`: findings that were there when the check was introduced. It may only shrink."""

from __future__ import annotations

from collections import Counter
from itertools import filterfalse
from pathlib import Path

import msgspec

from remit.cli.reports import Identity, identity_of
from remit.errors import Finding, Findings
from remit.hosting.failures import Failure

_OF_THE_MAP = ("map.", "topology.")
_OF_RELATIONS = frozenset(
    f"relation.{each}"
    for each in (
        "kind", "unknown-context", "foreign", "self", "doubled", "contradiction", "cycle", "nothing-exposed",
        "no-package", "no-module", "not-downstream", "not-published", "unknown-message",
    )
)  # fmt: skip


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    where: str
    what: str
    count: int = 1


class _File(msgspec.Struct, forbid_unknown_fields=True):
    findings: list[_Entry]


def may_hide(finding: Finding) -> bool:
    """Whether a baseline may record a finding. It never does where the map or the topology itself is wrong, because
    what such a file says is not checked then: the code could break it unseen. Nor where a relation is illegal, or
    lists what is not there."""
    return not finding.code.startswith(_OF_THE_MAP) and finding.code not in _OF_RELATIONS


class Baseline:
    """The known findings of a file. A finding is known by its code and by what stays the same about it: its file and
    text, whatever its line is, or the modules that it is about."""

    def __init__(self, path: str, known: Counter[Identity]) -> None:
        self.path = path
        self._known = known
        self._folder = Path(path).parent
        self._seen: Counter[Identity] = Counter()

    @classmethod
    def read(cls, path: str) -> Baseline:
        """Raises `Failure` for a file that is missing or is no baseline."""
        try:
            read = msgspec.json.decode(Path(path).read_bytes(), type=_File)
        except FileNotFoundError:
            raise Failure(
                "baseline.missing", "there is no such file", where=path, expected="a baseline",
                next=f"remit check --baseline {path} --record writes one with all present findings",
            ) from None  # fmt: skip
        except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
            raise Failure(
                "baseline.unreadable", f"the file cannot be read: {error}", where=path,
                expected="a file that remit check --record wrote",
                next="restore it from version control; or delete it, and record the present findings",
            ) from None  # fmt: skip
        return cls(path, Counter({Identity(each.code, each.where, each.what): each.count for each in read.findings}))

    def without(self, found: Findings) -> tuple[Findings, int]:
        """The findings and notes that are not in the baseline, and how many are in it."""
        left = Findings(filter(self._is_new, found), notes=filter(self._is_new, found.notes))
        return left, self._seen.total()

    def _is_new(self, finding: Finding) -> bool:
        identity = identity_of(finding, self._folder)
        if not may_hide(finding) or self._seen[identity] >= self._known[identity]:
            return True
        self._seen[identity] += 1
        return False

    @property
    def gone(self) -> Findings:
        """A finding for each entry that `without` has not seen: the baseline must shrink."""
        findings = Findings()
        for identity, count in sorted((self._known - self._seen).items()):
            where = f" in {identity.where}" if identity.where else ""
            findings.report(
                "baseline.gone", self.path,
                f"{identity.code}{where} is gone{f' {count} times' if count > 1 else ''}: {identity.what}",
                expected="a baseline with findings that are still there",
                next=f"remit check --baseline {self.path} --record removes it from the baseline",
            )  # fmt: skip
        return findings

    def shrink(self) -> None:
        """Writes the entries that `without` has seen."""
        _write(self.path, self._seen)


def against(path: str | None, found: Findings, *, recording: bool) -> tuple[Findings, int]:
    """The findings that the baseline does not have, with what is gone from it, and how many it has."""
    if path is None:
        return found, 0
    if recording and not Path(path).exists():
        return record(path, found)
    baseline = Baseline.read(path)
    left, hidden = baseline.without(found)
    if recording:
        baseline.shrink()
        return left, hidden
    return Findings([*left, *baseline.gone], notes=left.notes), hidden


def record(path: str, found: Findings) -> tuple[Findings, int]:
    """Writes a first baseline with all findings and notes that it may hide. Returns the others, and how many it has."""
    hidden = [each for each in (*found, *found.notes) if may_hide(each)]
    _write(path, Counter(identity_of(each, Path(path).parent) for each in hidden))
    left = Findings(filterfalse(may_hide, found), notes=filterfalse(may_hide, found.notes))
    return left, len(hidden)


def _write(path: str, known: Counter[Identity]) -> None:
    """One line for each entry, sorted, so that changes are easy to review."""
    entries = [_Entry(*identity, count=count) for identity, count in sorted(known.items()) if count]
    lines = ",\n".join(f"    {msgspec.json.encode(each).decode()}" for each in entries)
    try:
        Path(path).write_text('{\n  "findings": [\n' + lines + "\n  ]\n}\n", encoding="utf-8")
    except OSError as error:
        raise Failure(
            "baseline.unwritable", f"the file cannot be written: {error.strerror}", where=path,
            expected="a file in a folder that exists", next="choose another path",
        ) from None  # fmt: skip
