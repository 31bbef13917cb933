"""The command line. Its own needs are the `cli` extra: this module loads without it, and says how to get it."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """The command `remit`. Ends the process: 0 done, 1 unwell, 2 cannot be done as asked, 3 refused by the domain."""
    missing = [name for name in ("cyclopts", "rich") if find_spec(name) is None]
    if missing:
        print(
            f"cli.extra-missing  remit\n  the command line needs {' and '.join(missing)}, not installed here\n"
            "  Expected: remit with its cli extra\n  Next: pip install 'remit[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    from remit.cli.program import execute

    sys.exit(execute(sys.argv[1:]))
