"""The same sources as separate repositories: each team has its own, and sees of the others what they have released.

repositories/checkout       the context and its published language, and nothing of the others
released/                   the wheels of the published languages, and of the context map
environments/checkout       what is installed where checkout runs
"""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Iterator
from importlib.metadata import PathDistribution, version
from pathlib import Path
from venv import EnvBuilder
from zipfile import Path as InWheel
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from learning.process import Service
from tests.checkout.workspace import WEBSHOP, build, pip_install


class Landscape:
    """The repositories, and what they have released."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.released = folder / "released"

    def repository(self, name: str) -> Path:
        """The repository of a context, or of the context map."""
        place = self._folder / "repositories" / name
        if not place.exists():
            shutil.copytree(WEBSHOP / name, place, ignore=shutil.ignore_patterns("__pycache__"))
        return place

    def release_language(self, context: str) -> Path:
        """Releases the published language of a context, in the version that its repository says."""
        return build(self.repository(context) / "api", self.released)

    def release_map(self) -> Path:
        """Releases the context map."""
        return build(self.repository("webshop"), self.released)

    def build(self, context: str) -> Path:
        """Builds a context in its repository. It is released to nobody."""
        return build(self.repository(context), self.repository(context) / "dist")

    def environment(self, context: str, wheel: Path, *, by_pip: bool = False) -> Path:
        """Installs a context and the map, with what they need of what is released. Raises `LookupError` if something
        that they need is not there. The interpreter of the environment."""
        place = self._folder / "environments" / context
        EnvBuilder(symlinks=True).create(place)
        python = place / "bin" / "python"
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
        ours = sysconfig.get_path("purelib")
        (packages / "remit.pth").write_text(
            f"import site; site.addsitedir({ours!r})\n"
        )  # remit, what it needs, and pip
        if by_pip:
            pip_install(str(python), "--find-links", str(self.released), str(wheel), "webshop")
        else:
            for needed in {wheel, *self._needed(wheel), self._newest(Requirement("webshop"))}:
                with ZipFile(needed) as files:
                    files.extractall(packages)
        return python

    def _needed(self, wheel: Path) -> Iterator[Path]:
        """The released wheels that a wheel needs, and those that they need."""
        for each in requirements(wheel):
            if each.name.startswith("webshop"):
                yield (found := self._newest(each))
                yield from self._needed(found)
            elif version(each.name) not in each.specifier:
                raise LookupError(f"{wheel.name} needs {each}, and {version(each.name)} is installed")

    def _newest(self, wanted: Requirement) -> Path:
        """The newest wheel that was released and will do, as pip chooses it."""
        released = [(*parse_wheel_filename(each.name)[:2], each) for each in self.released.glob("*.whl")]
        fit = [(number, each) for name, number, each in released if name == wanted.name and number in wanted.specifier]
        if not fit:
            raise LookupError(f"{wanted} is not released")
        return max(fit)[1]


def requirements(wheel: Path) -> list[Requirement]:
    """What a wheel says that it needs."""
    with ZipFile(wheel) as files:
        (metadata,) = (each for each in InWheel(files).iterdir() if each.name.endswith(".dist-info"))
        return [Requirement(each) for each in PathDistribution(metadata).requires or []]


def service(file: Path, context: str, python: Path) -> Service:
    """A service of a topology file. Its process finds what is installed in the environment of the interpreter."""
    return Service(file, context, {"PYTHONPATH": ""}, code=file.parent, remit=(str(python), "-m", "remit"))
