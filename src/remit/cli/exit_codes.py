"""How a command ends that has done what it was asked, and yet has something to say."""

from __future__ import annotations

__all__ = ["REFUSED", "UNWELL"]

UNWELL = 1
"""The command worked, and what it saw needs somebody."""
REFUSED = 3
"""The domain said no."""
