"""What a room offers is what its `__all__` says: no more, no less."""

import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "remit"

ROOMS = [
    "remit",
    *(f"remit.{path.parent.name}" for path in sorted(SOURCE.glob("*/__init__.py"))),
    *(f"remit.{path.stem}" for path in sorted(SOURCE.glob("*.py")) if not path.stem.startswith("__")),
]

# The user's surface. A name enters or leaves it only by a change of this list.
SURFACE = [
    "Aggregate",
    "AtLeast",
    "AtMost",
    "Between",
    "Claim",
    "Claims",
    "Clock",
    "Command",
    "Context",
    "DomainEvent",
    "Envelope",
    "EventSourced",
    "Events",
    "Freshness",
    "Ids",
    "IntegrationEvent",
    "Later",
    "Outbox",
    "Page",
    "Projection",
    "Query",
    "Record",
    "Records",
    "Refusal",
    "Repository",
    "Row",
    "Sender",
    "Sql",
    "System",
    "Upcast",
    "Value",
    "View",
    "Written",
    "field",
]


def public_names(module: ModuleType) -> set[str]:
    """Names bound in a module that look public and were made in remit: neither private, nor a module, nor borrowed."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "remit").startswith("remit")
    }


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_exports_what_it_says(room: str) -> None:
    module = importlib.import_module(room)
    exported = list(getattr(module, "__all__", ()))
    assert len(exported) == len(set(exported)), "__all__ names nothing twice"
    assert [name for name in exported if not hasattr(module, name)] == [], "every name in __all__ exists"
    if room != "remit" and module.__file__ and Path(module.__file__).name != "__init__.py":
        return  # inside a module of one file, names without underscore may serve the module itself
    assert public_names(module) - set(exported) == set(), "every public name is in __all__"


def test_the_surface_is_the_one_written_down() -> None:
    assert sorted(importlib.import_module("remit").__all__) == sorted(SURFACE)


@pytest.mark.parametrize("name", SURFACE)
def test_every_name_of_the_surface_is_explained(name: str) -> None:
    assert inspect.getdoc(getattr(importlib.import_module("remit"), name)), f"remit.{name} has no docstring"
