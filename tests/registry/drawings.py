"""Reads a drawn map: its boxes, its labels, its texts and its lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from xml.etree import ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?[0-9.]+")


@dataclass(frozen=True)
class Area:
    """A rectangle of the picture, and what it shows."""

    what: str
    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Area, gap: float = 0.0) -> bool:
        return (
            self.x < other.x + other.width + gap
            and other.x < self.x + self.width + gap
            and self.y < other.y + other.height + gap
            and other.y < self.y + self.height + gap
        )

    def is_near(self, x: float, y: float) -> bool:
        return self.x - 3 < x < self.x + self.width + 3 and self.y - 3 < y < self.y + self.height + 3

    def holds(self, x: float, y: float) -> bool:
        return self.x < x < self.x + self.width and self.y < y < self.y + self.height


class Drawing:
    """A map in SVG."""

    def __init__(self, svg: str) -> None:
        self.root = ET.fromstring(svg)
        self.parents = {child: parent for parent in self.root.iter() for child in parent}
        self.contexts = [self._area(each) for each in self.root.iter(f"{SVG}rect") if self._is(each, "context")]
        self.labels = [self._area(each) for each in self.root.iter(f"{SVG}rect") if each.get("class") == "label"]
        self.width, self.height = float(self.root.get("width", 0)), float(self.root.get("height", 0))

    @property
    def texts(self) -> list[str]:
        return ["".join(each.itertext()) for each in self.root.iter(f"{SVG}text")]

    @property
    def tooltips(self) -> list[str]:
        return ["".join(each.itertext()) for each in self.root.iter(f"{SVG}title")]

    def overlaps(self) -> list[tuple[str, str]]:
        """The pairs of boxes and labels that are not apart."""
        areas = [*self.contexts, *self.labels]
        return [(one.what, other.what) for one, other in combinations(areas, 2) if one.overlaps(other, gap=2)]

    def texts_outside(self, letter: float = 6.0) -> list[str]:
        """The texts of boxes and labels that are wider than these, at a usual width of letters."""
        return [
            text
            for area in (*self.contexts, *self.labels)
            for text in area.what.split("\n")
            if len(text) * letter > area.width
        ]

    def lines(self, kind: str) -> list[ET.Element]:
        """The lines of a kind, without those of the legend."""
        found = [each for each in self.root.iter(f"{SVG}path") if each.get("class") == kind]
        return [each for each in found if self.parents[each].get("class") == "link"]

    def crossings(self) -> list[tuple[str, str]]:
        """The lines that run through a box or a label with which they have nothing to do."""
        found: list[tuple[str, str]] = []
        for line in self.lines("near"):
            told = self.parents[line].find(f"{SVG}title")
            assert told is not None
            text = (told.text or "").split("\n")[0]
            for points in (sampled(piece) for piece in (line.get("d") or "").split("M")[1:]):
                for box in (*self.contexts, *self.labels):
                    ends_there = any(box.is_near(*point) for point in (points[0], points[-1]))
                    if not ends_there and any(box.holds(*point) for point in points):
                        found.append((text, box.what))
        return found

    def _is(self, rect: ET.Element, kind: str) -> bool:
        return kind in (self.parents[rect].get("class") or "").split() and rect.get("class") is None

    def _area(self, rect: ET.Element) -> Area:
        texts = ["".join(each.itertext()) for each in self.parents[rect].iter(f"{SVG}text")]
        return Area("\n".join(texts), *(float(rect.get(name, 0)) for name in ("x", "y", "width", "height")))


def sampled(piece: str) -> list[tuple[float, float]]:
    """Points on cubic Bézier curves, given as `x yC…`."""
    numbers = [float(each) for each in NUMBER.findall(piece)]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    found: list[tuple[float, float]] = []
    for begin in range(0, len(points) - 3, 3):
        a, b, c, d = points[begin : begin + 4]
        for step in range(21):
            t = step / 20
            u = 1 - t
            weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
            found.append(
                (
                    sum(w * p[0] for w, p in zip(weights, (a, b, c, d), strict=True)),
                    sum(w * p[1] for w, p in zip(weights, (a, b, c, d), strict=True)),
                )
            )
    return found
