"""The platform is killed while it makes its stores: each of the four files may be missing, empty or half made."""

import signal
import subprocess
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


def test_a_platform_is_known_that_was_beginning_when_ctrl_c_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would go on, and nobody would end it."""
    begun: list[subprocess.Popen[bytes]] = []

    def sleep() -> subprocess.Popen[bytes]:
        begun.append(subprocess.Popen(["sleep", "60"]))
        signal.raise_signal(signal.SIGINT)
        return begun[0]

    platform = Platform(tmp_path)
    monkeypatch.setattr(platform, "_launch", sleep)
    with pytest.raises(KeyboardInterrupt):
        platform.launch()
    platform.kill()
    assert begun[0].wait(5) == -signal.SIGKILL
