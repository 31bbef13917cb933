"""The context map of the platform. Start it with `remit run learning.system:platform`.

Each context and each edge is named with the place where it is found, so that a service imports those it hosts and no
others.
"""

from remit import System
from remit.relations import CustomerSupplier, OpenHost

platform = System(
    "learning",
    contexts={
        "enrollment": "learning.enrollment.handlers:enrollment",
        "billing": "learning.billing.handlers:billing",
        "learning": "learning.learning.handlers:learning",
        "certification": "learning.certification.handlers:certification",
    },
    edges={
        "enrollment": "learning.enrollment.edge:edge",
        "billing": "learning.billing.edge:edge",
        "learning": "learning.learning.edge:edge",
        "certification": "learning.certification.edge:edge",
    },
    relations=[
        CustomerSupplier(supplier="billing", customer="enrollment"),  # no place without an invoice
        OpenHost("enrollment"),  # billing and learning follow who comes and goes
        OpenHost("learning"),  # certification follows who completes what
    ],
)
