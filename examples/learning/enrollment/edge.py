"""The HTTP edge of enrollment."""

from learning.billing.api import CourseNotOffered, CreditExhausted, PaymentRefused
from learning.enrollment.api import AlreadyWithdrawn, Enroll, Enrollments, EnrollmentTaken, NotEnrolled, Withdraw
from remit.edges import HttpEdge

edge = HttpEdge("enrollment")
edge.post(
    "/students/{student}/enrollments",
    Enroll,
    status=201,
    refusals={
        CourseNotOffered: 404,
        PaymentRefused: 402,
        CreditExhausted: 402,
        EnrollmentTaken: 409,
        AlreadyWithdrawn: 409,
    },
)
edge.delete("/enrollments/{enrollment}", Withdraw, refusals={NotEnrolled: 404})
edge.get("/students/{student}/enrollments", Enrollments)
