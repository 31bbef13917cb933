"""`import remit` is quick, and loads neither a driver nor what runs a system."""

import importlib.resources
import os
import resource
import subprocess
import sys

import pytest

MOST_STARTS = 10.0
"""How many starts of an interpreter that imports nothing it may take, where about 7 are normal, and 4 are those of
`msgspec` and the standard library: under 150 ms, unless one start takes more than 15 ms."""
ROUNDS = 9
DRIVERS = ["sqlite3", "asyncpg", "aiohttp", "nats", "uvicorn", "httptools", "cyclopts", "rich"]
RUNNING = ["asyncio", "threading", "logging", "socket"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where everything imported is compiled."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    run("import remit", environment)
    return environment


def run(program: str, environment: dict[str, str]) -> tuple[float, str]:
    """Milliseconds of processor time of a fresh interpreter, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000, output.stdout


def test_importing_takes_little_time(environment: dict[str, str]) -> None:
    # The least of several: what else runs on this machine only adds to the time of a process.
    bare, whole = (min(run(program, environment)[0] for _ in range(ROUNDS)) for program in ("pass", "import remit"))
    starts = whole / bare
    assert starts < MOST_STARTS, f"{starts:.1f} starts of an interpreter"


def test_importing_loads_nothing_that_only_runs(environment: dict[str, str]) -> None:
    _, output = run("import sys, remit; print(*sys.modules)", environment)
    modules = set(output.split())
    assert (
        modules
        & {
            *DRIVERS,
            *RUNNING,
            "remit.runtime",
            "remit.stores",
            "remit.transports",
            "remit.checks",
            "remit.values",
            "pathlib",
        }
        == set()
    )
    assert {"msgspec", "remit.contexts"} <= modules, "the measurement saw the import"


def test_a_topology_is_planned_without_what_runs_it(environment: dict[str, str]) -> None:
    """Not even what is in the standard library; and no other distribution is asked what it brings."""
    _, output = run("import sys, remit.topology.moves, remit.topology.users; print(*sys.modules)", environment)
    modules = set(output.split())
    assert modules & {*DRIVERS, *RUNNING, "remit.runtime", "remit.hosting.assembly", "importlib.metadata"} == set()
    assert {"remit.topology.placement", "remit.transports.nats", "remit.stores.postgres"} <= modules


def test_the_package_says_that_it_is_typed() -> None:
    assert importlib.resources.files("remit").joinpath("py.typed").is_file()
