"""`scripts/conformance FOLDER`: runs the data sets of others, and prints a table.

Ends with 0 if every case passed, 1 if a case failed, 2 if the folder or a data set is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conformance import boundaries, cml
from tests.conformance.results import Result, table

SETS: dict[str, Callable[[Path], Iterator[Result]]] = {boundaries.SET: boundaries.results, cml.SET: cml.results}
"""The sets that are run, by the name of their folder."""


def main(arguments: list[str]) -> int:
    """Runs every set in the folder that is named."""
    if len(arguments) != 1:
        print("usage: scripts/conformance FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    missing = [str(folder / name) for name in SETS if not (folder / name).is_dir()]
    if missing:
        print(f"there is no folder {', '.join(missing)}", file=sys.stderr)
        return 2
    results = [result for name, run in SETS.items() for result in run(folder / name)]
    print("\n".join(table(results)))
    return 1 if any(result.reason for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
