"""The rooms keep their order, and the contracts that say so in pyproject.toml notice each kind of break."""

import os
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
SEEN_ROW = re.compile(r"^\| `(\w+)` \| (`\w+`(?:, `\w+`)*) \|$", re.MULTILINE)

# The smallest package in which the contracts hold.
STUB = {
    "errors.py": "",
    "messages/__init__.py": "import remit.errors\n",
    "log/__init__.py": "import remit.messages\n",
    "domain/__init__.py": "import remit.messages\n",
    "stores/__init__.py": "",
    "stores/port.py": "import remit.log\n",
    "stores/technology.py": "",
    "stores/memory/__init__.py": "import remit.stores.technology\n",
    "stores/memory/store.py": "import remit.stores.port\n",
    "stores/sqlite/__init__.py": "import remit.stores.technology\n",
    "stores/sqlite/store.py": "import sqlite3\nimport remit.stores.port\n",
    "stores/postgres/__init__.py": "import remit.stores.technology\n",
    "stores/postgres/store.py": "import asyncpg\nimport remit.stores.port\n",
    "transports/__init__.py": "",
    "transports/port.py": "",
    "transports/calls.py": "import asyncio\n",
    "transports/events.py": "",
    "transports/http/__init__.py": "",
    "transports/http/calls.py": "import aiohttp\nimport remit.transports.calls\n",
    "transports/nats/__init__.py": "",
    "transports/nats/connection.py": "import nats.errors\n",
    "values/__init__.py": "import remit.messages\n",
    "contexts/__init__.py": "import remit.domain\n",
    "checks/__init__.py": "import remit.contexts\n",
    "runtime/__init__.py": "import asyncio\nimport remit.contexts\nimport remit.stores.port\n",
    "runtime/work/__init__.py": "",
    "runtime/calling/__init__.py": "import remit.runtime.work\n",
    "runtime/following/__init__.py": "import remit.runtime.work\n",
    "hosting/__init__.py": "import remit.runtime\nimport remit.topology\n",
    "hosting/technologies.py": "import remit.topology.stores\n",
    "hosting/databases.py": "import remit.stores.postgres.store\n",
    "topology/__init__.py": "",
    "topology/stores.py": "import remit.stores.sqlite\n",
    "topology/file.py": "import remit.errors\nimport remit.topology.stores\n",
    "topology/placement.py": "import remit.topology.file\n",
    "topology/shapes.py": "import remit.contexts\n",
    "topology/flows.py": "import remit.topology.placement\n",
    "topology/moves.py": "import remit.topology.flows\n",
    "testing/__init__.py": "import remit.hosting.technologies\n",
    "cli/__init__.py": "import remit.hosting.technologies\n",
    "cli/run.py": "import cyclopts\n",
}

BREAKS = {
    "a lower room sees a higher one": ("messages/__init__.py", "import remit.contexts\n"),
    "rooms on one line see each other": ("domain/__init__.py", "import remit.stores.port\n"),
    "an import inside a function": ("contexts/__init__.py", "def later():\n    import remit.runtime\n"),
    "the log knows who keeps it": ("log/__init__.py", "import remit.stores.port\n"),
    "a way round through the package": ("messages/__init__.py", "from remit import cli\n"),
    "a module that is no room": ("leftovers.py", ""),
    "a pure room reads the clock": ("domain/__init__.py", "import time\n"),
    "a rule that reads what runs": ("checks/__init__.py", "import remit.runtime\n"),
    "a pure room reads files": ("messages/__init__.py", "from pathlib import Path\n"),
    "an adapter named where stores are opened": (
        "hosting/technologies.py",
        "def open_store():\n    import remit.stores.sqlite.store\n",
    ),
    "a technology that knows another one": ("stores/sqlite/store.py", "import remit.stores.memory\n"),
    "a description that loads a driver": (
        "stores/sqlite/__init__.py",
        "def open_store():\n    import remit.stores.sqlite.store\n",
    ),
    "a driver named elsewhere": ("runtime/__init__.py", "import remit.stores.sqlite.store\n"),
    "a channel's driver named elsewhere": (
        "runtime/__init__.py",
        "import remit.transports.nats.connection\n",
    ),
    "a client library named outside its driver": (
        "hosting/technologies.py",
        "def connect():\n    import nats.aio.client\n",
    ),
    "a plan that needs what it plans for": ("topology/flows.py", "import remit.stores.port\n"),
    "an extra named outside the command line": ("hosting/technologies.py", "def serve():\n    import uvicorn\n"),
    "the unit of work knows who has it run": ("runtime/work/__init__.py", "import remit.runtime.calling\n"),
    "calls know who follows": ("runtime/calling/__init__.py", "import remit.runtime.following\n"),
    "a module of the runtime without a place": ("runtime/leftovers.py", ""),
    "a cycle inside a room": ("stores/port.py", "import remit.stores.memory.store\n"),
}


def judge(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Hold the package found below `source` against the contracts."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    command += ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "--no-logo"]
    environment = os.environ | {"PYTHONPATH": str(source)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def write_stub(folder: Path, extra: tuple[str, str] | None = None) -> None:
    files = dict(STUB) | {"__init__.py": ""}
    if extra is not None:
        path, code = extra
        files[path] = files.get(path, "") + code
    for path, code in files.items():
        target = folder / "remit" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(code)


def test_the_source_keeps_the_order(tmp_path: Path) -> None:
    verdict = judge(ROOT / "src", tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def test_who_sees_whom_is_written_down() -> None:
    """A new edge between rooms is a decision: whoever needs one adds it to the table in docs/architecture.md."""
    page = (ROOT / "docs/architecture.md").read_text()
    written = {room: set(re.findall(r"\w+", seen)) for room, seen in SEEN_ROW.findall(page)}
    seen = rooms_seen()
    rows = [f"| `{room}` | {', '.join(f'`{each}`' for each in sorted(seen[room]))} |" for room in sorted(seen)]
    assert written == seen, "the source says:\n" + "\n".join(rows)


def rooms_seen() -> dict[str, set[str]]:
    """The rooms that each room imports from. `testing` and the package itself, which may see all, are left out."""
    graph = grimp.build_graph("remit", cache_dir=None)
    seen: dict[str, set[str]] = {}
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            one, other = room_of(importer), room_of(imported)
            if one not in ("", "testing", other):
                seen.setdefault(one, set()).add(other)
    return seen


def room_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def test_the_stub_keeps_the_order(tmp_path: Path) -> None:
    write_stub(tmp_path)
    verdict = judge(tmp_path, tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_noticed(tmp_path: Path, name: str) -> None:
    write_stub(tmp_path, BREAKS[name])
    verdict = judge(tmp_path, tmp_path)
    assert verdict.returncode == 1, verdict.stdout + verdict.stderr
    assert "BROKEN" in verdict.stdout or "Missing layer" in verdict.stdout or "exhaustive" in verdict.stdout
