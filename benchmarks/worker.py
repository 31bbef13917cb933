"""Run one variant once, in a process of its own: `python -m benchmarks.worker RUN FOLDER [--quick] [--rows N]`.

Writes a line of JSON for progress and one for the sample; everything else that the work prints goes to standard error.
"""

import argparse
import importlib
from dataclasses import asdict
from pathlib import Path

from benchmarks import sampling
from benchmarks.sampling import Sample, Work


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("run", help="module:function")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int, default=Work.rows)
    chosen = parser.parse_args()
    sampling.parent.take_stdout()
    module, function = chosen.run.split(":")
    sample: Sample = getattr(importlib.import_module(module), function)(Work(chosen.folder, chosen.quick, chosen.rows))
    sampling.parent.tell({"sample": asdict(sample)})


if __name__ == "__main__":
    main()
