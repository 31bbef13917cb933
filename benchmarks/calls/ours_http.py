"""remit: a query to a service that `remit run` runs, over HTTP, with every caller believed or with proofs by keys."""

import json
import subprocess
import sys

from benchmarks import sampling
from benchmarks.calls import processes
from benchmarks.calls.ours_nats import call
from benchmarks.sampling import Sample, Work

TOPOLOGY = """
system = "benchmarks.calls.shop:shop"
[stores]
default = "sqlite:{{context}}.db"
[channels]
calls = {{ url = "http" {outside} }}
[services.sales]
runs = ["sales"]
calls = "127.0.0.1:{port}"
{inside}
"""


def _remit(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "remit.cli", *arguments], capture_output=True, text=True, check=True
    ).stdout


def _pair() -> tuple[str, str]:
    made = json.loads(_remit("key", "sales", "--json"))
    return f'key = "{made["private"]}"', f'public = "{made["public"]}"'


def _run(work: Work, in_flight: int, *, keyed: bool) -> Sample:
    topology = work.folder / "shop.toml"
    outside, inside = (_pair(), _pair()) if keyed else ((), ())
    topology.write_text(TOPOLOGY.format(
        port=processes.free_port(), outside="".join(f", {each}" for each in outside), inside="\n".join(inside)
    ))  # fmt: skip
    if keyed:
        (work.folder / "shop.grants.json").write_text(_remit("plan", str(topology), "--grants"))
    with processes.running("-m", "remit.cli", "run", str(topology), "sales"):
        return sampling.run_async(call(work, topology, in_flight))


def one(work: Work) -> Sample:
    return _run(work, 1, keyed=False)


def many(work: Work) -> Sample:
    return _run(work, 32, keyed=False)


def one_proved(work: Work) -> Sample:
    return _run(work, 1, keyed=True)


def many_proved(work: Work) -> Sample:
    return _run(work, 32, keyed=True)
