"""The HTTP edge of learning."""

from learning.learning.api import (
    CompleteModule,
    NotInCourse,
    NotTaught,
    NotYetOpen,
    Progress,
    RecordClosed,
    ScoreOutOfRange,
    Students,
    Transcript,
)
from remit.edges import HttpEdge

edge = HttpEdge("learning")
edge.post(
    "/enrollments/{enrollment}/modules/{module}",
    CompleteModule,
    refusals={NotYetOpen: 404, RecordClosed: 409, NotInCourse: 404, ScoreOutOfRange: 422},
)
edge.get("/enrollments/{enrollment}/progress", Progress, refusals={NotYetOpen: 404})
edge.get("/students/{student}/transcript", Transcript)
edge.get("/courses/{course}/students", Students, refusals={NotTaught: 404})
