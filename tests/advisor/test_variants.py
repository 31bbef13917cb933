"""Two wrong choices between a call and an event: what `remit impact` says of them, and what they cost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from learning.billing.api import Invoices
from learning.enrollment.api import Enroll, Enrollments
from learning.ids import CourseId, EnrollmentId, StudentId
from learning.learning.api import CompleteModule, ModuleId
from learning.system import platform as right
from learning.variants.billing_by_event import platform as billing_by_event
from learning.variants.certification_by_call import platform as certification_by_call
from remit import System
from remit.advisor.impact import Impact, impact_of
from remit.advisor.outages import How, context_outage
from remit.advisor.reading import interactions_of
from remit.testing import App, VirtualLoop
from tests.advisor.disturbed import Play, Seen, Stage, prepared

STORMING = CourseId("event-storming")
COUNT = 10
SLOW_SECONDS = 2.0
T = TypeVar("T")


def told(system: System, context: str, how: How = "down") -> Impact:
    interactions = interactions_of(prepared(system)[0])
    return impact_of(interactions, context_outage(interactions, context, how))


def on_stage(system: System, play: Callable[[Stage, App], Awaitable[T]]) -> T:
    """Plays on a running system, on a loop that jumps to its next timer."""

    async def run() -> T:
        stage = Stage(Play(system, [], [], []))
        async with stage.starting as app:
            return await play(stage, app)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


class Places(NamedTuple):
    """How many students have a place, and how many of these have no invoice for it."""

    given: int
    without_invoice: int


def students(suffix: str) -> list[StudentId]:
    return [StudentId(f"student-{number}{suffix}") for number in range(COUNT)]


async def enrolled(stage: Stage, app: App, suffix: str) -> None:
    for student in students(suffix):
        await stage.call(app, Enroll(enrollment=EnrollmentId(f"of-{student}"), student=student, course=STORMING))


async def places(app: App, suffix: str, *, with_billing: bool = True) -> Places:
    given = without = 0
    for student in students(suffix):
        has_place = [line.status for line in await app.ask(Enrollments(student=student))] == ["confirmed"]
        is_charged = with_billing and await app.ask(Invoices(student=student)) != []
        given, without = given + has_place, without + (has_place and not is_charged)
    return Places(given, without)


def refused(system: System) -> Places:
    """The places of students whom billing refuses."""

    async def play(stage: Stage, app: App) -> Places:
        await enrolled(stage, app, "-nocard")
        await app.settled()
        return await places(app, "-nocard")

    return on_stage(system, play)


def enrolled_without_billing(system: System) -> Places:
    """The places that are given while billing is down."""

    async def play(stage: Stage, app: App) -> Places:
        stage.stores["billing"].is_away = True
        await enrolled(stage, app, "")
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        await loop.idle()
        seen = await places(app, "", with_billing=False)
        stage.stores["billing"].is_away = False
        await asyncio.sleep(60)
        await app.settled()
        return seen

    return on_stage(system, play)


def completed(system: System, *, is_away: bool = False, slow_seconds: float = 0.0) -> list[Seen]:
    """The last score of each student, while certification is down or slow."""

    def score(student: StudentId, module: str) -> CompleteModule:
        return CompleteModule(enrollment=EnrollmentId(f"of-{student}"), module=ModuleId(module), score=90)

    async def play(stage: Stage, app: App) -> list[Seen]:
        await enrolled(stage, app, "")
        await app.settled()
        for student in students(""):
            await app.send(score(student, "big-picture"))
        store = stage.stores["certification"]
        store.is_away, store.slow_seconds = is_away, slow_seconds
        seen = [await stage.call(app, score(student, "design-level"), 60.0) for student in students("")]
        store.is_away, store.slow_seconds = False, 0.0
        await asyncio.sleep(60)
        await app.settled()
        return seen

    return on_stage(system, play)


def test_billing_asked_by_event_gives_places_that_nobody_pays() -> None:
    assert "enrollment.Enroll" in {point.name for point in told(right, "billing").fails}
    goes_on = {point.name: str(reason) for point, reason in told(billing_by_event, "billing").goes_on.items()}
    assert goes_on["enrollment.Enroll"] == "enrollment.Enroll → enrollment.StudentEnrolled → billing.charge"
    assert not told(billing_by_event, "billing").fails.keys() & {"enrollment.Enroll"}

    assert refused(right) == Places(given=0, without_invoice=0)
    assert refused(billing_by_event) == Places(given=COUNT, without_invoice=COUNT), "nobody hears of the refusal"
    assert enrolled_without_billing(right) == Places(given=0, without_invoice=0)
    assert enrolled_without_billing(billing_by_event) == Places(given=COUNT, without_invoice=COUNT)


def test_certification_called_is_an_outage_of_course_completion() -> None:
    assert "learning.CompleteModule" in {point.name for point in told(right, "certification").goes_on}
    fails = {point.name: str(reason) for point, reason in told(certification_by_call, "certification").fails.items()}
    assert fails["learning.CompleteModule"] == "learning.CompleteModule → certification.IssueCertificate"

    assert [seen.error for seen in completed(right, is_away=True)] == [""] * COUNT
    assert [seen.error for seen in completed(certification_by_call, is_away=True)] == ["StoreUnavailable"] * COUNT


def test_certification_called_makes_course_completion_as_slow_as_itself() -> None:
    assert not {point.name for point in told(right, "certification", "slow").degrades if point.context == "learning"}
    slow = {point.name for point in told(certification_by_call, "certification", "slow").degrades}
    assert "learning.CompleteModule" in slow

    assert max(seen.seconds for seen in completed(right, slow_seconds=SLOW_SECONDS)) < SLOW_SECONDS
    seen = completed(certification_by_call, slow_seconds=SLOW_SECONDS)
    assert [each.error for each in seen] == [""] * COUNT
    assert min(each.seconds for each in seen) >= SLOW_SECONDS
