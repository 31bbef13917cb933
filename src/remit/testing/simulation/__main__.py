"""`python -m remit.testing.simulation`: runs many seeds, or one run again."""

from __future__ import annotations

import argparse
import logging
import pkgutil
import sys
from collections import Counter
from collections.abc import Sequence
from time import perf_counter

from remit.testing.simulation.run import Report, run_scene
from remit.testing.simulation.scene import Scene
from remit.testing.simulation.shrinking import shrink
from remit.testing.simulation.workloads import Shop

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs seeds and reports failures. Returns 1 if a run failed, otherwise 0.

    Each failed run is printed with the command that repeats it; the first one also with the smallest failing run found.
    """
    chosen = _parser().parse_args(arguments)
    logging.getLogger("remit").addHandler(logging.NullHandler())
    begun = perf_counter()
    reports: list[Report] = []
    for seed in range(chosen.seed, chosen.seed + chosen.seeds):
        scene = Scene(
            seed, not chosen.no_pull, chosen.restore, chosen.apart, chosen.clients, chosen.orders, chosen.faults,
            chosen.workload, chosen.far, chosen.packed, chosen.edges,
        )  # fmt: skip
        reports.append(run_scene(scene))
        if reports[-1].verdicts:
            _print_failure(reports[-1])
    _print_sum(reports, perf_counter() - begun)
    failed = [report for report in reports if report.verdicts]
    if failed and not chosen.no_shrink:
        _print_smaller(failed[0])
    return int(bool(failed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m remit.testing.simulation", description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="how many (default 20)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first of them (default 0)")
    parser.add_argument("--apart", action="store_true", help="contexts in processes of their own, two of each")
    parser.add_argument("--far", action="store_true", help="each question to a store is a round trip")
    parser.add_argument("--packed", action="store_true", help="calls between processes are written as MessagePack")
    parser.add_argument("--edges", action="store_true", help="two processes more, which run no context and call all")
    mishap = parser.add_mutually_exclusive_group()
    mishap.add_argument("--no-pull", action="store_true", help="the broker alone brings messages between contexts")
    mishap.add_argument(
        "--restore", choices=["orders", "billing"], default="", help="once, put this context's store back to a backup"
    )
    parser.add_argument("--clients", type=int, metavar="N", help="at most so many")
    parser.add_argument("--orders", type=int, metavar="N", help="at most so many rounds of each client")
    parser.add_argument("--faults", type=_names, metavar="SITE:N,...", help="just these, as a smaller run names them")
    parser.add_argument(
        "--workload", type=pkgutil.resolve_name, default=Shop, metavar="MODULE:CLASS", help="in place of the shop"
    )
    parser.add_argument("--no-shrink", action="store_true", help="look for no smaller run when one fails")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _print_failure(report: Report) -> None:
    _say(f"seed {report.scene.seed}: {report.scene.command()}")
    for verdict in report.verdicts:
        _say(f"  {verdict.judge}: {verdict.what}")


def _print_smaller(report: Report) -> None:
    smaller = shrink(report)
    _say(
        f"seed {report.scene.seed} fails with {len(smaller.fired)} faults in place of {len(report.fired)}, "
        f"{smaller.orders} orders in place of {report.orders}, in {smaller.steps} steps:"
    )
    _print_failure(smaller)


def _print_sum(reports: Sequence[Report], seconds: float) -> None:
    failed = sum(1 for report in reports if report.verdicts)
    fired = sum((report.faults() for report in reports), Counter[str]())
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
