"""A process imports the contexts it hosts; the others are names and published languages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from learning.system import platform
from remit import Context, System
from remit.edges import HttpEdge
from remit.errors import ModelError
from remit.relations import OpenHost, Partnership
from tests.topology.releases import CONTEXTS, release, release_of_edges


@pytest.mark.parametrize("hosted", CONTEXTS)
def test_a_context_is_checked_and_compiled_with_only_the_published_languages_of_the_others(
    tmp_path: Path, hosted: str
) -> None:
    program = (
        "import sys; from learning.system import platform; from remit.runtime import Ports, compile_system\n"
        f"model = platform.hosting(['{hosted}']).model(); compile_system(model)\n"
        "print([m for m in sys.modules if m.endswith('.handlers')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=release(tmp_path, hosted), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert f"['learning.{hosted}.handlers']" in ran.stdout


def test_the_whole_system_is_the_same_however_contexts_are_named() -> None:
    whole = platform.hosting()
    assert [context.name for context in whole.contexts] == list(CONTEXTS)
    assert whole.model().elsewhere == ()


def test_a_part_of_the_system_knows_the_names_of_the_rest() -> None:
    part = platform.hosting(["billing", "learning"])
    assert [context.name for context in part.contexts] == ["billing", "learning"]
    assert part.model().elsewhere == ("enrollment", "certification")


def test_contexts_given_themselves_can_be_hosted_apart_too() -> None:
    one, two = Context("one"), Context("two")
    part = System("pair", contexts=[one, two], relations=[Partnership(one, "two")]).hosting(["two"])
    assert (part.contexts, part.model().elsewhere) == ((two,), ("one",))


def test_every_context_that_is_not_where_the_system_says_is_a_finding() -> None:
    system = System("lost", contexts={"a": "no_such_module:a", "b": "learning.system:platform", "c": "learning.ids"})
    with pytest.raises(ModelError) as caught:
        system.hosting()
    assert [finding.code for finding in caught.value.findings] == ["context.import", "context.place", "context.place"]


def test_a_relation_to_a_name_that_is_no_context_is_a_finding() -> None:
    system = System("pair", contexts=[Context("one")], relations=[OpenHost("other")])
    assert "relation.unknown-context" in [finding.code for finding in system.check()]


def test_an_edge_needs_published_languages_alone(tmp_path: Path) -> None:
    program = (
        "import sys; from learning.system import platform\n"
        "model = platform.hosting((), edges=['enrollment']).model()\n"
        "print([edge.context for edge in model.edges], sorted(model.with_edges), model.contexts, model.elsewhere)\n"
        "print([m for m in sys.modules if m.startswith('learning.') and m.endswith(('.handlers', '.domain'))])"
    )
    folder = release_of_edges(tmp_path)
    ran = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        f"['enrollment'] {sorted(CONTEXTS)} () {CONTEXTS!r}",
        "[]",
    ]


def test_every_edge_that_is_not_where_the_system_says_is_a_finding() -> None:
    edges = {"a": "no_such_module", "b": "learning.billing.edge:edge"}
    with pytest.raises(ModelError) as caught:
        System("lost", contexts=[Context("a"), Context("b")], edges=edges).hosting()
    assert [finding.code for finding in caught.value.findings] == ["context.import", "context.place"]
    assert (
        caught.value.findings[1].next
        == 'edge = HttpEdge(\'b\') there, or its own place: edges={"b": "package.module:edge"}'
    )


def test_an_edge_of_no_context_and_one_that_is_given_twice_are_findings() -> None:
    edge = HttpEdge("two")
    found = System("one", contexts=[Context("one")], edges=[edge, edge]).check()
    assert [finding.code for finding in found] == ["edge.unknown-context", "edge.doubled"]
