"""What must hold after a run of any system. Verdicts: lost, doubled, reordered, stuck, false, silent."""

from remit.testing.simulation.judges.files import Files
from remit.testing.simulation.judges.verdict import Verdict

__all__ = ["Files", "Verdict"]
