"""The rows of the table of spellings in docs/boundaries.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "boundaries.md"
ROW = re.compile(
    r"^\| (?P<spelling>[^|]+) \| (?P<code>`[^|]+`) \| (?:line (?P<line>\d+)|cannot be seen statically) \|$"
)
SPAN = re.compile(r"`([^`]+)`")


class Row(NamedTuple):
    spelling: str
    text: str
    line: int | None


def rows() -> list[Row]:
    section = PAGE.read_text().split("## Spellings of a dependency")[1].split("\n## ")[0]
    found = [ROW.match(line) for line in section.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert all(found), "a row of the table has another form"
    return [
        Row(row["spelling"], "\n".join(SPAN.findall(row["code"])) + "\n", int(row["line"]) if row["line"] else None)
        for row in found
        if row is not None
    ]
