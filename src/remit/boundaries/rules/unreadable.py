"""Every file can be read: what is in a file that cannot be read is not checked."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.errors import Findings


def check_readable(code: Code, findings: Findings) -> None:
    """Reports each file whose source text cannot be read."""
    for facts in code.read:
        if facts.fault:
            is_notebook = facts.path.endswith(".ipynb")
            findings.report(
                "source.unreadable", f"{facts.path}:{facts.line}",
                f"{facts.module} cannot be read, so its imports are unknown: {facts.fault}",
                expected="a notebook in JSON" if is_notebook else "valid Python, in UTF-8 or with an encoding line",
                next=f"correct or delete it: python -m {'json.tool' if is_notebook else 'py_compile'} {facts.path}",
            )  # fmt: skip
