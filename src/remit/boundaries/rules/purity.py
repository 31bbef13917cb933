"""A model decides and does nothing else: no input or output, no clock, no chance."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.boundaries.impurity import IMPURE, IMPURE_MODULES, impurity_of
from remit.errors import Findings


def check_purity(code: Code, findings: Findings) -> None:
    """Reports what the modules of a model import and call that is not pure."""
    for facts in code.read:
        if not code.is_pure(facts.module):
            continue
        owner = code.owner_of(facts.module)
        told: set[str] = set()
        for use, target in code.outside_uses(facts):
            what = impurity_of(target)
            if what is not None and not use.typing and target not in told:
                told.add(target)
                findings.report(
                    "pure.import", f"{facts.path}:{use.line}",
                    f"the model of {owner!r} imports {target}: {what}",
                    expected="a model that only decides",
                    next=f"use it outside of the model, and pass {facts.module} the result",
                    contexts=(owner or "",),
                )  # fmt: skip
        for called, line in facts.impure:
            if called not in told and called.partition(".")[0] not in IMPURE_MODULES:
                told.add(called)
                name = called.removeprefix("builtins.")
                findings.report(
                    "pure.call", f"{facts.path}:{line}", f"the model of {owner!r} uses {name}: {IMPURE[called]}",
                    expected="a model that only decides",
                    next="let the caller of the model call it, and pass the result as a parameter",
                    contexts=(owner or "",),
                )  # fmt: skip
