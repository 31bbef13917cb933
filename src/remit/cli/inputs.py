"""What a command is given that may be a system or a code map, and the files that commands write."""

from __future__ import annotations

from pathlib import Path

from remit.boundaries import MAP_FILE, CodeMap, is_map, read_map
from remit.cli.options import is_topology
from remit.hosting.failures import Failure
from remit.hosting.finding import HERE, find_code_map, names_one


def code_map_of(named: str) -> CodeMap | None:
    """The code map that a word names: a TOML file that is no topology, or `.` in a folder whose `pyproject.toml` names
    no system and that has a map; or `module:attribute` of one in Python. None for a system and for a topology. Raises
    `ModelError` for a faulty map, and `Failure` for a module that cannot be imported."""
    if named == HERE and Path(MAP_FILE).is_file() and not names_one():
        return read_map(MAP_FILE)
    if is_topology(named):
        return read_map(named) if names_map(named) else None
    return find_code_map(named)


def names_map(file: str) -> bool:
    """Whether a TOML file is a map of a code base, and not a topology. Raises `Failure` if there is no such file."""
    if is_map(file):
        return True
    if not Path(file).exists():
        raise Failure(
            "cli.no-file", "there is no such file", where=file,
            expected=f"a topology file (system = ... and [services.NAME]), or a map of a code base ({MAP_FILE})",
            next="check the path: it is relative to the working directory. A system in Python is given as "
            "module:attribute",
        )  # fmt: skip
    return False


def written(path: Path, text: str, code: str, option: str) -> None:
    """Writes a text into a file. Raises `Failure` with the code if that is not possible."""
    try:
        path.write_text(text, encoding="utf-8", newline="\n")  # the same bytes on every machine
    except OSError as error:
        raise Failure(
            code, f"the file cannot be written: {error.strerror}", where=str(path),
            expected="a file in an existing folder that you may write to", next=f"choose another file: {option}",
        ) from None  # fmt: skip
