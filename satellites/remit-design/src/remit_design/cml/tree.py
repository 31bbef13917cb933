"""What a CML file says, as a tree: one node for each thing that the file declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(eq=False)
class Link:
    """A name that stands for something declared elsewhere. `kinds` are the kinds of node that it may mean."""

    field: str
    name: str
    kinds: tuple[str, ...]
    line: int
    target: Node | None = None


@dataclass(eq=False)
class Node:
    """A thing that is declared, from a bounded context down to a parameter. `kind` is the word of CML for it."""

    kind: str
    name: str
    line: int
    parent: Node | None = None
    values: dict[str, str] = field(default_factory=dict[str, str])
    lists: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    flags: set[str] = field(default_factory=set[str])
    links: list[Link] = field(default_factory=list[Link])
    children: list[Node] = field(default_factory=list["Node"])
    file: str = ""

    def add(self, kind: str, name: str, line: int) -> Node:
        """A new node inside this one."""
        child = Node(kind, name, line, parent=self, file=self.file)
        self.children.append(child)
        return child

    def of(self, *kinds: str) -> list[Node]:
        """The children of these kinds, in the order of the file."""
        return [child for child in self.children if child.kind in kinds]

    def inside(self, *kinds: str) -> Iterator[Node]:
        """Everything of these kinds below this node; with no kind, everything."""
        for child in self.children:
            if not kinds or child.kind in kinds:
                yield child
            yield from child.inside(*kinds)

    def around(self, *kinds: str) -> Node | None:
        """The nearest node of these kinds that contains this one."""
        node = self.parent
        while node is not None and node.kind not in kinds:
            node = node.parent
        return node

    def named(self, field: str) -> list[str]:
        """The names that a field refers to."""
        return [link.name for link in self.links if link.field == field]

    def targets(self, field: str) -> list[Node]:
        """What a field refers to, as far as it was found."""
        return [link.target for link in self.links if link.field == field and link.target is not None]

    def target(self, field: str) -> Node | None:
        """The first thing that a field refers to, or None."""
        return next(iter(self.targets(field)), None)

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"
