"""Writes a program, loads it as a module, and runs it."""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from remit.testing.simulation.programs.grammar import Program
from remit.testing.simulation.programs.writing import written
from remit.testing.simulation.run import Report, run_scene
from remit.testing.simulation.scene import Scene

__all__ = ["Found", "load", "run_program", "scene_of"]

_NAME = "remit_generated_program"


@dataclass(frozen=True)
class Found:
    """A program, the scene in which it ran, and the result."""

    program: Program
    scene: Scene
    report: Report

    @property
    def judges(self) -> set[str]:
        """The judges that found something."""
        return {verdict.judge for verdict in self.report.verdicts}

    @property
    def text(self) -> str:
        """The program as code that runs this scene."""
        what = "\n".join(f"{verdict.judge}: {verdict.what}" for verdict in self.report.verdicts[:3])
        title = f"A generated program.\n\n{what}\n".replace("\\", "\\\\").replace('"""', "'''")
        return written(self.program, self.scene, title)


def scene_of(seed: int) -> Scene:
    """How the program of a seed runs: contexts together or apart, with processes that only call or without, logs
    trimmed or not, stores near or far, calls in JSON or MessagePack."""
    edges = seed % 16 in (3, 5)
    return Scene(
        seed, apart=seed % 2 == 1, pull=seed % 10 != 7, far=seed % 10 in (3, 6), packed=seed % 4 == 1, edges=edges
    )  # fmt: skip


def run_program(program: Program, scene: Scene) -> Found:
    """Runs a program in a scene."""
    return Found(program, scene, run_scene(load(written(program, scene)).SCENE))


def load(text: str, name: str = _NAME) -> Any:
    """Loads a text as a module of this name."""
    module = ModuleType(name)
    place = f"<{name}>"
    linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
    sys.modules[name] = module
    exec(compile(text, place, "exec", dont_inherit=True), vars(module))  # noqa: S102  # the text is generated
    return module
