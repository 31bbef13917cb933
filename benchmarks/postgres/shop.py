"""The shop of `delivery/ours.py` as `remit run` finds it."""

from benchmarks.delivery.ours import make_shop


class _Nobody:
    def started(self, number: int) -> None:
        pass


shop = make_shop(_Nobody())
