"""A platform that is in use while something happens to it, and is counted from outside afterwards."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from learning import checker
from learning.driver import Directory, Told, come_to_rest, play
from learning.process import Services

__all__ = ["busy"]

STUDENTS = 6
"""They come together, and when all are through, the next ones come."""
PATIENCE_SECONDS = 45.0


@contextmanager
def busy(services: Services) -> Generator[list[Told]]:
    """Students come and go for as long as the block lasts; the list grows by what they were told.

    At the end everything comes to rest, all services end in peace, and there is nothing to find.
    """
    directory, told, through = Directory(services.urls), list[Told](), Event()

    def play_on() -> None:
        while not through.is_set():
            seed = len(told) + 1
            told.extend(play(directory, students=STUDENTS, seed=seed, patience=PATIENCE_SECONDS))

    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(play_on)
        try:
            yield told
        finally:
            through.set()
        playing.result()
    come_to_rest(directory)
    assert set(services.stop().values()) == {0}
    assert checker.check(checker.read(services.data), told) == []
