"""A clock that a test moves."""

from datetime import timedelta

import pytest

from remit.testing import KitError, MovableClock


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1e-9, "go back by 1e-09 s"),
        (-3600, "go back by 3600 s"),
        (1e-9, "move by 1e-09 s: it shows microseconds"),
        (1e12, "no time after the year 9999"),
        (float("inf"), "no time after the year 9999"),
        (float("nan"), "no time after the year 9999"),
    ],
)
def test_a_clock_refuses_to_go_back_and_where_it_cannot_go(seconds: float, said: str) -> None:
    clock = MovableClock()
    with pytest.raises(KitError, match=said):
        clock.move(seconds=seconds)
    assert clock.elapsed == 0
    clock.move(timedelta(hours=1), seconds=-3599)
    clock.move()
    assert clock.elapsed == 1
