"""Makes a large code base and measures `remit check` on it, beside grimp and import-linter on the same files.

    python -m benchmarks.boundaries                      # 1,000 contexts, 10,000 messages
    python -m benchmarks.boundaries --contexts 100       # another size
    python -m benchmarks.boundaries --folder /tmp/code   # keeps it there

Prints one table: files, seconds, the largest memory of one process, and the ratio to grimp's reading in the same run.
Each measurement is a process of its own. import-linter runs with one contract, of independence between seven contexts.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import NamedTuple

USUAL = 20
"""The contexts of a usual project. It has as many files as `remit` has."""
MESSAGES = 10

API = '''
class {name}{number}(Message):
    """A message of context {context}."""

    order: str
    customer: str
    amount: int
    currency: str
'''
HANDLER = '''
def handle_{number}(message: {name}{number}, connection, orders: "list[Order]") -> Order | None:
    """Handles one message."""
    row = connection.execute("SELECT number, total FROM c{context}_orders WHERE number = ?", [message.order]).fetchone()
    if row is None:
        return None
    order = Order(number=row[0], total=row[1] + message.amount, customer=message.customer)
    orders.append(order)
    connection.execute("UPDATE c{context}_orders SET total = ? WHERE number = ?", [order.total, order.number])
    return order
'''
MODEL = '''
"""The model of context {context}."""
from dataclasses import dataclass


@dataclass
class Order:
    number: str
    total: int
    customer: str

    def add(self, amount: int) -> None:
        if amount < 0:
            raise ValueError(f"{{amount}} is negative")
        self.total += amount
'''


class Row(NamedTuple):
    what: str
    files: int
    seconds: float
    megabytes: float
    said: str


CONTEXT = """
[contexts.c{0}]
packages = ["large.c{0}"]
tables = ["c{0}_orders"]
owner = "team-{1}"
"""
RELATION = """
[[relations]]
kind = "customer-supplier"
supplier = "c{}"
customer = "c{}"
"""
CONTRACT = """
[tool.importlinter]
root_package = "large"

[[tool.importlinter.contracts]]
name = "apart"
type = "independence"
modules = [{}]
"""


def make(folder: Path, contexts: int) -> None:
    """Writes a code base of so many contexts, and its map. Context 0 breaks one rule."""
    tables = ['[map]\nname = "large"\npackages = ["large"]\n']
    write(folder / "large/__init__.py", "")
    write(folder / "large/message.py", "class Message: ...\n")
    for number in range(contexts):
        for name, text in files_of(number):
            write(folder / "large" / f"c{number}" / name, text)
        tables += [CONTEXT.format(number, number % 50), *(RELATION.format(each, number) for each in suppliers(number))]
    write(folder / "large/c0/wrong.py", "import large.c1.model\n")
    write(folder / "remit-map.toml", "".join(tables))
    write(folder / "pyproject.toml", CONTRACT.format(", ".join(f'"large.c{each}"' for each in range(7))))


def suppliers(number: int) -> list[int]:
    return [each for each in (number - 1, number - 7) if each >= 0]


def files_of(number: int) -> Iterator[tuple[str, str]]:
    lines = "".join(
        f"from large.c{each}.api import M{each}x{message} as Of{each}x{message}\n"
        for each in suppliers(number)
        for message in (0, 1)
    )
    messages = [{"name": f"M{number}x", "number": each, "context": number} for each in range(MESSAGES)]
    yield "__init__.py", ""
    yield "api.py", "from large.message import Message\n" + "".join(API.format(**each) for each in messages)
    yield "model.py", dedent(MODEL).lstrip().format(context=number)
    for part in range(5):
        own = messages[part::5]
        names = ", ".join(f"M{number}x{each['number']}" for each in own)
        head = f"from large.c{number}.api import {names}\nfrom large.c{number}.model import Order\n{lines}"
        yield f"handlers{part}.py", head + "".join(HANDLER.format(**each) for each in own)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


CHECK = """
from remit.boundaries import check_code, read_map
found = check_code(read_map("remit-map.toml"))
print(f"{len(found)} errors, {len(found.notes)} notes: {found[0].code}")
"""
COMMAND = """
import sys; sys.argv = ["remit", "check"]
from remit.cli import main
try:
    main()
except SystemExit as end:
    print(f"exit code {end.code}")
"""
GRIMP = """
import sys; sys.path.insert(0, "")
import grimp
graph = grimp.build_graph("large", cache_dir=None)
print(f"{len(graph.modules)} modules, {graph.count_imports()} imports")
"""
LINTER = """
import sys; sys.path.insert(0, "")
from importlinter.cli import lint_imports
print(f"exit code {lint_imports(no_cache=True, is_debug_mode=False)}")
"""
MEASURED = {
    "remit check, as a library": CHECK,
    "remit check, as a command": COMMAND,
    "grimp": GRIMP,
    "import-linter": LINTER,
}


REPORT = """
import resource
of = [resource.getrusage(each).ru_maxrss for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(max(of))
"""


def measure(what: str, code: str, folder: Path, files: int) -> Row:
    """Runs a program in a process of its own."""
    program = f"{code}\n{REPORT}"
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    *said, memory = done.stdout.strip().splitlines() or [done.stderr[-300:], "0"]
    return Row(what, files, seconds, int(memory) / 1024, said[-1] if said else done.stderr[-300:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexts", type=int, default=1000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    print(f"{'':28}{'contexts':>9}{'files':>8}{'seconds':>9}{'MB':>7}{'to grimp':>10}  says")
    for contexts in (USUAL, given.contexts):
        with TemporaryDirectory() as temporary:
            folder = (given.folder or Path(temporary)) / str(contexts)
            make(folder, contexts)
            files = len(list(folder.rglob("*.py")))
            rows = [measure(what, code, folder, files) for what, code in MEASURED.items()]
            base = next(row.seconds for row in rows if row.what == "grimp")
            for row in rows:
                print(
                    f"{row.what:28}{contexts:9}{files:8}{row.seconds:9.2f}{row.megabytes:7.0f}"
                    f"{row.seconds / base:10.2f}  {row.said}"
                )


if __name__ == "__main__":
    main()
