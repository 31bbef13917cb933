"""Where the boxes of a map stand and how its lines run, by the layered layout of Graphviz (`dot`).

The algorithm is that of Gansner, Koutsofios, North and Vo, "A Technique for Drawing Directed Graphs" (1993). Graphviz
gets sizes only, and no text: the result does not depend on the fonts of a machine.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import msgspec

from remit.errors import RemitError

_POINTS = 72
"""Points per inch. One point is one pixel of the picture."""
_RATIO = 1.5
"""The wished width of a picture, as a multiple of its height."""
_BETWEEN, _RANKS, _GAP = 22, 34, 28
"""The gaps between boxes of a rank, between ranks, and between boxes that nothing connects, in pixels."""

Point = tuple[float, float]


class MapError(RemitError):
    """A map cannot be drawn or exported: what draws it is not installed, or what it needs is missing."""

    code = "map.unusable"


@dataclass(frozen=True)
class Box:
    """A rectangle to place. Sizes are in pixels."""

    width: float
    height: float


@dataclass(frozen=True)
class Wire:
    """A connection of two boxes (their numbers). If there are sizes for one, it has a label on it."""

    tail: int
    head: int
    label: Box | None = None
    """The size of the label where the map runs from left to right."""
    tall: Box | None = None
    """The size of the label where the map runs from top to bottom."""


@dataclass(frozen=True)
class Layout:
    """The centres of boxes and labels, and the lines: points of cubic Bézier curves, from tail to head, in one or two
    pieces (before and behind the label). Pixels, from the upper left corner."""

    width: float
    height: float
    is_tall: bool
    """Whether it runs from top to bottom."""
    boxes: tuple[Point, ...]
    labels: tuple[Point | None, ...]
    lines: tuple[tuple[tuple[Point, ...], ...], ...]


_NOTHING = Layout(0, 0, is_tall=False, boxes=(), labels=(), lines=())


class _Object(msgspec.Struct):
    name: str
    pos: str = ""


class _Edge(msgspec.Struct):
    id: str
    pos: str


class _Drawn(msgspec.Struct):
    bb: str
    objects: list[_Object] = msgspec.field(default_factory=list[_Object])
    edges: list[_Edge] = msgspec.field(default_factory=list[_Edge])


def lay_out(boxes: Sequence[Box], wires: Sequence[Wire]) -> Layout:
    """Places boxes and lines: from left to right, or from top to bottom if that has a better form. Boxes without a line
    stand in rows below.

    Raises `MapError` if the layout library is not installed.
    """
    connected = {end for wire in wires for end in (wire.tail, wire.head)}
    drawn = [_drawn(boxes, wires, is_tall=each) for each in (False, True)] if wires else [_NOTHING]
    best = min(drawn, key=lambda each: abs(log((each.width + 1) / (each.height + 1) / _RATIO)))
    return _with_rows(best, boxes, [number for number in range(len(boxes)) if number not in connected])


def _drawn(boxes: Sequence[Box], wires: Sequence[Wire], *, is_tall: bool) -> Layout:
    lines = [f"digraph{{rankdir={'TB' if is_tall else 'LR'};nodesep={_BETWEEN / _POINTS};ranksep={_RANKS / _POINTS}"]
    lines.append('node[shape=box,fixedsize=true,label=""]edge[dir=none]')
    connected = dict.fromkeys(end for wire in wires for end in (wire.tail, wire.head))
    lines += [_node(f"b{number}", boxes[number]) for number in sorted(connected)]
    for number, wire in enumerate(wires):
        label = wire.tall if is_tall else wire.label
        if label is None:
            lines.append(f'b{wire.tail}->b{wire.head}[minlen=2,id="w{number}"]')
        else:
            lines.append(_node(f"l{number}", label))
            lines.append(f'b{wire.tail}->l{number}[id="w{number}.0"]l{number}->b{wire.head}[id="w{number}.1"]')
    return _read(_by_graphviz("\n".join([*lines, "}"])), len(boxes), wires, is_tall=is_tall)


def _node(name: str, box: Box) -> str:
    return f"{name}[width={box.width / _POINTS:.4f},height={box.height / _POINTS:.4f}]"


def _by_graphviz(text: str) -> _Drawn:
    """Runs in this process; no program is started."""
    try:
        library: Any = importlib.import_module("pygraphviz")
    except ImportError:
        raise MapError(
            "drawing a map needs pygraphviz, which is not installed", where="remit map --svg",
            expected="remit with its map extra", next="pip install 'remit[map]', or use --mermaid, which needs nothing",
        ) from None  # fmt: skip
    with library.AGraph(string=text) as graph:
        return msgspec.json.decode(graph.draw(format="json0", prog="dot"), type=_Drawn)


def _read(drawn: _Drawn, count: int, wires: Sequence[Wire], *, is_tall: bool) -> Layout:
    left, low, right, high = map(float, drawn.bb.split(","))

    def point(text: str) -> Point:
        x, y = map(float, text.split(","))
        return round(x - left, 1), round(high - y, 1)

    places = {each.name: point(each.pos) for each in drawn.objects}
    curves = {each.id: tuple(map(point, each.pos.split())) for each in drawn.edges}
    return Layout(
        right - left,
        high - low,
        is_tall,
        tuple(places.get(f"b{number}", (0.0, 0.0)) for number in range(count)),
        tuple(places.get(f"l{number}") for number in range(len(wires))),
        tuple(
            tuple(curves[key] for key in (f"w{number}", f"w{number}.0", f"w{number}.1") if key in curves)
            for number in range(len(wires))
        ),
    )


def _with_rows(layout: Layout, boxes: Sequence[Box], alone: Sequence[int]) -> Layout:
    """Adds the boxes that nothing connects, in rows below."""
    places = list(layout.boxes) or [(0.0, 0.0)] * len(boxes)
    across = max([layout.width, *(boxes[number].width for number in alone), 900.0 if not layout.width else 0.0])
    x, y, tallest, widest = 0.0, layout.height + (_GAP if layout.height and alone else 0), 0.0, layout.width
    for number in alone:
        box = boxes[number]
        if x and x + box.width > across:
            x, y, tallest = 0.0, y + tallest + _GAP, 0.0
        places[number] = (x + box.width / 2, y + box.height / 2)
        x, tallest, widest = x + box.width + _GAP, max(tallest, box.height), max(widest, x + box.width)
    return Layout(widest, y + tallest, layout.is_tall, tuple(places), layout.labels, layout.lines)
