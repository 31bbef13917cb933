"""What is printed and written: one row per measurement, and why each number is what it is."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.areas import Area, AtMost, Measurement, Times
from benchmarks.rounds import Results

_COLUMNS = {"p50_us": "p50 µs", "p99_us": "p99 µs", "cpu_us_per_op": "CPU µs/op", "peak_mib": "peak MiB"}


@dataclass(frozen=True)
class Row:
    """One measurement with its answers. A ratio is how many times as good ours is.

    `met` is None when a target could not be looked at, and none that could be was missed.
    """

    measurement: Measurement
    results: Results

    @property
    def ours(self) -> float | None:
        return self.results.median(self.measurement.ours)

    def ratio(self, other: str) -> float | None:
        """Median of the round-by-round ratios."""
        pairs = self.results.pairs(self.measurement.ours, other)
        return statistics.median(self.measurement.times_better(*pair) for pair in pairs) if pairs else None

    def met_target(self, target: Times | AtMost) -> bool | None:
        if isinstance(target, AtMost):
            return None if self.ours is None else self.ours <= target.most
        ratio = self.ratio(target.against)
        return None if ratio is None else ratio >= target.least

    @property
    def met(self) -> bool | None:
        answers = [self.met_target(target) for target in self.measurement.targets]
        if False in answers:
            return False
        return None if None in answers else True

    def as_json(self, area: Area) -> dict[str, Any]:
        measured, results = self.measurement, self.results
        return {
            "name": measured.name,
            "area": area.name,
            "unit": measured.unit,
            "ours": self.ours,
            "peers": {name: results.median(name) for name in measured.peers},
            "limit": {name: results.median(name) for name in measured.limits},
            "ratio": {name: self.ratio(name) for name in measured.others},
            "target": {_subject(target): _wanted(target, measured.unit) for target in measured.targets},
            "met": self.met,
            "met_each": {_subject(target): self.met_target(target) for target in measured.targets},
            "less_is_better": measured.less_is_better,
            "samples": {name: results.values(name) for name in measured.variants},
            "details": {name: dict(_details(results, name)) for name in measured.variants},
            "failures": {name: results.failures[name] for name in measured.variants if name in results.failures},
            "versions": machine.versions(
                package for name in measured.variants for package in area.by_name[name].packages
            ),
        }


def rows(area: Area, results: Results) -> list[Row]:
    return [Row(measurement, results) for measurement in area.measurements]


def print_area(console: Console, area: Area, found: list[Row]) -> None:
    """The table of an area, the details of every variant, what failed, and the notes."""
    console.print()
    console.print(_comparison(area, found))
    results = found[0].results
    console.print(_variants(area, found))
    for name, reason in results.failures.items():
        console.print(f"[red]not measured:[/] {name}: {reason}", highlight=False)
    packages = machine.versions(package for variant in area.variants for package in variant.packages)
    console.print("Versions: " + ", ".join(f"{name} {version}" for name, version in packages.items()), highlight=False)
    for note in area.notes:
        console.print(f"• {note}", highlight=False, markup=False)


def _comparison(area: Area, found: list[Row]) -> Table:
    table = Table(title=area.title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("measurement", "ours"):
        table.add_column(heading)
    for heading in ("peer", "limit"):
        table.add_column(heading, overflow="fold")
    for heading in ("ratio", "target", "met"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found:
        for line in _lines(row):
            table.add_row(*line)
        table.add_section()
    return table


def _lines(row: Row) -> Iterator[tuple[str, ...]]:
    measured = row.measurement
    head = (f"[bold]{measured.name}[/]", _value(row.ours, measured.unit))
    for target in measured.targets:
        if isinstance(target, AtMost):
            yield (*head, "", "", "", _wanted(target, measured.unit), _verdict(row.met_target(target)))
            head = ("", "")
    targets = {target.against: target for target in measured.targets if isinstance(target, Times)}
    for name in measured.others:
        ratio, wanted = row.ratio(name), targets.get(name)
        shown = f"{name}: {_value(row.results.median(name), measured.unit)}"
        yield (
            *head,
            *((shown, "") if name in measured.peers else ("", shown)),
            "–" if ratio is None else f"{_number(ratio)}×",
            "" if wanted is None else _wanted(wanted, measured.unit),
            "" if wanted is None else _verdict(row.met_target(wanted)),
        )
        head = ("", "")


def _variants(area: Area, found: list[Row]) -> Table:
    table = Table(
        title=f"Each variant: median (lowest–highest) of its rounds, {_rounds(found)} at most",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    units = {name: row.measurement.unit for row in found for name in row.measurement.variants}
    results = found[0].results
    columns = [key for key in _COLUMNS if any(results.detail(name, key) is not None for name in units)]
    for heading in ("variant", "result", "spread", *(_COLUMNS[key] for key in columns), "also"):
        table.add_column(heading, justify="left" if heading in ("variant", "also") else "right")
    for name, unit in units.items():
        values = results.values(name)
        if values:
            spread = f"{_number(min(values))}–{_number(max(values))}"
            shown = [_value(results.detail(name, key)) for key in columns]
            table.add_row(name, _value(results.median(name), unit), spread, *shown, _also(results, name))
    return table


def _rounds(found: list[Row]) -> int:
    return max((len(values) for values in found[0].results.samples.values()), default=0)


def _also(results: Results, variant: str) -> str:
    """What only this variant has to tell."""
    return ", ".join(f"{key} {_number(value)}" for key, value in _details(results, variant) if key not in _COLUMNS)


def _details(results: Results, variant: str) -> Iterator[tuple[str, float]]:
    for key in dict.fromkeys(key for sample in results.samples[variant].values() for key in sample.details):
        if (value := results.detail(variant, key)) is not None:
            yield key, value


def _subject(target: Times | AtMost) -> str:
    return "ours" if isinstance(target, AtMost) else target.against


def _wanted(target: Times | AtMost, unit: str) -> str:
    if isinstance(target, AtMost):
        return f"≤ {_number(target.most)} {unit.split('/')[0]}"
    return f"≥ {target.least:g}×"


def _verdict(met: bool | None) -> str:
    return {True: "[green]yes[/]", False: "[red]no[/]", None: "–"}[met]


def _value(value: float | None, unit: str = "") -> str:
    return "–" if value is None else f"{_number(value)} {unit}".rstrip()


def _number(value: float) -> str:
    """Three significant digits, thousands separated: more would pretend to know more."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
