"""What `remit status` and its page say of states is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from remit.cli.status import status
from remit.runtime.following.states import STATES, WELL

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_page_has_a_row_for_each_state_from_the_best_to_the_worst() -> None:
    table = PAGE.read_text().split("| state | means |\n|---|---|\n")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| ([a-z-]+) \|", table, re.MULTILINE)) == STATES


def test_the_help_names_each_state_in_this_order_and_says_how_many_are_unwell() -> None:
    told = status.__doc__ or ""
    listed = re.sub(r"\([^)]*\)", "", told.partition("States:")[2].partition(".")[0])
    assert tuple(listed.replace(",", "").split()) == STATES
    assert "any of the last ten" in " ".join(told.split())
    assert STATES[-10:] == tuple(state for state in STATES if state not in WELL)
