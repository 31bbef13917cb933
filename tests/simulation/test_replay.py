"""A seed is the same run in every process, whatever order sets have there."""

from __future__ import annotations

import os
import subprocess
import sys

SHOW = """
from remit.testing.simulation.run import run_scene
from remit.testing.simulation.scene import Scene
print(*(run_scene(Scene(seed, apart=apart)).digest for seed in (9, 20) for apart in (False, True)))
"""


def test_processes_replay_a_seed_alike() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SHOW], stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONHASHSEED": order},
        )
        for order in "01"
    ]  # fmt: skip
    one, other = (process.communicate()[0] for process in processes)
    assert one == other != ""
