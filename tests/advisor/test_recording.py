"""Calls that a running system has made are known by measurement."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from learning.enrollment.api import Enroll
from learning.enrollment.handlers import Request
from learning.ids import CourseId, EnrollmentId, StudentId
from learning.system import platform
from remit.advisor import CallRecorder
from remit.advisor.measured import Pair, with_recordings
from remit.advisor.points import Interactions
from remit.advisor.reading import interactions_of
from remit.advisor.recording import RecordedCalls, Recording
from remit.testing import running

STORMING = CourseId("event-storming")
CONFIRM = "billing.ConfirmInvoice"


@pytest.fixture(scope="module")
def interactions() -> Interactions:
    return interactions_of(platform.hosting().model())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """What a platform has recorded that was asked for three places, and that has left one half done."""
    path = tmp_path_factory.mktemp("recorded") / "calls.json"
    recorder = CallRecorder(path, platform.names)
    with running(platform, listeners=[recorder.hear]) as app:
        for name in ("ada", "bob", "cleo-nocard"):
            app.attempt(Enroll(enrollment=EnrollmentId(f"of-{name}"), student=StudentId(name), course=STORMING))
        app.send(Request(enrollment=EnrollmentId("of-dan"), student=StudentId("dan"), course=STORMING))
        app.settled()
    return msgspec.json.decode(path.read_bytes(), type=Recording)


def test_each_call_counts_for_the_handler_that_has_made_it(recorded: Recording, interactions: Interactions) -> None:
    found = {(each.caller, each.point, each.message): each for each in recorded.calls}
    enroll = found["enrollment", "enrollment.Enroll", CONFIRM]
    assert (enroll.count, enroll.failed) == (3, 0), "a refusal is no failure"
    assert found["enrollment", "", CONFIRM].count == 1, "a subscription"
    measured = with_recordings(interactions, [recorded, recorded])
    assert measured.measures[Pair("enrollment.Enroll", CONFIRM)].count == 6
    assert measured.measures[Pair("enrollment.settle_what_is_pending", CONFIRM)].count == 2
    assert measured.interactions.handlers["enrollment.Enroll"].calls[CONFIRM] == "measured"
    assert interactions.handlers["enrollment.Enroll"].calls[CONFIRM] == "estimate", "what was read is unchanged"
    assert measured.unknown == ()


def test_a_call_that_no_code_reveals_is_added(interactions: Interactions) -> None:
    unseen = RecordedCalls("enrollment", "learning.Progress", "enrollment.Enroll", count=1)
    measured = with_recordings(interactions, [Recording([unseen])])
    callers = {
        point.name: point.calls["learning.Progress"] for point in measured.interactions.callers["learning.Progress"]
    }
    assert callers == {"GET /enrollments/{enrollment}/progress": "declared", "enrollment.Enroll": "measured"}


def test_what_the_system_does_not_have_is_named(interactions: Interactions) -> None:
    calls = [RecordedCalls("shop", CONFIRM, count=1), RecordedCalls("enrollment", "billing.Gone", "enrollment.Enroll")]
    measured = with_recordings(interactions, [Recording(calls)])
    assert measured.unknown == ("shop → billing.ConfirmInvoice", "enrollment.Enroll → billing.Gone")


def test_a_call_that_caller_and_receiver_have_recorded_counts_once(interactions: Interactions) -> None:
    of_caller = RecordedCalls("enrollment", CONFIRM, "enrollment.Enroll", elsewhere=True, count=5)
    of_receiver = RecordedCalls("enrollment", CONFIRM, count=5)
    measured = with_recordings(interactions, [Recording([of_caller]), Recording([of_receiver])])
    assert {pair: measure.count for pair, measure in measured.measures.items()} == {
        Pair("enrollment.Enroll", CONFIRM): 5
    }


def test_clients_are_not_recorded(tmp_path: Path) -> None:
    recorder = CallRecorder(tmp_path / "calls.json", ["billing"])
    with running(platform, listeners=[recorder.hear]) as app:
        app.send(Enroll(enrollment=EnrollmentId("e-1"), student=StudentId("ada"), course=STORMING))
        app.settled()
    assert msgspec.json.decode((tmp_path / "calls.json").read_bytes()) == {"calls": []}
