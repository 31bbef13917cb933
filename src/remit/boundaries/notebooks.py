"""The code of a notebook: its code cells one after the other, each line at the line of the file that holds it."""

from __future__ import annotations

import json
import re

import msgspec

_MAGIC = re.compile(r"^(\s*)[%!?].*$|^(\s*)(.*=\s*)[%!].*$")


class _Cell(msgspec.Struct):
    cell_type: str
    source: str | list[str] = ""


class _Notebook(msgspec.Struct):
    cells: list[_Cell]


def code_of(text: bytes) -> bytes:
    """The code of a notebook as a module, with as many lines as the file. Raises `ValueError` for what is none."""
    document = msgspec.json.decode(text, type=_Notebook)
    written = text.decode("utf-8-sig").split("\n")
    lines: list[str] = []
    for cell in document.cells:
        code = "".join(cell.source) if isinstance(cell.source, list) else cell.source
        if cell.cell_type == "code" and not code.lstrip().startswith("%%"):
            _append(code.split("\n"), written, lines)
    return "\n".join(lines).encode()


def _append(code: list[str], written: list[str], lines: list[str]) -> None:
    """Appends the lines of a cell. Each stands at its line in the file, if it can be found there."""
    quoted = json.dumps(code[0], ensure_ascii=False)[:-1]
    at = next((number for number in range(len(lines), len(written)) if quoted in written[number]), len(lines))
    lines += [""] * (at - len(lines))
    lines += [_MAGIC.sub(r"\1\2pass", line) for line in code]
