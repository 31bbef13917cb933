"""Services in a real topology that hold their own contexts' code, and only the published languages of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from learning import checker
from learning.driver import come_to_rest, play
from learning.process import TOPOLOGIES
from tests.placements.deployment import deployed
from tests.topology.releases import CONTEXTS, release, release_of_edges


@pytest.mark.parametrize("name", ["four-http", "four-nats"])
def test_every_service_has_only_its_own_code_and_the_languages_of_the_others(name: str, tmp_path: Path) -> None:
    with deployed(TOPOLOGIES / f"{name}.toml", tmp_path / "deployment") as (services, _):
        for context in CONTEXTS:
            folder = tmp_path / context
            folder.mkdir()
            services[context].code = release(folder, context)
        services.start()
        told = play(services.urls, students=10, seed=7)
        come_to_rest(services.urls)
        assert set(services.stop().values()) == {0}
        assert checker.check(checker.read(services.data), told) == []
        assert sum(len(student.completed) for student in told) > 0


@pytest.mark.parametrize("name", ["edges-http", "edges-nats"])
def test_a_service_of_edges_has_no_code_of_any_context(name: str, tmp_path: Path) -> None:
    with deployed(TOPOLOGIES / f"{name}.toml", tmp_path / "deployment") as (services, _):
        (tmp_path / "edges").mkdir()
        services["door"].code = release_of_edges(tmp_path / "edges")
        services.start()
        told = play(services.urls, students=10, seed=7)
        come_to_rest(services.urls)
        assert set(services.stop().values()) == {0}
        assert checker.check(checker.read(services.data), told) == []
        assert sum(len(student.completed) for student in told) > 0


def test_a_service_without_the_code_of_its_own_context_does_not_start(tmp_path: Path) -> None:
    with deployed(TOPOLOGIES / "four-http.toml", tmp_path) as (services, _):
        services["billing"].code = release(tmp_path, "enrollment")
        with pytest.raises(RuntimeError, match=r"learning\.billing\.handlers"):
            services["billing"].start()
