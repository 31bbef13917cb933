"""The context map as a picture in SVG: a box for each context, a line for each pair of contexts, and a legend."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from math import hypot
from unicodedata import east_asian_width

from remit.registry.entries import Entry, How, Link, Registry
from remit.registry.layout import Box, Layout, Point, Wire, lay_out
from remit.registry.links import roles_text
from remit.registry.words import told_entry, told_link
from remit.topology.picture import themed

_MARGIN, _LINE, _PAD = 32.0, 18.0, 14.0
"""The margin of the picture, the height of a line of text, and the space around the text of a box, in pixels."""
_NAME, _TEXT, _SMALL = 9.2, 7.0, 6.6
"""The widths of a letter of a name, of other text of a box, and of a label, generously."""
_APART = 7.0
"""The distance of the lines for calls, events and later commands of one pair."""
_NEAR = 2.0
"""Points that are nearer than this show no direction."""
_KINDS = ("core", "supporting", "generic")

_LIGHT = {
    "paper": "#fff", "ink": "#0f172a", "soft": "#475569", "line": "#94a3b8", "call": "#4338ca", "event": "#0f766e",
    "later": "#be185d", "translation": "#a16207", "core": "#b45309", "core-fill": "#fffbeb", "supporting": "#2563eb",
    "supporting-fill": "#eff6ff", "generic": "#64748b", "generic-fill": "#f8fafc",
}  # fmt: skip
_DARK = {
    "paper": "#0f172a", "ink": "#e2e8f0", "soft": "#a8b5c8", "line": "#64748b", "call": "#a5b4fc",
    "event": "#5eead4", "later": "#f9a8d4", "translation": "#fde047",
    "core": "#fbbf24", "core-fill": "#2b2111", "supporting": "#93c5fd",
    "supporting-fill": "#172a46", "generic": "#a8b5c8", "generic-fill": "#1c2738",
}  # fmt: skip
_RULES = """text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:var(--soft)}
.name{font-size:14px;font-weight:600;fill:var(--ink)} .title{font-size:16px} .roles,.message{font-size:11px}
.roles{fill:var(--ink);text-anchor:middle} .message{text-anchor:middle} #paper{fill:var(--paper)}
.context rect{fill:var(--paper);stroke:var(--line)} .context .bar{stroke:none;fill:var(--line)}
.core rect{fill:var(--core-fill);stroke:var(--core)} .core .bar{fill:var(--core)} .core .kind{fill:var(--core)}
.supporting rect{fill:var(--supporting-fill);stroke:var(--supporting)} .supporting .bar{fill:var(--supporting)}
.supporting .kind{fill:var(--supporting)} .generic rect{fill:var(--generic-fill);stroke:var(--generic)}
.generic .bar{fill:var(--generic)} .foreign rect{stroke-dasharray:3 3}
.label{fill:var(--paper);stroke:var(--line)}
path{fill:none;stroke-width:1.6} .relation{stroke:var(--line)} .call{stroke:var(--call)}
.event{stroke:var(--event);stroke-dasharray:6 4}
.later{stroke:var(--later);stroke-dasharray:1.5 4;stroke-linecap:round}
.translation{stroke:var(--translation);stroke-dasharray:10 3 2 3}
.near{stroke:transparent;stroke-width:14} .link:hover path:not(.near){stroke-width:3}
.tip{stroke:none;stroke-width:0} #call .tip{fill:var(--call)} #event .tip{fill:var(--event)}
#later .tip{fill:var(--later)} #translation .tip{fill:var(--translation)}"""

_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{w:g}" height="{h:g}" viewBox="0 0 {w:g} {h:g}">
<style>{style}</style>
<defs>{tips}</defs>
<rect id="paper" width="100%" height="100%"/>"""

_TIP = (
    '<marker id="{how}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="9" markerHeight="9"'
    ' markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path class="tip" d="M0 0L8 4L0 8z"/></marker>'
)
_HOW: dict[How, str] = {
    "call": "call: from the caller to the context that answers",
    "event": "event: from the publisher to its follower",
    "later": "command sent for later: from the sender to the context that handles it",
    "translation": "foreign message: from its sender to the context that translates it",
}
_ROLES = (
    "U upstream, D downstream: the downstream depends on the upstream",
    "S supplier, C customer · CF conformist · ACL anti-corruption layer",
    "OHS open host service · PL published language",
)


def map_picture(registry: Registry, *, messages: bool = False) -> str:
    """The SVG document. It follows the reader's preference for a light or a dark page. With `messages`, the names of
    messages stand on the lines; without, they are tooltips only. The same registry gives the same bytes.

    Raises `MapError` if the layout library is not installed.
    """
    links = [link for link in registry.links if link.pattern != "SeparateWays" or link.flows]
    number = {entry.name: each for each, entry in enumerate(registry.contexts)}
    boxes = [_box(_lines(entry, registry)) for entry in registry.contexts]
    drawn = [link for link in links if {link.upstream, link.downstream} <= {*number}]
    labels = {is_tall: [_label_of(link, messages, is_tall=is_tall) for link in drawn] for is_tall in (False, True)}
    wires = [
        Wire(number[link.upstream], number[link.downstream], _pill(labels[False][each]), _pill(labels[True][each]))
        for each, link in enumerate(drawn)
    ]
    layout = lay_out(boxes, wires)
    legend = list(_legend(registry, links, is_tall=layout.is_tall))
    title = f"{registry.name} · context map"
    across = max(layout.width, *(_width(text, _TEXT) + 60 for _, text in legend), _width(title, _NAME * 1.2))
    top, below = _MARGIN + 34, _MARGIN + 34 + layout.height + _MARGIN
    shift = (_MARGIN + (across - layout.width) / 2, top)
    parts = [
        _HEAD.format(
            style=themed(_RULES, _LIGHT, _DARK),
            w=round(across + 2 * _MARGIN), h=round(below + 22 * len(legend) + 10),
            tips="".join(_TIP.format(how=how) for how in _HOW),
        ),
        f"<title>{_escaped(title)}</title>",
        _text(_MARGIN, _MARGIN + 6, title, "name title"),
        f'<g transform="translate({shift[0]:g} {shift[1]:g})">',
        *(_link(link, wires[each], each, layout) for each, link in enumerate(drawn)),
        *_labels(drawn, wires, layout, messages=messages),
        *(_context(entry, boxes[n], layout.boxes[n], registry) for n, entry in enumerate(registry.contexts)),
        "</g>",
        *(_legend_line(kind, text, below + 22 * n) for n, (kind, text) in enumerate(legend)),
    ]  # fmt: skip
    return "\n".join([*parts, "</svg>"]) + "\n"


# ── contexts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(entry: Entry, registry: Registry) -> list[tuple[str, str]]:
    """The text of a box: class and text of each line."""
    kind = "outside of the system" if entry.is_foreign else entry.kind
    if entry.name in registry.open_hosts:
        kind = f"{kind} · open host" if kind else "open host"
    told = [("name", entry.name), ("owner", entry.owner), ("kind", kind)]
    return [(name, text) for name, text in told if text]


def _box(lines: Sequence[tuple[str, str]]) -> Box:
    width = max(_width(text, _NAME if name == "name" else _TEXT) for name, text in lines)
    return Box(max(110.0, width + 2 * _PAD + 4), _LINE * len(lines) + 16)


def _context(entry: Entry, box: Box, at: Point, registry: Registry) -> str:
    x, y = at[0] - box.width / 2, at[1] - box.height / 2
    kind = "foreign" if entry.is_foreign else entry.kind if entry.kind in _KINDS else "unknown"
    lines = _lines(entry, registry)
    shown = "".join(_text(x + _PAD + 4, y + 4 + _LINE * (n + 1), text, name) for n, (name, text) in enumerate(lines))
    edge = f'x="{x:g}" y="{y:g}" height="{box.height:g}"'
    return (
        f'<g class="context {kind}"><title>{_escaped(told_entry(entry))}</title>'
        f'<rect {edge} width="{box.width:g}" rx="6"/><rect class="bar" {edge} width="6" rx="3"/>{shown}</g>'
    )


# ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _label_of(link: Link, messages: bool, *, is_tall: bool, is_upstream_first: bool = True) -> list[str]:
    """The lines of a label: the roles, and the names of messages if they are wanted.

    The roles of the left context stand at the left, and those of the upper context above those of the lower one.
    """
    named = [each.partition(".")[2] or each for flow in link.flows for each in flow.messages] if messages else []
    text = roles_text(link, is_upstream_first=is_upstream_first)
    roles = [each.strip() for each in re.split("[→←]", text)] if is_tall else [text]
    return [line for line in [*roles, *dict.fromkeys(named)] if line]


def _pill(text: Sequence[str]) -> Box | None:
    if not text:
        return None
    return Box(max(_width(line, _SMALL) for line in text) + 16, 15 * len(text) + 5)


def _labels(links: Sequence[Link], wires: Sequence[Wire], layout: Layout, *, messages: bool) -> Iterator[str]:
    for link, wire, at in zip(links, wires, layout.labels, strict=True):
        if at is not None:
            axis = 1 if layout.is_tall else 0
            first = layout.boxes[wire.tail][axis] <= layout.boxes[wire.head][axis]
            text = _label_of(link, messages, is_tall=layout.is_tall, is_upstream_first=first)
            yield _label(text, at, 2 if layout.is_tall and link.pattern == "relation" else 1)


def _label(text: Sequence[str], at: Point, roles: int) -> str:
    box = _pill(text) or Box(0, 0)
    x, y = at[0] - box.width / 2, at[1] - box.height / 2
    lines = "".join(
        _text(at[0], y + 14 + 15 * n, line, "roles" if n < roles else "message") for n, line in enumerate(text)
    )
    return (
        f'<g><rect class="label" x="{x:g}" y="{y:g}" width="{box.width:g}" height="{box.height:g}" rx="9"/>{lines}</g>'
    )


def _link(link: Link, wire: Wire, number: int, layout: Layout) -> str:
    pieces = layout.lines[number]
    hows = [how for how in _HOW if any(flow.how == how for flow in link.flows)]
    drawn = [f'<path class="near" d="{" ".join(map(_curve, pieces))}"/>']
    for order, how in enumerate(hows or ["relation"]):
        targets = {flow.target for flow in link.flows if flow.how == how}
        tips = [end in targets for end in (link.upstream, link.downstream)]
        offset = (order - (len(hows or [0]) - 1) / 2) * _APART
        for place, piece in enumerate(pieces):
            first, last = place == 0, place == len(pieces) - 1
            ends = (
                (layout.boxes[wire.tail] if not tips[0] else None) if first else layout.labels[number],
                (layout.boxes[wire.head] if not tips[1] else None) if last else layout.labels[number],
            )
            marks = f' marker-start="url(#{how})"' if first and tips[0] else ""
            marks += f' marker-end="url(#{how})"' if last and tips[1] else ""
            drawn.append(f'<path class="{how}" d="{_curve(_beside(piece, offset), *ends)}"{marks}/>')
    return f'<g class="link"><title>{_escaped(told_link(link))}</title>{"".join(drawn)}</g>'


def _curve(points: Sequence[Point], start: Point | None = None, end: Point | None = None) -> str:
    """The path. It begins at `start` and ends at `end`, if these are given: they are covered by what is drawn later."""
    (x, y), *others = points
    before = f"M{start[0]:g} {start[1]:g}L{x:g} {y:g}" if start else f"M{x:g} {y:g}"
    after = f"L{end[0]:g} {end[1]:g}" if end else ""
    return before + "C" + " ".join(f"{x:g} {y:g}" for x, y in others) + after


def _beside(points: Sequence[Point], offset: float) -> tuple[Point, ...]:
    """The curve moved to one side: each point by the direction of the curve there."""
    if not offset:
        return tuple(points)
    moved: list[Point] = []
    for number, (x, y) in enumerate(points):
        before, after = _other(points[number::-1]), _other(points[number:])
        dx, dy = after[0] - before[0], after[1] - before[1]
        length = hypot(dx, dy) or 1.0
        moved.append((round(x - dy / length * offset, 1), round(y + dx / length * offset, 1)))
    return tuple(moved)


def _other(points: Sequence[Point]) -> Point:
    """The next point that is not at the place of the first one. The first one, if there is none."""
    x, y = points[0]
    return next((each for each in points if hypot(each[0] - x, each[1] - y) > _NEAR), points[0])


# ── legend and text ─────────────────────────────────────────────────────────────────────────────────────────────────


def _legend(registry: Registry, links: Sequence[Link], *, is_tall: bool) -> Iterator[tuple[str, str]]:
    """The lines of the legend that the map needs: what is drawn, and its meaning."""
    flows: set[How] = {flow.how for link in links for flow in link.flows}
    yield from ((how, text) for how, text in _HOW.items() if how in flows)
    if any(not link.flows for link in links):
        yield "relation", "relation: what travels is not known"
    if any(link.pattern == "relation" for link in links):
        yield from (("", text) for text in _ROLES)
        yield "", f"a label has the roles of the {'upper context above' if is_tall else 'left context at the left'}"
    for link in registry.links:
        if link.pattern == "SeparateWays" and not link.flows:
            yield "", f"separate ways: {link.upstream} and {link.downstream} do not integrate"


def _legend_line(kind: str, text: str, y: float) -> str:
    if not kind:
        return _text(_MARGIN, y + 4, text, "told")
    tip = "" if kind == "relation" else f' marker-end="url(#{kind})"'
    return f'<path class="{kind}" d="M{_MARGIN:g} {y:g}h44"{tip}/>' + _text(_MARGIN + 58, y + 4, text, "told")


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{_escaped(text)}</text>'


def _width(text: str, letter: float) -> float:
    """The width of a text. Letters of East Asian scripts are twice as wide."""
    return sum(letter * (1.9 if east_asian_width(each) in "WF" else 1.0) for each in text)


def _escaped(text: str) -> str:
    """A text as XML may hold it: no control character, no half of a character, no sign of XML."""
    return escape(_NO_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text))


_NO_CHARACTERS = re.compile("[^\\t\\n\\r -\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""What XML 1.0 does not allow, https://www.w3.org/TR/xml/#charsets."""
