"""`python -m benchmarks [AREA…]`: measure, print a table per area, optionally write the rows as JSON.

Exits with 0 when everything was measured, whether the targets are met or not; with 1 when a variant could not run.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import areas, machine, report, rounds
from benchmarks.rounds import Plan, Results


def main() -> int:
    chosen = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 150)
    facts = machine.describe(chosen.data)
    for name, fact in facts.items():
        console.print(f"{name}: {fact}", highlight=False, markup=False)
    written: list[dict[str, Any]] = []
    failed = False
    for name in chosen.areas or areas.AREA_NAMES:
        area, plan = areas.load(name), _plan(chosen)
        if not plan.runs(area):
            continue  # --only names nothing of this area
        results = _run(area, plan)
        found = report.rows(area, results)
        report.print_area(console, area, found)
        written += [row.as_json(area) | {"machine": facts} for row in found]
        failed |= bool(results.failures)
    if chosen.without_peers:
        console.print("\n--without-peers: no peer was measured, so no target against one can be met or missed.")
    if chosen.quick:
        console.print("\n--quick: everything ran; the numbers are far too short to mean anything.")
    if chosen.json:
        chosen.json.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure remit beside its peers and the limits.")
    parser.add_argument(
        "areas", nargs="*", metavar="AREA", help=f"any of: {', '.join(areas.AREA_NAMES)} (default: all)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each variant runs (default: 5)")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, metavar="N",
        help="begin no round of an area that would end later; the first round is always run (default: no limit)",
    )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true", help="one short round: shows that everything runs, measures nothing"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="where databases are made (default: the temporary folder)"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="only variants whose name contains a word"
    )
    parser.add_argument(
        "--rows", type=int, metavar="N", default=Plan.rows, help="what a log grows to (default: 1,000,000)"
    )
    parser.add_argument(
        "--without-peers", action="store_true", help="only ours and the limits: runs where no peer is installed"
    )
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.areas if name not in areas.AREA_NAMES]:
        parser.error(f"there is no area {unknown[0]!r}; choose from {', '.join(areas.AREA_NAMES)}")
    if chosen.data is not None and not chosen.data.is_dir():
        parser.error(f"--data {chosen.data}: no such folder")
    if chosen.json is not None and not chosen.json.absolute().parent.is_dir():
        parser.error(f"--json {chosen.json}: no such folder")  # now, not after ten minutes of measuring
    return chosen


def _plan(chosen: argparse.Namespace) -> Plan:
    return Plan(
        chosen.rounds or (1 if chosen.quick else 5),
        chosen.quick,
        chosen.data,
        tuple(chosen.only),
        not chosen.without_peers,
        chosen.rows,
        chosen.minutes,
    )


def _run(area: areas.Area, plan: Plan) -> Results:
    errors = Console(stderr=True)
    if not errors.is_terminal:
        return rounds.run_area(area, plan, _Lines())
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as shown:
        task = shown.add_task(area.name, total=1.0)
        return rounds.run_area(area, plan, lambda what, done: shown.update(task, description=what, completed=done))


class _Lines:
    """Progress where there is no terminal: a line for each run."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, what: str, done: float) -> None:
        if what != self._last:
            print(f"{done:4.0%} {what}", file=sys.stderr, flush=True)
            self._last = what


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
