"""The sources of the web shop can be imported."""

from __future__ import annotations

import sys

from tests.checkout.workspace import sources

sys.path += [each for each in sources() if each not in sys.path]
