"""`python -m tests.soak`: long runs with sizes as options; `--ci` is the same in a few minutes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from remit.testing.simulation.__main__ import main as simulation

CI_SEEDS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the seeded simulation with pull and without; 1 when a seed fails, otherwise 0."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=2000, metavar="N", help="seeds for each of both (default 2000)")
    parser.add_argument("--seed", type=int, default=1000, metavar="S", help="the first seed (default 1000)")
    parser.add_argument("--ci", action="store_true", help=f"{CI_SEEDS} seeds for each of both")
    chosen = parser.parse_args(arguments)
    sizes = ["--seeds", str(CI_SEEDS if chosen.ci else chosen.seeds), "--seed", str(chosen.seed)]
    return max(simulation(sizes), simulation([*sizes, "--no-pull"]))


if __name__ == "__main__":
    sys.exit(main())
