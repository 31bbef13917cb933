"""The platform on a bad day: billing sells a course before learning has a curriculum for it.

The file named by `CURRICULUM` stands for the next release: once it exists, the curriculum is there.
"""

import os
from pathlib import Path

from learning.billing.domain import CURRENCY, PRICES
from learning.ids import CourseId
from learning.learning.domain import CURRICULA, curriculum
from learning.system import platform
from remit.values import Money

__all__ = ["platform"]

ALCHEMY = CourseId("alchemy")

PRICES[ALCHEMY] = Money.of(100, CURRENCY)
if Path(os.environ["CURRICULUM"]).exists():
    CURRICULA[ALCHEMY] = curriculum("transmutation")
