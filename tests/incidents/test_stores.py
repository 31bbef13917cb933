"""A store that cannot be used, at start and later: its service says so, and goes on when it is back."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from learning.process import Supervised
from tests.incidents.services import Depot, depot, eventually

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others


@contextmanager
def taken_away(made: Depot, context: str) -> Generator[None]:
    """The files of a context's store are elsewhere for a while."""
    elsewhere = made.data.with_name("elsewhere")
    elsewhere.mkdir()
    files = list(made.data.glob(f"{context}.db*"))
    for file in files:
        file.rename(elsewhere / file.name)
    yield
    for file in files:
        (elsewhere / file.name).rename(file)


def test_a_store_that_is_gone_keeps_its_service_and_nobody_else(tmp_path: Path) -> None:
    with depot(tmp_path) as made:
        made.nats.start()
        made.services.start()
        made.send("one")
        eventually(lambda: made.delivered() == [3])
        with taken_away(made, "mail"):
            eventually(lambda: made.ask("mail", "/health/ready")[1]["unusable"] == ["mail"])
            assert made.ask("mail", "/health/ready")[0] == 503
            assert made.send("twoo") == 2
            status, said = made.hand_over()
            assert (status, said["code"]) == (500, "http.internal"), "as it would be in one process"
            assert "stalled store of mail" in made.services["mail"].log()
        eventually(lambda: made.ask("mail", "/health/ready")[0] == 200)
        eventually(lambda: made.delivered() == [3, 4])
        assert made.hand_over() == (201, 1)


def test_a_store_that_cannot_be_opened_ends_a_start(tmp_path: Path) -> None:
    with depot(tmp_path) as made:
        made.nats.start()
        made.data.write_text("a file where the folder should be")
        clear = r'(?s)exit code 2.*store\.unusable.*mail\.db.*"expected": .*"next": '
        with pytest.raises(RuntimeError, match=clear):
            made.services["mail"].start()
        together = Supervised(made.services.file, made.services.environment)
        together.code = Path(__file__).parent
        whoever = clear.replace("mail", "(mail|desk)")  # both of them end, and the first one ends the other
        with pytest.raises(RuntimeError, match=whoever):
            together.start()
        made.data.unlink()
        made.services.start()
        made.send("one")
        eventually(lambda: made.delivered() == [3])
