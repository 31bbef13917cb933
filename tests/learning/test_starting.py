"""The platform is killed while it makes its stores: each of the four files may be missing, empty or half made."""

from pathlib import Path

import pytest

from learning import checker
from learning.driver import come_to_rest, play
from learning.process import Platform


@pytest.mark.parametrize("milliseconds", range(0, 20, 2))
def test_a_start_that_was_killed_leaves_nothing_in_the_way_of_the_next(tmp_path: Path, milliseconds: int) -> None:
    data = tmp_path / "data"
    platform = Platform(data)
    platform.die_starting(milliseconds / 1000, once=data.exists)
    try:
        platform.start()
        told = play(platform.url, students=1)
        come_to_rest(platform.url)
        assert platform.stop() == 0
    finally:
        platform.kill()
    assert checker.check(checker.read(data), told) == []
