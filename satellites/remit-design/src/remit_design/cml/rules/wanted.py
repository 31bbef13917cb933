"""Use cases and user stories."""

from __future__ import annotations

import re

from remit.errors import Findings
from remit_design.cml.codes import say
from remit_design.cml.tree import Node

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def check(root: Node, found: Findings) -> None:
    """Checks what use cases and stories ask for."""
    for feature in root.inside("Feature"):
        for field, code in (("entity", "cml.entity-name"), ("verb", "cml.verb-name")):
            word = feature.values[field]
            if not _NAME.fullmatch(word):
                what = f"the {field} '{word}' cannot become a name"
                say(found, code, feature, what, expected="letters, digits and _")
        story = feature.parent
        alone = story is not None and story.kind == "UserStory" and len(story.of("Feature")) == 1
        if alone and story and not story.named("splitBy") and feature.values["verb"]:
            say(found, "cml.story-splittable", feature, f"the story {story.name} can be split by its verb")
