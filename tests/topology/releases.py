"""The platform's code as services get it: of contexts that run elsewhere only the published languages."""

from __future__ import annotations

import shutil
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
CONTEXTS = ("enrollment", "billing", "learning", "certification")


def release(folder: Path, *hosted: str) -> Path:
    """The platform's code as a service gets it that hosts these contexts: of the others only the `api` modules."""
    package = folder / "learning"
    package.mkdir()
    for shared in ("__init__.py", "ids.py", "system.py"):
        shutil.copy(EXAMPLES / "learning" / shared, package)
    for context in CONTEXTS:
        if context in hosted:
            shutil.copytree(EXAMPLES / "learning" / context, package / context)
        else:
            (package / context).mkdir()
            for shared in ("__init__.py", "api.py"):
                shutil.copy(EXAMPLES / "learning" / context / shared, package / context)
    return folder


def release_of_edges(folder: Path) -> Path:
    """The platform's code as a service gets it that runs edges alone: beside them only the `api` modules."""
    release(folder)
    for context in CONTEXTS:
        shutil.copy(EXAMPLES / "learning" / context / "edge.py", folder / "learning" / context)
    return folder
