"""The servers of the HTTP variants, each started as its documentation says, with one worker, on uvloop."""

from benchmarks.calls.http_client import measure
from benchmarks.calls.processes import free_port
from benchmarks.sampling import Sample, Work


def remit(work: Work) -> Sample:
    port = free_port()
    return measure(
        work, port, "-m", "remit.cli", "run", "benchmarks.calls.edge:shop", "--store", "memory:", "--port", str(port)
    )


def fastapi(work: Work) -> Sample:
    """With what uvicorn does unasked: a line in the log for each request."""
    port = free_port()
    return measure(work, port, "-m", "uvicorn", "benchmarks.calls.fastapi_app:app", "--port", str(port))


def fastapi_quiet(work: Work) -> Sample:
    port = free_port()
    return measure(
        work, port, "-m", "uvicorn", "benchmarks.calls.fastapi_app:app", "--port", str(port), "--no-access-log",
        "--log-level", "critical",
    )  # fmt: skip


def granian(work: Work) -> Sample:
    port = free_port()
    return measure(
        work, port, "-m", "granian", "benchmarks.calls.bare:app", "--interface", "asginl", "--port", str(port),
        "--no-ws", "--loop", "uvloop", "--log-level", "critical",
    )  # fmt: skip


def uvicorn(work: Work) -> Sample:
    port = free_port()
    return measure(
        work, port, "-m", "uvicorn", "benchmarks.calls.bare:app", "--port", str(port), "--no-access-log",
        "--lifespan", "off", "--log-level", "critical",
    )  # fmt: skip
