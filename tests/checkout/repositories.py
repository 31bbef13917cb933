"""The same sources as separate repositories: each team has its own, and sees of the others what they have released.

repositories/checkout       the context and its published language, and nothing of the others
released/                   the wheels of the published languages, and of the context map
environments/checkout       what is installed where checkout runs
"""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from venv import EnvBuilder

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

    def environment(self, context: str, wheel: Path) -> Path:
        """Installs a context, with what it needs of what is released. The interpreter of the environment."""
        place = self._folder / "environments" / context
        EnvBuilder(symlinks=True).create(place)
        python = place / "bin" / "python"
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
        ours = sysconfig.get_path("purelib")
        (packages / "remit.pth").write_text(
            f"import site; site.addsitedir({ours!r})\n"
        )  # remit, what it needs, and pip
        pip_install(str(python), "--find-links", str(self.released), str(wheel), "webshop")
        return python


def service(file: Path, context: str, python: Path) -> Service:
    """A service of a topology file. Its process finds what is installed in the environment of the interpreter."""
    return Service(file, context, {"PYTHONPATH": ""}, code=file.parent, remit=(str(python), "-m", "remit"))
