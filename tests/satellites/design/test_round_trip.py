"""What CML says of a strategy is not lost: in its own text, in a map of `remit`, and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from remit_design.cml.facts import Facts, facts
from remit_design.cml.model import Model, check_text
from remit_design.cml.writing import written
from remit_design.design import export_map, map_text
from tests.conformance.shapes import tidy
from tests.satellites.design.designs import designs
from tests.satellites.design.shop import SHOP


def read(text: str) -> Model:
    model = check_text(text, "shop.cml")
    assert list(map(str, model.findings)) == []
    return model


def through_a_map(model: Model, file: Path) -> Facts:
    file.write_text(map_text(model), encoding="utf-8")
    text, found = export_map(file)
    assert list(map(str, found)) == []
    return facts(read(text).root)


@given(designs())
@settings(max_examples=60)
def test_a_design_is_read_as_it_was_written(design: Facts) -> None:
    assert facts(read(written(design)).root) == design


@given(design=designs())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_design_survives_a_map_of_remit(design: Facts, tmp_path: Path) -> None:
    assert tidy(through_a_map(read(written(design)), tmp_path / "remit-map.toml")) == tidy(design)


def test_every_word_of_the_shop_survives_text_and_map(tmp_path: Path) -> None:
    model = read(SHOP)
    assert facts(read(written(facts(model.root))).root) == facts(model.root)
    assert tidy(through_a_map(model, tmp_path / "remit-map.toml")) == tidy(facts(model.root))


def test_an_imported_file_stays_an_import(tmp_path: Path) -> None:
    (tmp_path / "sales.cml").write_text("BoundedContext Sales")
    main = 'import "./sales.cml"\nContextMap { contains Sales, Billing Sales -> Billing }\nBoundedContext Billing'
    model = check_text(main, "main.cml", folder=tmp_path)
    assert through_a_map_with_imports(model, tmp_path / "remit-map.toml") == tidy(facts(model.root))
    assert facts(model.root)["imports"] == ["./sales.cml"]


def through_a_map_with_imports(model: Model, file: Path) -> Facts:
    file.write_text(map_text(model))
    text, found = export_map(file)
    assert not found
    again: Facts = tidy(facts(check_text(text, "again.cml", folder=file.parent).root))
    return again


@pytest.mark.parametrize("edit", ["conformist", "partnership"])
def test_an_edit_of_the_map_wins_over_what_cml_had_said(tmp_path: Path, edit: str) -> None:
    related = "A [OHS,PL]->[ACL] B { downstreamRights = VETO_RIGHT }"
    said = map_text(read(f"ContextMap {{ contains A, B {related} }} BoundedContext A BoundedContext B"))
    if edit == "conformist":
        said = said.replace('kind = "anti-corruption-layer"', 'kind = "conformist"')
    else:
        directed = 'kind = "anti-corruption-layer"\nupstream = "A"\ndownstream = "B"'
        said = said.replace(directed, 'kind = "partnership"\none = "A"\nother = "B"')
    (tmp_path / "remit-map.toml").write_text(said)
    text, found = export_map(tmp_path / "remit-map.toml")
    assert ("A [U,OHS,PL]->[D,CF] B" if edit == "conformist" else "A [P]<->[P] B") in text
    assert "cml.not-written" in [note.code for note in found.notes]
