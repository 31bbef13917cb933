"""Systems whose contexts are given by their places, and are imported where they run."""

from __future__ import annotations

from remit import System

market = System("market", contexts={"stall": "tests.runtime.work.stall_new:stall"})
ledger = System("ledger", contexts={"books": "tests.cli.ledger:books"})
