"""Starts the platform, plays a small cohort through its HTTP edge, shows what happened, says what to try next.

python -m learning.demo          ends with exit code 0
python -m learning.demo --keep   goes on serving until Ctrl-C
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learning import checker
from learning.driver import COURSES, Client, Directory, Told, play, students_of
from learning.process import Platform

STUDENTS = 12
SEED = 23
STATUSES = ("completed", "learning", "withdrawn")


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo", description="The learning platform, from start to certificates.")
    parser.add_argument("--keep", action="store_true", help="go on serving until Ctrl-C")
    keep: bool = parser.parse_args().keep
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that either way of ending it tidies up
    with tempfile.TemporaryDirectory(prefix="learning-") as folder:
        data = Path(folder) / "data"
        platform = Platform(data)
        holds = True
        try:
            platform.start()
            holds = show(platform, data)
            say_what_next(platform.url, data, keep=keep)
            if keep:
                signal.pause()
        except KeyboardInterrupt:
            print("ending")
        finally:
            code = platform.stop()
    return code if holds else 1


def show(platform: Platform, data: Path) -> bool:
    """Plays the cohort and prints what became of it. Whether everything is as it must be."""
    heading("One process, four contexts, one SQLite file each")
    print(f"remit run {platform.system}    is serving {platform.url}")
    heading(f"{STUDENTS} students enroll, learn, fail, try again, withdraw: all of it by HTTP")
    told = play(platform.url, students=STUDENTS, seed=SEED)
    client = Client(Directory([platform.url]))
    rows = [row for student in told for row in rows_of(student, client)]
    table(("student", "course", "outcome", "invoice", "certificate"), rows)
    heading(f"GET /courses/{COURSES[0]}/students: a row model, filtered, sorted, in pages")
    table(("student", "status", "average"), [row for status in STATUSES for row in standing(client, status)])
    client.close()
    heading("The four stores, counted from outside")
    stores = checker.read(data)
    table(("count", "what"), [(str(count), what) for what, count in checker.counts(stores).items()])
    findings = checker.check(stores, told)
    print("\n".join(findings) or "One invoice per enrollment, one certificate per completion, nothing pending.")
    heading("remit status")
    status = platform.remit("status", platform.system)
    print(status.stdout or status.stderr)
    return not findings


def rows_of(told: Told, client: Client) -> list[tuple[str, ...]]:
    """One row per enrollment: what the student was told, and what billing and certification answer."""

    def ask(what: str) -> Any:
        """A fresh answer knows everything that happened before it was asked for."""
        status, answer = client.call("GET", f"/students/{told.student}/{what}?fresh=true")
        if status != 200:
            raise RuntimeError(answer)
        return answer

    invoices = {line["enrollment"]: line for line in ask("invoices")}
    certificates = {certificate["course"]: certificate for certificate in ask("certificates")}
    rows: list[tuple[str, ...]] = []
    for line in ask("enrollments"):
        enrollment, course = line["enrollment"], line["course"]
        certificate = f"№ {certificates[course]['number']}" if course in certificates else ""
        rows.append((told.student, course, outcome(told, enrollment), amount(invoices.get(enrollment)), certificate))
    return rows


def standing(client: Client, status: str) -> list[tuple[str, ...]]:
    """One row per student of the first course who stands like this."""
    lines = students_of(client, COURSES[0], status)
    return [(line["student"], status, "" if line["average"] is None else str(line["average"])) for line in lines]


def outcome(told: Told, enrollment: str) -> str:
    if enrollment in told.refused:
        return told.refused[enrollment]
    if enrollment in told.withdrawn:
        return "withdrawn"
    return "completed" if enrollment in told.completed else "not passed"


def amount(invoice: Any) -> str:
    if invoice is None:
        return ""
    return f"{invoice['amount']['amount']} {invoice['amount']['currency']}{' refunded' if invoice['refunded'] else ''}"


def say_what_next(url: str, data: Path, *, keep: bool) -> None:
    heading("What to try next")
    if not keep:
        print("  scripts/demo --keep                      the same, and it goes on serving")
        print("  examples/learning/enrollment/handlers.py how an enrollment survives a crash")
        print("  examples/learning/system.py              the context map")
        print("  docs/tutorial.md                         how to write a system of your own")
        return
    print(f"""\
  {url}/docs    every route, to be tried in the browser

  curl -X POST {url}/students/ada/enrollments -H 'Content-Type: application/json' \\
       -H 'Idempotency-Key: 1' -d '{{"enrollment": "e-1", "course": "event-storming"}}'
  curl -X POST {url}/enrollments/e-1/modules/big-picture -H 'Content-Type: application/json' -d '{{"score": 90}}'
  curl -X POST {url}/enrollments/e-1/modules/design-level -H 'Content-Type: application/json' -d '{{"score": 80}}'
  curl '{url}/students/ada/certificates?fresh=true'
  curl {url}/students/ada/invoices
  curl '{url}/courses/event-storming/students?status=completed'
  curl -X DELETE {url}/enrollments/e-1

  PYTHONPATH=examples .venv/bin/remit status learning.system:platform --data {data}
  PYTHONPATH=examples .venv/bin/remit history learning.CourseRecord e-1 learning.system:platform --data {data}
  PYTHONPATH=examples .venv/bin/python -m learning.driver {url} --students 100 --seed 2
  PYTHONPATH=examples .venv/bin/python -m learning.checker {data}

Ctrl-C ends it.""")
    sys.stdout.flush()


def heading(text: str) -> None:
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        print(f"\n== {text}")
    else:
        Console().rule(f"[bold]{text}", align="left")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As columns of text; in colour and fitted to the window where `rich` is installed."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ModuleNotFoundError:
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for line in (columns, *rows):
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    else:
        drawn = Table(*columns, box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        for line in rows:
            drawn.add_row(*line)
        Console().print(drawn)


if __name__ == "__main__":
    sys.exit(main())
