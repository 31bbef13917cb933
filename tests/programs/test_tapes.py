"""What a process notes in its file is what the oracle reads, also after it was killed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from remit.errors import CallError, HandlerFailed, Unavailable
from remit.messages import Refusal
from remit.testing.simulation.cluster import Choices, Weather
from remit.testing.simulation.programs import Tape
from remit.testing.simulation.programs.tape import Run
from tests.programs.life import LOOK_SECONDS, PEACE, RUNS, Job, Pad, WrittenTape
from tests.programs.reading import read


@dataclass
class Kept:
    id: str = "k"
    entries: list[str] = field(default_factory=list[str])


@dataclass
class Sent:
    path: str
    key: str = "k"


class No(Refusal):
    path: str


class Away:
    """A sender that answers one call, and refuses one."""

    async def send(self, command: Any, **_: Any) -> str:
        if command.path == "q/do-1":
            return "7000001"
        if command.path == "q/do-5":
            raise No(path="q/do-5/x-1")
        raise Unavailable("nobody there")


def tapes(folder: Path) -> tuple[WrittenTape, Tape]:
    """That of the third life, and that of the callers."""
    job = Job(str(folder), "s0", 0, 3, 1, "p")
    choices = Choices(0)
    return WrittenTape(job, Pad(job.tape)), Tape(choices, Weather(choices))


async def everything(tape: Tape) -> Run:
    """A run that does all that a handler may do."""
    sender: Any = Away()
    with tape.run("a.do", Sent("q")) as run:
        kept = run.seen(Kept(entries=["before"]))
        run.change(kept, "2")
        run.seen(Kept())  # has lost sight of its own
        run.found_nothing(Kept, "none")
        run.noted(Sent("q/do-3"))  # type: ignore[type-var]  # stands for a message
        await run.call(sender, Sent("q/do-1"), key="once")  # type: ignore[arg-type]  # as above
        with pytest.raises(CallError):
            await run.call(sender, Sent("q/do-4"), deadline=0.5)  # type: ignore[arg-type]  # as above
        await run.attempt(sender, Sent("q/do-5"))  # type: ignore[arg-type]  # as above
    return run


async def test_a_run_is_read_as_it_was_noted(tmp_path: Path) -> None:
    tape, outside = tapes(tmp_path)
    run = await everything(tape)
    (found,) = read(outside, tmp_path).tape.runs
    assert found.number == run.number == 3 * RUNS + 1
    for each in ("handler", "path", "key", "tries", "began", "ended", "looks", "changes", "said", "wrong", "lacking"):
        assert getattr(found, each) == getattr(run, each), each
    assert found.limit == run.limit + LOOK_SECONDS
    told = [[(call.type, call.path, call.key, call.outcome, call.said, call.ended, call.no) for call in each.calls]
            for each in (found, run)]  # fmt: skip
    assert told[0] == told[1]
    assert [call.outcome for call in found.calls] == ["reply", "nothing", "refused"]
    assert found.calls[2].no == "q/do-5/x-1"


async def test_a_run_that_a_kill_has_cut_off_has_no_end(tmp_path: Path) -> None:
    tape, outside = tapes(tmp_path)
    await everything(tape)
    file = tmp_path / "0003.tape"
    file.write_bytes(file.read_bytes()[:-1])  # all but the end of the last line
    (found,) = read(outside, tmp_path).tape.runs
    assert found.ended is None
    assert found.calls[-1].outcome == "refused"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (No(path="q"), Refusal),
        (Unavailable("away"), Unavailable),
        (ValueError("bug"), Exception),
        (HandlerFailed("there"), HandlerFailed),
    ],
)
async def test_an_error_is_read_as_one_of_its_kind(error: Exception, kind: type[Exception], tmp_path: Path) -> None:
    tape, outside = tapes(tmp_path)
    with pytest.raises(type(error)), tape.run("a.do", Sent("q")):
        raise error
    found = read(outside, tmp_path).tape.runs[0].error
    assert isinstance(found, kind)
    assert isinstance(found, Refusal) == isinstance(error, Refusal)
    assert not isinstance(error, Refusal) or type(found).__name__ == type(error).__name__


async def test_a_group_of_errors_is_read_with_those_in_it(tmp_path: Path) -> None:
    tape, outside = tapes(tmp_path)
    with pytest.raises(ExceptionGroup), tape.run("a.do", Sent("q")):
        raise ExceptionGroup("two", [No(path="q"), ValueError("bug")])
    found: Any = read(outside, tmp_path).tape.runs[0].error
    assert [isinstance(each, Refusal) for each in found.exceptions] == [True, False]


async def test_what_a_process_does_is_given_the_time_by_which_it_was_late(tmp_path: Path) -> None:
    tape, outside = tapes(tmp_path)
    call = outside.called(Sent("q"), outside.now() + 1.0, "once")
    run = await everything(tape)
    Pad(tmp_path / "0003.tape").write("late", 0.25)
    found = read(outside, tmp_path, late={0: 0.1, 4: 0.5})
    (whole,) = found.tape.runs
    assert found.late == {0: 0.1, 3: 0.25, 4: 0.5}
    assert found.tape.calls["q"][0].limit == call.limit + 0.1 + LOOK_SECONDS
    assert whole.limit == pytest.approx(run.began + (call.limit - call.began) + 0.25 + LOOK_SECONDS)
    assert whole.calls[1].limit == pytest.approx(run.calls[1].began + 0.5 + 0.25 + LOOK_SECONDS)


async def test_bugs_are_mended_once_there_is_peace(tmp_path: Path) -> None:
    tape, _ = tapes(tmp_path)
    assert not tape.fixed
    (tmp_path / PEACE).touch()
    assert tape.fixed
