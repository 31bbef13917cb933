"""`python -m tests.soak`: long runs with sizes as options; `--ci` runs all of them small."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Literal, cast

import msgspec

from remit.testing.simulation.__main__ import main as run_seeds
from tests.placements.databases import LAYOUTS, Databases, Layout
from tests.programs.places import KINDS, Kind
from tests.servers.postgres import given_or_started
from tests.simulation.planted_programs import OF_PROGRAMS
from tests.soak import screen
from tests.soak.ablations import CASES, take_away_each
from tests.soak.crash import Outcome, Sizes, crash
from tests.soak.placements import names_for, place_everywhere
from tests.soak.points import scenes_of, walk, walk_on_stores
from tests.soak.programs import GENERATOR_SEEDS, run_programs, seek_planted, smallest
from tests.soak.real import play_programs, real_seeds
from tests.soak.rebuild import SLOWER_READ, measure_rebuild
from tests.soak.services import crash_services
from tests.soak.size import measure, show_size
from tests.soak.values import go_through

STUDENTS = 50
"""At least; while anything is still to be killed, more follow."""
STUDENTS_PER_KILL = 12
"""So many come through between two kills, with something to spare."""
MANY = 50
"""Of so many kills at least half must fall between a commit and its consequence; others prove little."""
STARTING = 20
"""For each so many of them, one must fall before a start is over."""
MISHAPS = ("", "--no-pull", "--restore=orders", "--restore=billing", "--apart", "--far", "--apart --far")
"""How the seeds of the simulation are run."""
CI_KILLS, CI_SEEDS = 100, 60
CI_SERVICE_KILLS, CI_STUDENTS = 200, 100
CI_POSTGRES_STUDENTS, CI_POSTGRES_KILLS = 30, 60
CI_EVERY = 4
CI_PROGRAMS, CI_PLANTED, CI_PLANTED_EVERY = 250, 100, 5
"""Generated programs; and of the planted bugs one of so many, in so many programs at most."""
CI_REAL = 10
"""Generated programs as real processes, of each kind."""
LOG = Path(tempfile.gettempdir()) / "remit-programs.log"
SERVICES = Path(__file__).parents[1] / "placements" / "crash.toml"
"""Whose services are killed there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one long test, or all of them in small sizes. 1 when something does not hold, otherwise 0."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.ci:
        return _all_small()
    if not chosen.test:
        parser.print_help()
        return 2
    return _LONG[chosen.test](chosen)


def _all_small() -> int:
    return max(
        _crash(Sizes(STUDENTS, CI_KILLS, seed=7), as_json=False),
        _crash(_of_services(CI_SERVICE_KILLS, seed=7), as_json=False),
        _crash(_of_services(CI_POSTGRES_KILLS, seed=8, store="postgres-roles"), as_json=False),
        _placements(CI_STUDENTS, seed=7, as_json=False),
        _placements(CI_POSTGRES_STUDENTS, seed=8, as_json=False, store="postgres-roles"),
        _simulation(CI_SEEDS, seed=1000),
        _points(seed=0, every=CI_EVERY, as_json=False),
        _programs(CI_PROGRAMS, seed=1000, log=LOG),
        _planted(CI_PLANTED, [1], every=CI_PLANTED_EVERY),
        *(_real(kind, real_seeds(CI_REAL, seed=1000), LOG) for kind in KINDS),
    )


def _chosen_crash(chosen: argparse.Namespace) -> int:
    topology = str(chosen.topology or (SERVICES if chosen.store != "sqlite" else ""))
    return _crash(Sizes(chosen.students, chosen.kills, chosen.seed, chosen.store, topology), as_json=chosen.json)


def _chosen_programs(chosen: argparse.Namespace) -> int:
    if chosen.real:
        seeds = real_seeds(chosen.count, chosen.seed) if chosen.only is None else [chosen.only] * chosen.count
        return _real(chosen.real, seeds, chosen.log)
    if chosen.planted:
        return _planted(min(chosen.count, 500), [chosen.seed] if chosen.seed else GENERATOR_SEEDS)
    return _programs(chosen.count, chosen.seed, chosen.log)


_LONG: dict[str, Callable[[argparse.Namespace], int]] = {
    "crash": _chosen_crash,
    "placements": lambda it: _placements(it.students, it.seed, as_json=it.json, store=it.store),
    "ablations": lambda it: _ablations(it.students or it.kills * STUDENTS_PER_KILL, it.kills, it.seed, as_json=it.json),
    "rebuild": lambda it: _rebuild(it.events, it.documents, it.kills, it.store),
    "size": lambda it: _size(it.rows, it.others or it.rows // 10, it.windows, as_json=it.json),
    "programs": _chosen_programs,
    "simulation": lambda it: _simulation(it.seeds, it.seed),
    "values": lambda it: go_through(it.examples, it.seed),
    "points": lambda it: _points(it.seed, it.every, as_json=it.json),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Long tests, with sizes as options. Ends with exit code 1 when something does not hold.",
        epilog="scripts/soak TEST --help shows the options of a test.",
    )
    parser.add_argument(
        "--ci",
        action="store_true",
        help="all but ablations, size and values, in small sizes",
    )
    tests = parser.add_subparsers(dest="test", metavar="TEST")
    crashing = tests.add_parser(
        "crash",
        help="the learning platform, killed again and again while a cohort plays",
        description="Plays a cohort of students on the learning platform, a real process, which is killed (SIGKILL) at "
        "random moments, also while it starts. Then the stores are counted from outside: one invoice per enrollment, "
        "one certificate per completion, order per student, nothing pending, nothing lost, nothing twice.",
    )
    crashing.add_argument(
        "--students", type=_positive, default=STUDENTS, metavar="N",
        help=f"at least; more follow until the last kill; default: {STUDENTS}",
    )  # fmt: skip
    crashing.add_argument("--kills", type=_positive, default=500, metavar="K", help="default: 500")
    crashing.add_argument("--seed", type=int, default=1, metavar="S", help="of wishes and moments; default: 1")
    crashing.add_argument(
        "--store", choices=("sqlite", *LAYOUTS), default="sqlite", help="where the stores are; default: sqlite"
    )
    crashing.add_argument(
        "--topology",
        type=_file,
        metavar="FILE",
        help="kill the services of this topology, and its NATS server; "
        "default with a PostgreSQL: a service for each context, one of them twice",
    )
    crashing.add_argument("--json", action="store_true", help="print the outcome as JSON instead of a table")
    placing = tests.add_parser(
        "placements",
        help="the same cohort on every topology of the learning platform",
        description="Plays the same cohort on every file in examples/learning/topologies, as real processes with a "
        "real NATS server. All queries of all students must get the same answers everywhere; the stores are counted "
        "from outside.",
    )
    placing.add_argument("--students", type=_positive, default=500, metavar="N", help="on each; default: 500")
    placing.add_argument("--seed", type=int, default=1, metavar="S", help="of their wishes; default: 1")
    placing.add_argument(
        "--store", choices=("sqlite", *LAYOUTS), default="sqlite", help="where the stores are; default: sqlite"
    )
    placing.add_argument("--json", action="store_true", help="print the outcome as JSON instead of a table")
    ablating = tests.add_parser(
        "ablations",
        help="each guarding layer taken away in turn: something must be found",
        description="Disturbs services of the learning platform and kills them while a cohort plays: with every layer "
        "that guards the promises, and with one of them taken away. Nothing may be found in the stores with it, and "
        "without it what it guards against must be found.",
    )
    ablating.add_argument("--students", type=_positive, metavar="N", help=f"default: {STUDENTS_PER_KILL} for each kill")
    ablating.add_argument("--kills", type=_positive, default=10, metavar="K", help="in each run; default: 10")
    ablating.add_argument("--seed", type=int, default=1, metavar="S", help="of wishes and moments; default: 1")
    ablating.add_argument("--json", action="store_true", help="print the outcome as JSON instead of a table")
    sizing = tests.add_parser(
        "size",
        help="a PostgreSQL that years have filled, and its housekeeping",
        description="Fills a PostgreSQL server of its own, and commits for 3 s in an empty store, for 3 s in the full "
        "one, and for 3 s beside housekeeping, again and again; then a subscription follows without parked keys and "
        "with so many. No statement of housekeeping may take more than 50 ms, nobody may wait for it, and neither it "
        "nor any number of rows may cost more than a tenth of the throughput.",
    )
    sizing.add_argument("--rows", type=_positive, default=10_000_000, metavar="N", help="default: 10 million")
    sizing.add_argument(
        "--others", type=_positive, metavar="N", help="outcomes, states, parked keys, letters; default: a tenth"
    )
    sizing.add_argument("--windows", type=_positive, default=20, metavar="N", help="pairs of 3 s; default: 20")
    sizing.add_argument("--json", action="store_true", help="print the outcome as JSON instead of a table")
    rebuilding = tests.add_parser(
        "rebuild",
        help="a read model of many events, rebuilt under live load",
        description="Rebuilds a read model beside calls that write and read it, and kills the rebuild on the way. No "
        "read may fail or be empty, and the result must equal an independent fold, after going back too.",
    )
    rebuilding.add_argument("--events", type=_positive, default=1_000_000, metavar="N", help="default: 1 million")
    rebuilding.add_argument("--documents", type=_positive, default=10_000, metavar="N", help="default: 10000")
    rebuilding.add_argument("--kills", type=_positive, default=5, metavar="K", help="default: 5")
    rebuilding.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite", help="default: sqlite")
    programs = tests.add_parser(
        "programs",
        help="generated programs in the simulation",
        description="Makes small systems from a seed, runs each once in the simulation with every kind of mishap, and "
        "judges what is left. The first that fails is printed as the smallest program that was found to fail so. With "
        "--planted, bugs are planted in turn, and some program must fail for each. With --real they run as processes "
        "that are killed, on real stores; such a run does not repeat exactly.",
    )
    programs.add_argument("--count", type=_positive, default=2000, metavar="N", help="programs; default: 2000")
    programs.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of the generator; default: 0, and five of them for --planted"
    )
    programs.add_argument("--planted", action="store_true", help="look for planted bugs, in 500 programs at most")
    programs.add_argument(
        "--real", choices=KINDS,
        help="as real processes, killed at random, on SQLite files, on PostgreSQL, or on SQLite files over NATS",
    )  # fmt: skip
    programs.add_argument("--only", type=int, metavar="P", help="with --real: the program of this seed, --count times")
    programs.add_argument(
        "--log", type=Path, default=LOG, metavar="FILE",
        help="gets a line for each batch of programs",
    )  # fmt: skip
    simulation = tests.add_parser(
        "simulation",
        help="the seeded simulation, with every kind of mishap",
        description="Runs the simulation on virtual time: crashing nodes, unknown outcomes, and a network that loses, "
        "doubles, reorders and delays; each seed with the repairing pull and without, with stores that are put back, "
        "and with contexts in processes of their own.",
    )
    simulation.add_argument("--seeds", type=_positive, default=2000, metavar="N", help="of each kind; default: 2000")
    simulation.add_argument("--seed", type=int, default=1000, metavar="S", help="the first one; default: 1000")
    points = tests.add_parser(
        "points",
        help="a crash, an end and a cancellation at every point where a task waits",
        description="Runs one simulated tour of a system for each point at which a task waits in the code of remit, "
        "the first and the last time that one comes there: the process crashes at that point, it ends in good order, "
        "or the caller or the time limit of a handler cancels the task. Then the same on SQLite and PostgreSQL, in "
        "processes that are killed.",
    )
    points.add_argument("--seed", type=int, default=0, metavar="S", help="of the tour; default: 0")
    points.add_argument("--every", type=_positive, default=1, metavar="N", help="one of so many points; default: 1")
    points.add_argument("--json", action="store_true", help="print the outcome as JSON instead of lines")
    values = tests.add_parser(
        "values",
        help="values of every type, at every place, in every store and over every channel",
        description="Draws values of every type that a message may carry, and others, and sends them through every "
        "codec, store and channel: what is accepted must come out as it was, all else must change nothing.",
    )
    values.add_argument(
        "--examples", type=_positive, default=20, metavar="N", help="times more than in scripts/test; default: 20"
    )
    values.add_argument("--seed", type=int, default=1, metavar="S", help="of what is drawn; default: 1")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text} is no file")
    return Path(text).resolve()


def _crash(sizes: Sizes, *, as_json: bool) -> int:
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        with (
            nullcontext("") if sizes.store == "sqlite" else given_or_started() as server,
            screen.progress(students=sizes.students, kills=sizes.kills) as watch,
        ):
            databases = Databases(server, cast("Layout", sizes.store)) if server else None

            def progress(outcome: Outcome) -> None:
                watch(students=outcome.students, kills=outcome.kills)

            outcome = (
                crash_services(sizes, folder, progress, databases)
                if sizes.topology
                else crash(sizes, folder / "data", progress)
            )
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        os._exit(130)  # not sys.exit, which waits for students who wait for a platform that is gone
    if outcome.kills >= MANY and outcome.between * 2 < outcome.kills:
        outcome.findings.append(f"only {outcome.between} of {outcome.kills} kills left something without consequence")
    if not sizes.topology and outcome.kills >= MANY and outcome.starting * STARTING < outcome.kills:
        outcome.findings.append(f"only {outcome.starting} starts were killed beside {outcome.kills} kills")
    if as_json:
        print(json.dumps({"sizes": asdict(sizes), **asdict(outcome)}, indent=2))
    else:
        screen.show(sizes, outcome)
    if outcome.findings:
        print(f"the stores stay in {folder / 'data'}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


def _of_services(kills: int, seed: int, store: str = "sqlite") -> Sizes:
    return Sizes(STUDENTS, kills, seed, store, topology=str(SERVICES))


def _placements(students: int, seed: int, *, as_json: bool, store: str = "sqlite") -> int:
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        with (
            nullcontext("") if store == "sqlite" else given_or_started() as server,
            screen.progress(topologies=(count := len(names_for(store))), students=count * students) as watch,
        ):

            def progress(done: int, count: int) -> None:
                watch(topologies=done, students=count)

            played = list(place_everywhere(students, seed, folder, progress, server, cast("Layout", store)))
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        os._exit(130)  # not sys.exit, which waits for students who wait for services that are gone
    if as_json:
        outcome = {"students": students, "seed": seed, "store": store, "topologies": [asdict(each) for each in played]}
        print(json.dumps(outcome, indent=2))
    else:
        screen.show_placements(played, seed, store)
    if any(each.findings for each in played):
        print(f"what they left behind stays in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


def _ablations(students: int, kills: int, seed: int, *, as_json: bool) -> int:
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        with screen.progress(layers=len(CASES)) as watch:
            ablated = list(take_away_each(students, kills, seed, folder, lambda done: watch(layers=done)))
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        os._exit(130)  # not sys.exit, which waits for students who wait for services that are gone
    if as_json:
        outcome = {"students": students, "kills": kills, "seed": seed, "layers": [asdict(each) for each in ablated]}
        print(json.dumps(outcome, indent=2))
    else:
        screen.show_ablations(ablated, seed)
    if any(each.findings for each in ablated):
        print(f"the stores stay in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


def _size(rows: int, others: int, windows: int, *, as_json: bool) -> int:
    with screen.progress(windows=windows) as watch:
        size = measure(rows, others, windows, lambda done: watch(windows=done))
    if as_json:
        losses = {"loss": size.loss, "by_size": size.loss_by_size, "by_parked_keys": size.loss_by_parked_keys}
        print(json.dumps({**asdict(size), **losses, "findings": size.findings}, indent=2))
    else:
        show_size(size)
    return 1 if size.findings else 0


def _rebuild(events: int, documents: int, kills: int, store: Literal["sqlite", "postgres"]) -> int:
    measured = measure_rebuild(events, documents, kills, store)
    print(msgspec.json.format(msgspec.json.encode(measured)).decode())
    is_slow = measured.slowest_during > measured.slowest_before + SLOWER_READ
    return 1 if measured.lost_reads or is_slow or not measured.is_equal else 0


def _programs(count: int, seed: int, log: Path) -> int:
    with screen.progress(programs=count) as watch:
        batches = list(run_programs(count, seed, log, lambda done: watch(programs=done)))
    failed = sorted(number for batch in batches for number in batch.failed)
    if failed:
        print(smallest(failed[0]))
    screen.show_programs(batches, seed)
    return 1 if failed else 0


def _real(kind: Kind, seeds: Sequence[int], log: Path) -> int:
    with screen.progress(programs=len(seeds)) as watch:
        played, seconds = play_programs(kind, seeds, log, lambda done: watch(programs=done))
    failed = [each for each in played if each.verdicts]
    if failed:
        print(failed[0].told())
    screen.show_real(kind, played, seconds)
    return 1 if failed else 0


def _planted(limit: int, seeds: Sequence[int], every: int = 1) -> int:
    names = [each.name for each in OF_PROGRAMS if min(each.seen) < limit][::every]
    with screen.progress(bugs=len(names) * len(seeds)) as watch:
        sought = list(seek_planted(limit, seeds, names, lambda done: watch(bugs=done)))
    screen.show_planted(names, sought, limit)
    return 0 if all(each.programs for each in sought) else 1


def _simulation(seeds: int, seed: int) -> int:
    sizes = ["--seeds", str(seeds), "--seed", str(seed)]
    return max(run_seeds([*sizes, *mishap.split()]) for mishap in MISHAPS)


def _points(seed: int, every: int, *, as_json: bool) -> int:
    scenes = scenes_of(seed, every)
    with screen.progress(points=len(scenes)) as watch:
        walked = walk(scenes, lambda done: watch(points=done))
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, given_or_started() as server:
        walk_on_stores(walked, Path(folder), server, every)
    if as_json:
        print(json.dumps({"seed": seed, **asdict(walked)}, indent=2))
    else:
        for finding in walked.findings:
            print(finding)
        print(f"{walked.simulated} simulated runs, {walked.on_sqlite} on SQLite, {walked.on_postgresql} on PostgreSQL")
        print(f"something at one point in each; {len(walked.findings)} findings")
    return 1 if walked.findings else 0


if __name__ == "__main__":
    sys.exit(main())
