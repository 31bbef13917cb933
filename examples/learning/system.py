"""The context map of the platform. Start it with `remit run learning.system:platform`."""

from learning.billing.handlers import billing
from learning.certification.handlers import certification
from learning.enrollment.handlers import enrollment
from learning.learning.handlers import learning
from remit import CustomerSupplier, OpenHost, System

platform = System(
    "learning",
    contexts=[enrollment, billing, learning, certification],
    relations=[
        CustomerSupplier(supplier=billing, customer=enrollment),  # no place without an invoice
        OpenHost(enrollment),  # billing and learning follow who comes and goes
        OpenHost(learning),  # certification follows who completes what
    ],
)
