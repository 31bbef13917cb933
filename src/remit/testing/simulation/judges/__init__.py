"""What must hold in the end, whatever system has run: lost, doubled, reordered, stuck, false, silent."""

from remit.testing.simulation.judges.files import Files
from remit.testing.simulation.judges.verdict import Verdict

__all__ = ["Files", "Verdict"]
