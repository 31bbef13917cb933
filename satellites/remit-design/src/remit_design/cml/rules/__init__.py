"""The rules of Context Mapper, as findings and notes of `remit`.

The meaning of each is from the validators of the Context Mapper DSL (Apache-2.0); `codes.RULES` names them.
"""

from __future__ import annotations

from remit.errors import Findings
from remit_design.cml.rules import application, details, maps, objects, uniqueness, wanted
from remit_design.cml.tree import Node


def check(root: Node, imported: list[Node], found: Findings) -> None:
    """Checks a linked model by all rules."""
    uniqueness.check(root, imported, found)
    maps.check(root, found)
    application.check(root, found)
    objects.check(root, found)
    details.check(root, found)
    wanted.check(root, found)
