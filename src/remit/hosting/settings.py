"""What `pyproject.toml` in the working directory says: `[tool.remit] system = "shop:platform"`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from remit.hosting.failures import Failure

__all__ = ["HERE", "system_here"]

HERE = "."
"""Stands for the system that is named here."""
FILE = "pyproject.toml"


class _Remit(msgspec.Struct):
    system: str = ""


class _Tool(msgspec.Struct):
    remit: _Remit = msgspec.field(default_factory=_Remit)


class _Settings(msgspec.Struct):
    tool: _Tool = msgspec.field(default_factory=_Tool)


def system_here() -> str:
    """The system that is named in the working directory. Raises `Failure` when none is."""
    path = Path.cwd() / FILE
    try:
        settings = msgspec.toml.decode(path.read_bytes(), type=_Settings)
    except FileNotFoundError:
        raise _unnamed(path, f"there is no {FILE} here") from None
    except (OSError, ValueError) as error:
        raise _unnamed(path, f"{FILE} cannot be read: {error}") from None
    if not settings.tool.remit.system:
        raise _unnamed(path, f"{FILE} has no [tool.remit] system")
    return settings.tool.remit.system


def _unnamed(path: Path, why: str) -> Failure:
    return Failure(
        "system.unnamed", f"no system was given, and {why}", where=str(path),
        expected="a system, given to the command or named in the file",
        next='give module:attribute, or write into the file: [tool.remit] system = "module:attribute"',
    )  # fmt: skip
