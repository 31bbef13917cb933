"""The command line. It needs the extra `cli`; this module loads without it and tells how to install it."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """The command `remit`. Ends the process: 0 done, 1 something is stuck, 2 cannot be done as asked, 3 refused."""
    missing = [name for name in ("cyclopts", "rich") if find_spec(name) is None]
    if missing:
        print(
            f"cli.extra-missing  remit\n  the command line needs {' and '.join(missing)}, which is not installed here\n"
            "  Expected: remit with its cli extra\n  Next: pip install 'remit[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    try:
        from remit.cli.program import execute
    except KeyboardInterrupt:  # Ctrl-C while this is imported; `execute` handles it from then on
        sys.exit(130)
    sys.exit(execute(sys.argv[1:]))
