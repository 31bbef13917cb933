"""Generated programs: small systems from a seed, run in the simulation and judged by an oracle."""

from remit.testing.simulation.programs.generating import generate
from remit.testing.simulation.programs.grammar import Posted, Program, Rebuilding, Rollout, Source
from remit.testing.simulation.programs.people import Ask, Question, workload
from remit.testing.simulation.programs.relating import related
from remit.testing.simulation.programs.running import Found, load, run_program, scene_of
from remit.testing.simulation.programs.shrinking import shrink_program
from remit.testing.simulation.programs.tape import Tape
from remit.testing.simulation.programs.writing import written

__all__ = [
    "Ask",
    "Found",
    "Posted",
    "Program",
    "Question",
    "Rebuilding",
    "Rollout",
    "Source",
    "Tape",
    "generate",
    "load",
    "related",
    "run_program",
    "scene_of",
    "shrink_program",
    "workload",
    "written",
]
