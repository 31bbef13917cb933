"""What a person sees of a long test with a cohort: how far it is, and how it ended."""

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.programs.play import Played as PlayedProgram
from tests.soak.ablations import Ablated
from tests.soak.crash import Outcome, Sizes
from tests.soak.placements import Played
from tests.soak.programs import Batch, Sought

__all__ = [
    "Watch",
    "progress",
    "show",
    "show_ablations",
    "show_placements",
    "show_planted",
    "show_programs",
    "show_real",
]


class Watch(Protocol):
    """Is told how far each of the bars is."""

    def __call__(self, **completed: int) -> None: ...


@contextmanager
def progress(**totals: int) -> Generator[Watch]:
    """Bars on standard error, gone at the end; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {name: bars.add_task(name, total=total) for name, total in totals.items()}

        def watch(**completed: int) -> None:
            for name, count in completed.items():
                bars.update(tasks[name], completed=count)

        yield watch


def show(sizes: Sizes, outcome: Outcome) -> None:
    """A table of what happened, and what does not hold."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    rows = {
        "students came through": outcome.students,
        f"of {sizes.kills} kills of {'services' if sizes.topology else 'the running platform'}": outcome.kills,
        "of them between a commit and its consequence": outcome.between,
        "more kills while it was starting": outcome.starting,
        "requests repeated for want of an answer": outcome.retries,
        **outcome.counts,
        "findings": len(outcome.findings),
    }
    if sizes.topology:
        del rows["more kills while it was starting"]
        rows |= {"times the broker lost everything": outcome.wipes, "services paused and resumed": outcome.zombies}
    for what, count in rows.items():
        table.add_row(str(count), what)
    console = Console(highlight=False)
    console.print(table)
    where = Path(sizes.topology).name or sizes.store
    _say(console, outcome.findings, f"after {outcome.seconds:.0f} s with seed {sizes.seed} on {where}")


def show_placements(played: Iterable[Played], seed: int, store: str) -> None:
    """A table of topologies, and what does not hold."""
    table = Table(box=None, pad_edge=False)
    table.add_column("TOPOLOGY", no_wrap=True)
    for title in ("PROCESSES", "STUDENTS", "ANSWERS", "REPEATED", "SECONDS", "FINDINGS"):
        table.add_column(title, justify="right")
    findings: list[str] = []
    for each in played:
        findings += [f"{each.topology}: {finding}" for finding in each.findings]
        table.add_row(
            each.topology, str(each.processes), str(each.students), str(each.answers), str(each.retries),
            f"{each.seconds:.1f}", str(len(each.findings)),
        )  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    _say(console, findings, f"{'with' if findings else 'the same answers everywhere to'} seed {seed} on {store}")


def show_ablations(ablated: Iterable[Ablated], seed: int) -> None:
    """A table of layers, what is found with each and without, and what does not hold."""
    table = Table(box=None, pad_edge=False)
    table.add_column("LAYER", no_wrap=True)
    for title in ("DISTURBED", "KILLS", "FOUND", "WITHOUT", "SECONDS"):
        table.add_column(title, justify="right")
    findings: list[str] = []
    for each in ablated:
        findings += [f"{each.layer}: {finding}" for finding in each.findings]
        table.add_row(
            each.layer, str(sum(each.whole.disturbances.values())), str(each.whole.kills),
            str(len(each.whole.findings)), str(each.found), f"{each.whole.seconds + each.missing.seconds:.1f}",
        )  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    _say(console, findings, f"with every layer, and something is found without each, with seed {seed}")


def _counts(rows: Mapping[str, int]) -> Table:
    """How often each of these was."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    for what, count in rows.items():
        table.add_row(str(count), what)
    return table


def show_programs(batches: Iterable[Batch], seed: int) -> None:
    """A table of what programs went through, and which of them fail."""
    batches = list(batches)
    faults = sum((batch.faults for batch in batches), Counter[str]())
    rows = {
        "programs": sum(batch.programs for batch in batches),
        "seconds of processor time": round(sum(batch.seconds for batch in batches)),
        "steps": sum(batch.steps for batch in batches),
        "crashes": sum(batch.crashes for batch in batches),
        "answers that somebody relies on": sum(batch.answers for batch in batches),
        **{f"times: {site}": times for site, times in sorted(faults.items())},
    }
    console = Console(highlight=False)
    console.print(_counts(rows))
    findings = [f"program {number}: {what}" for batch in batches for number, what in batch.failed.items()]
    _say(console, findings, f"with generator seed {seed}")


def show_real(kind: str, played: Sequence[PlayedProgram], seconds: float) -> None:
    """A table of what programs went through as real processes, and which of them fail."""
    rows = {
        "programs": len(played),
        "seconds of processor time": round(seconds),
        "kills": sum(each.kills for each in played),
        "of them from inside": sum(each.own for each in played),
        "pauses": sum(each.pauses for each in played),
        "failures of servers": sum(each.failures for each in played),
        "switches to rebuilt read models": sum(each.switches for each in played),
        "runs of handlers": sum(each.runs for each in played),
        "of them cut off": sum(each.cut for each in played),
        "answers that somebody relies on": sum(each.answers for each in played),
    }
    console = Console(highlight=False)
    console.print(_counts(rows))
    findings = [f"program {each.seed}: {one.judge}: {one.what}" for each in played for one in each.verdicts]
    _say(console, findings, f"with real processes on {kind}")


def show_planted(names: Iterable[str], sought: Iterable[Sought], limit: int) -> None:
    """A table of planted bugs, and how many programs it took to find each."""
    sought = sorted(sought, key=lambda each: each.seed)
    table = Table(box=None, pad_edge=False)
    table.add_column("BUG")
    for seed in dict.fromkeys(each.seed for each in sought):
        table.add_column(f"SEED {seed}", justify="right")
    for name in names:
        table.add_row(name, *(str(each.programs or "-") for each in sought if each.name == name))
    console = Console(highlight=False)
    console.print(table)
    missed = [f"{each.name}: {limit} programs of seed {each.seed} find nothing" for each in sought if not each.programs]
    _say(console, missed, f"for at most {limit} programs")


def _say(console: Console, findings: Iterable[str], how: str) -> None:
    findings = list(findings)
    for finding in findings:
        console.print(f"WRONG: {finding}", style="bold red", markup=False, soft_wrap=True)
    console.print(f"{'something does not hold' if findings else 'everything holds'}, {how}")
