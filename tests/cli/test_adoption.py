"""The check on two code bases that know nothing of `remit`: a proposed map, a first report, and a quiet baseline."""

from __future__ import annotations

import json
import shutil
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from remit.boundaries import propose_map
from remit.cli.check import check

MAP, BASELINE = "remit-map.toml", "remit-baseline.json"


class Adopted(NamedTuple):
    """A copy of an installed code base in a checkout of its own, with a proposed map and a baseline."""

    checkout: Path
    package: str


@pytest.fixture(scope="module", params=["litestar", "django.contrib"])
def adopted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Adopted:
    package: str = request.param
    top = package.partition(".")[0]
    spec = find_spec(top)
    assert spec is not None
    assert spec.origin is not None
    checkout = tmp_path_factory.mktemp(top)
    inside = Path(*package.split("."))
    ignored = shutil.ignore_patterns("__pycache__", "locale", "static", "templates", "*.pyi")
    shutil.copytree(Path(spec.origin).parents[1] / inside, checkout / inside, ignore=ignored)
    for above in inside.parents[:-1]:
        (checkout / above / "__init__.py").touch()
    with pytest.MonkeyPatch.context() as here:
        here.chdir(checkout)
        (checkout / MAP).write_text(propose_map(inside, Path()))
        assert check(baseline=BASELINE, recording=True) == 0
    return Adopted(checkout, package)


def test_a_map_is_proposed_whose_packages_are_contexts(adopted: Adopted) -> None:
    proposed: dict[str, Any] = tomllib.loads((adopted.checkout / MAP).read_text())
    packages = [package for context in proposed["contexts"].values() for package in context["packages"]]
    assert len(proposed["contexts"]) > 10
    assert [each for each in packages if not each.startswith(f"{adopted.package}.")] == []
    assert {each["kind"] for each in proposed["relations"]} == {"conformist"}


def test_the_first_report_is_summed_up_and_says_where_to_begin(
    adopted: Adopted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(adopted.checkout)
    assert check(summary=True) == 2
    said = capsys.readouterr().out.splitlines()
    codes = [line.split()[1] for line in said if line.startswith("error ")]
    assert {*codes} <= {"import.unrelated", "import.cycle", "import.direction", "import.unpublished", "pure.call"}
    assert "import.direction" in codes
    assert f"Begin with {codes[0]}. What it means: remit check --explain {codes[0]}" in said
    assert len(said) < 15


def test_the_baseline_is_quiet_until_a_finding_comes_or_goes(
    adopted: Adopted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also with lines above the findings, in another checkout, and from another working directory."""
    moved = tmp_path / "elsewhere"
    shutil.copytree(adopted.checkout, moved)
    for file in moved.rglob("*.py"):
        file.write_text(f"\n\n{file.read_text()}")
    monkeypatch.chdir("/")
    given: dict[str, Any] = {"baseline": str(moved / BASELINE)}
    assert check(str(moved / MAP), **given) == 0
    assert f": no errors, no notes; {len(known(moved))} in the baseline" in capsys.readouterr().out

    first = next(each for each in known(moved) if each["code"] == "import.direction")
    importer, _, imported = first["what"].partition(" imports ")
    mended = moved / f"{importer.replace('.', '/')}.py"
    mended.write_text("")
    (mended.parent / "added.py").write_text(f"import {imported}\n")
    assert check(str(moved / MAP), json=True, **given) == 2
    errors: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["errors"]
    gone = [each["what"] for each in errors if each["what"].startswith("import.direction is gone")]
    assert any(each.endswith(f": {first['what']}") for each in gone)
    assert "import.direction" in {each["code"] for each in errors if each["where"].endswith("added.py:1")}


def known(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / BASELINE).read_text())["findings"]
    return [each for each in found for _ in range(each["count"])]
