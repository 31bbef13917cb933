"""A value that is none of a few: the error lists those that would have been accepted."""

import enum
from typing import Annotated, Literal

import msgspec
import pytest

from remit import Command, Value, field
from remit.errors import BadMessage
from remit.messages import Codec


class Free(Value):
    kind: Literal["single", "double"] = "single"


class Held(Value, name="held_room"): ...


class Colour(enum.Enum):
    RED = "r"
    GREEN = "g"


class Floor(enum.IntEnum):
    GROUND = 0
    FIRST = 1


class Paint(Command[None]):
    room: Free | Held = Free()
    kind: Annotated[Literal["wall", 1] | None, msgspec.Meta(description="what is painted")] = None
    colours: list[Colour] = field(default_factory=list[Colour])
    by_colour: dict[Colour, Free | Held] = field(default_factory=dict[Colour, Free | Held])
    pair: tuple[Floor, Colour] = (Floor.GROUND, Colour.RED)
    either: Free | Held | Colour | None = None


COLOURS = "one of: 'r', 'g'"


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        ('{"room":{"$type":"Held"}}', "one of: 'Free', 'held_room'"),
        ('{"room":{"$type":"Free","kind":"twin"}}', "one of: 'double', 'single'"),
        ('{"kind":"door"}', "one of: 1, 'wall'"),
        ('{"kind":7}', "one of: 1, 'wall'"),
        ('{"colours":["r","x"]}', COLOURS),
        ('{"by_colour":{"x":{}}}', COLOURS),
        ('{"by_colour":{"r":{"$type":"x"}}}', "one of: 'Free', 'held_room'"),
        ('{"pair":[7,"r"]}', "one of: 0, 1, 'r', 'g'"),
        ('{"either":"x - at `$.room`"}', COLOURS),
        ('{"kind":true}', "JSON of shop.Paint"),
        ("[]", "JSON of shop.Paint"),
    ],
)
def test_an_error_lists_the_values_that_are_accepted(body: str, accepted: str) -> None:
    with pytest.raises(BadMessage) as error:
        Codec(Paint, "shop.Paint").read(body)
    assert error.value.expected == accepted


def test_a_value_that_stands_alone_is_told_the_same() -> None:
    with pytest.raises(BadMessage) as error:
        Codec(Colour).read('"x"')
    assert error.value.expected == COLOURS
