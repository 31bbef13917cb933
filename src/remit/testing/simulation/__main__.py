"""`python -m remit.testing.simulation`: many seeds, or one again."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from time import perf_counter

from remit.testing.simulation.world import Report, simulate

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs seeds and says what is wrong with them. 1 when something is, otherwise 0."""
    parser = argparse.ArgumentParser(prog="python -m remit.testing.simulation", description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="how many (default 20)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first of them (default 0)")
    parser.add_argument("--no-pull", action="store_true", help="the broker alone brings messages between contexts")
    chosen = parser.parse_args(arguments)
    logging.getLogger("remit").addHandler(logging.NullHandler())
    begun = perf_counter()
    reports: list[Report] = []
    for seed in range(chosen.seed, chosen.seed + chosen.seeds):
        reports.append(simulate(seed, pull=not chosen.no_pull))
        _print_failure(reports[-1])
    _print_sum(reports, perf_counter() - begun)
    return int(any(report.verdicts for report in reports))


def _print_failure(report: Report) -> None:
    if report.verdicts:
        option = "" if report.pull else " --no-pull"
        _say(f"seed {report.seed}: python -m remit.testing.simulation --seeds 1 --seed {report.seed}{option}")
        for verdict in report.verdicts:
            _say(f"  {verdict.judge}: {verdict.what}")


def _print_sum(reports: Sequence[Report], seconds: float) -> None:
    failed = sum(1 for report in reports if report.verdicts)
    fired = sum((Counter(report.fired) for report in reports), Counter[str]())
    _say(
        f"{len(reports)} seeds, {failed} failed; {sum(r.orders for r in reports)} orders, "
        f"{sum(r.crashes for r in reports)} crashes, {sum(r.steps for r in reports)} steps, "
        f"{sum(r.seconds for r in reports):.0f} s of virtual time in {seconds:.1f} s"
    )
    _say("faults: " + ", ".join(f"{site} {times}" for site, times in sorted(fired.items())))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
