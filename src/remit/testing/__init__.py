"""The test kit for users, and the conformance suites for adapters.

Names are loaded on first use, because pytest loads this package's plugin in every run, whatever is tested.
"""

import typing

if typing.TYPE_CHECKING:
    from remit.testing.app import App, SyncApp
    from remit.testing.corpus import require_examples
    from remit.testing.doubles import Double
    from remit.testing.mistakes import KitError
    from remit.testing.outcome import Outcome
    from remit.testing.starting import alone, running
    from remit.testing.steps import given
    from remit.testing.virtual import MovableClock, VirtualLoop

__all__ = [
    "App",
    "Double",
    "KitError",
    "MovableClock",
    "Outcome",
    "SyncApp",
    "VirtualLoop",
    "alone",
    "given",
    "require_examples",
    "running",
]

_PLACES = {
    "App": "app", "Double": "doubles", "KitError": "mistakes", "MovableClock": "virtual", "Outcome": "outcome",
    "SyncApp": "app", "VirtualLoop": "virtual", "alone": "starting", "given": "steps", "running": "starting",
    "require_examples": "corpus",
}  # fmt: skip
"""The module of each name."""


def __getattr__(name: str) -> typing.Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
