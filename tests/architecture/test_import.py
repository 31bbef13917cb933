"""`import remit` is quick and loads no driver."""

import importlib.resources
import os
import subprocess
import sys

import pytest

MOST_MILLISECONDS = 150
DRIVERS = ["sqlite3", "asyncpg", "aiohttp", "nats", "uvicorn", "httptools", "cyclopts", "rich"]

MEASURE = """
import sys, time
started = time.process_time()
import remit
print((time.process_time() - started) * 1000)
print(*sorted(name for name in sys.modules if "." not in name))
"""


@pytest.fixture(scope="module")
def imports(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[float, set[str]]]:
    """Milliseconds of processor time and modules loaded, of several imports in fresh interpreters, all compiled."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def once() -> tuple[float, set[str]]:
        output = subprocess.run(
            [sys.executable, "-c", MEASURE], env=environment, capture_output=True, text=True, check=True
        ).stdout
        milliseconds, modules = output.splitlines()
        return float(milliseconds), set(modules.split())

    once()  # compiles
    return [once() for _ in range(9)]


def test_importing_takes_little_time(imports: list[tuple[float, set[str]]]) -> None:
    assert min(milliseconds for milliseconds, _ in imports) < MOST_MILLISECONDS  # what else runs here only adds


def test_importing_loads_no_driver(imports: list[tuple[float, set[str]]]) -> None:
    _, modules = imports[-1]
    assert modules & set(DRIVERS) == set()
    assert "msgspec" in modules, "the measurement saw the import"


def test_the_package_says_that_it_is_typed() -> None:
    assert importlib.resources.files("remit").joinpath("py.typed").is_file()
