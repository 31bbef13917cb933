"""The context map as a flowchart in the language of Mermaid, for pages that render it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remit.registry.entries import Entry, How, Link, Registry
from remit.registry.links import roles_text

_LINES: dict[How, str] = {"call": "-->", "event": "-.->", "later": "==>", "translation": "-.->"}
_WORDS: dict[How, str] = {"call": "calls", "event": "events", "later": "later", "translation": "foreign messages"}
_KINDS = ("core", "supporting", "generic")
_UNSAFE = re.compile(r"[^\w .,:;→·/()@+←-]")
"""What would end or change a label. Letters of every script are safe."""

_CLASSES = """  classDef core stroke:#b45309,stroke-width:3px
  classDef supporting stroke:#2563eb,stroke-width:2px
  classDef generic stroke:#64748b
  classDef foreign stroke:#64748b,stroke-dasharray:3 3"""


def map_flowchart(registry: Registry) -> str:
    """The text of the diagram. Solid arrows are calls, dotted ones events, thick ones commands sent for later."""
    ids = {entry.name: f"c{number}" for number, entry in enumerate(registry.contexts)}
    lines = ["flowchart LR", _CLASSES]
    lines += [_node(entry, ids[entry.name], is_host=entry.name in registry.open_hosts) for entry in registry.contexts]
    for link in registry.links:
        if {link.upstream, link.downstream} <= {*ids}:
            one, other = ids[link.upstream], ids[link.downstream]
            lines += [f"  {line}" for line in _arrows(link, one, other)]
    return "\n".join(lines) + "\n"


def _node(entry: Entry, id_: str, *, is_host: bool) -> str:
    kind = "outside of the system" if entry.is_foreign else entry.kind
    told = [entry.name, entry.owner, " · ".join(filter(None, [kind, "open host" if is_host else ""]))]
    text = "<br/>".join(_escaped(each) for each in told if each)
    style = "foreign" if entry.is_foreign else entry.kind if entry.kind in _KINDS else ""
    return f'  {id_}["{text}"]' + (f":::{style}" if style else "")


def _arrows(link: Link, one: str, other: str) -> Iterator[str]:
    if not link.flows:
        line = "-.-" if link.pattern == "SeparateWays" else "---"
        yield f'{one} {line}|"{_escaped(roles_text(link))}"| {other}'
    for flow in link.flows:
        source, target = (one, other) if flow.source == link.upstream else (other, one)
        roles = roles_text(link, is_upstream_first=flow.source == link.upstream)
        text = f"{_WORDS[flow.how]} · {roles}" if roles else _WORDS[flow.how]
        yield f'{source} {_LINES[flow.how]}|"{_escaped(text)}"| {target}'


def _escaped(text: str) -> str:
    """A text with Mermaid's codes for characters: `#34;` for a quotation mark."""
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", text)
