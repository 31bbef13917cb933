"""What `remit check` writes for other programs, and the baseline that hides known findings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from remit.cli.check import check
from remit.cli.reports import Place, as_github, as_sarif, identity_of, place_of
from remit.cli.summary import summarised
from remit.errors import Finding, Findings
from remit.hosting.failures import Failure


def finding(where: str, what: str = "sales imports billing", code: str = "import.private") -> Finding:
    return Finding(code, where, what, "an import of billing.api", "import billing.api")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ("/src/shop/sales.py:12", ("/src/shop/sales.py", 12)),
        ("shop/sales.py:12:4", ("shop/sales.py", 12)),
        ("split.toml [services.a] runs", ("split.toml", 1)),
        ("C:\\shop\\sales.py:3", ("C:\\shop\\sales.py", 3)),
        ("System('shop')", None),
        ("", None),
    ],
)
def test_a_finding_is_at_a_file_and_line_if_it_names_them(where: str, place: tuple[str, int] | None) -> None:
    assert place_of(finding(where)) == place


def test_sarif_has_a_rule_and_a_relative_place_for_each_finding(folder: Path) -> None:
    found = Findings([finding(f"{folder}/shop/sales.py:7"), finding("System('shop')", code="relation.self")])
    found.note("event.unfollowed", f"{folder}/shop/sales.py:0", "nothing follows it")

    log: dict[str, Any] = json.loads(as_sarif(found, folder, lambda _: Place(f"{folder}/shop/system.py", 3)))
    run = log["runs"][0]

    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "event.unfollowed", "import.private", "relation.self",
    ]  # fmt: skip
    first, whole, note = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("shop/sales.py", 7)
    (place,) = whole["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "shop/system.py"
    assert whole["message"]["text"].startswith("System('shop'): ")
    assert (note["level"], note["locations"][0]["physicalLocation"]["region"]["startLine"]) == ("note", 1)


def test_every_finding_on_a_system_has_a_place_in_sarif(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "found_places.py").write_text(
        "from remit import Context, System\nfrom remit.relations import CustomerSupplier\n\n"
        'a = Context("a", language="a.md")\nb = Context("b")\n\n'
        'shop = System(\n    "shop", contexts=[a, b],\n'
        '    relations=[CustomerSupplier(supplier=a, customer=b, uses=["No"])]\n)\n'
    )
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", [str(folder), *sys.path])

    check("found_places", form="sarif")

    results = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    places = {
        (each["ruleId"], place["artifactLocation"]["uri"], place["region"]["startLine"])
        for each in results
        for place in [each["locations"][0]["physicalLocation"]]
    }
    assert {("relation.unknown-message", "found_places.py", 7), ("relation.unused", "found_places.py", 7)} <= places


def test_places_in_sarif_are_uris(folder: Path) -> None:
    found = Findings([finding(f"{folder}/shop/a b%#ü.py:7"), finding("/other place/sales.py:1")])
    results = json.loads(as_sarif(found, folder, lambda _: Place(f"{folder}/shop/system.py", 3)))["runs"][0]["results"]
    assert [each["locations"][0]["physicalLocation"]["artifactLocation"] for each in results] == [
        {"uri": "shop/a%20b%25%23%C3%BC.py", "uriBaseId": "%SRCROOT%"},
        {"uri": "file:///other%20place/sales.py"},
    ]


def test_the_fingerprint_of_a_finding_survives_lines_above_it_and_another_checkout(folder: Path) -> None:
    elsewhere = folder / "other"
    elsewhere.mkdir()
    here, there = (
        finding(f"{root}/shop/sales.py:{line}", f"published in {root}/shop/api.py:{line}")
        for root, line in ((folder, 3), (elsewhere, 90))
    )
    assert identity_of(here, folder) == identity_of(there, elsewhere)


def test_a_workflow_command_of_github_escapes_what_would_end_it(folder: Path) -> None:
    (line,) = as_github(Findings([finding(f"{folder}/a,b.py:1", "100%\n::error::forged")]), folder)
    assert line.startswith("::error file=a%2Cb.py,line=1,title=import.private::100%25%0A")
    assert "\n" not in line


class _Checked:
    """`remit check` of a system with given findings."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.baseline = folder / "baseline.json"
        self.found = Findings()
        self._capsys = capsys
        monkeypatch.setattr("remit.cli.check.checked", self._checked)

    def _checked(self, _: str) -> tuple[str, Findings]:
        return "shop", self.found

    def __call__(self, *, recording: bool = False) -> tuple[int, str]:
        code = check("shop", baseline=str(self.baseline), recording=recording)
        return code, self._capsys.readouterr().out.splitlines()[-1]


@pytest.fixture
def checked(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> _Checked:
    return _Checked(folder, monkeypatch, capsys)


def test_a_baseline_hides_what_was_recorded_and_nothing_new(folder: Path, checked: _Checked) -> None:
    old, new = finding(f"{folder}/sales.py:7"), finding(f"{folder}/stock.py:1")
    checked.found = Findings([old, old], notes=[finding(f"{folder}/sales.py:9", code="event.unfollowed")])
    assert checked(recording=True) == (0, "shop: no errors, no notes; 3 in the baseline")
    assert checked() == (0, "shop: no errors, no notes; 3 in the baseline")

    checked.found = Findings([old, old, old, new], notes=checked.found.notes)
    assert checked() == (2, "shop: 2 errors, no notes; 3 in the baseline")


def test_a_baseline_shrinks_and_does_not_grow(folder: Path, checked: _Checked) -> None:
    first, second = finding(f"{folder}/sales.py:7"), finding(f"{folder}/stock.py:1")
    checked.found = Findings([first])
    checked(recording=True)

    checked.found = Findings([second])
    assert checked() == (2, "shop: 2 errors, no notes")  # what is new, and what is gone
    assert checked(recording=True) == (2, "shop: 1 error, no notes")
    assert json.loads(checked.baseline.read_text()) == {"findings": []}


@pytest.mark.parametrize(
    "code", ["map.unknown-module", "map.value", "topology.unknown-key", "relation.contradiction", "relation.no-module"]
)
def test_a_fault_of_the_map_itself_is_neither_recorded_nor_hidden(folder: Path, checked: _Checked, code: str) -> None:
    wrong = finding("remit-map.toml:4", "'shop.sales.appi' is no module", code=code)
    checked.found = Findings([finding(f"{folder}/sales.py:7"), wrong])
    assert checked(recording=True) == (2, "shop: 1 error, no notes; 1 in the baseline")
    assert code not in checked.baseline.read_text()
    assert checked() == (2, "shop: 1 error, no notes; 1 in the baseline")

    entry = {"code": code, "where": "remit-map.toml", "what": wrong.what}  # as an earlier release recorded it
    checked.baseline.write_text(json.dumps({"findings": [entry]}))
    checked.found = Findings([wrong])
    assert checked() == (2, "shop: 2 errors, no notes")  # the fault, and an entry that is to be removed
    assert checked(recording=True) == (2, "shop: 1 error, no notes")


def test_a_use_that_no_relation_covers_may_be_known(checked: _Checked) -> None:
    checked.found = Findings([finding("sales.py:7", code="relation.missing")])
    assert checked(recording=True) == (0, "shop: no errors, no notes; 1 in the baseline")


def test_each_entry_of_a_baseline_is_one_line_without_a_line_number(folder: Path, checked: _Checked) -> None:
    checked.found = Findings([finding(f"{folder}/b.py:7"), finding(f"{folder}/a.py:1")])
    checked(recording=True)
    entries = [line for line in checked.baseline.read_text().splitlines() if "code" in line]
    assert ['"where":"a.py"' in entries[0], '"where":"b.py"' in entries[1]] == [True, True]


@pytest.mark.parametrize("text", ["", "[]", '{"findings": [{"code": 1}]}', "{", '{"findings": [], "x": 1}'])
def test_a_file_that_is_no_baseline_is_refused(checked: _Checked, text: str) -> None:
    checked.baseline.write_text(text)
    with pytest.raises(Failure) as refused:
        checked()
    assert refused.value.code == "baseline.unreadable"


def test_a_missing_baseline_says_how_it_is_recorded(checked: _Checked) -> None:
    with pytest.raises(Failure, match="--record writes one"):
        checked()


def test_two_forms_at_once_are_refused() -> None:
    with pytest.raises(Failure, match="remove --json"):
        check("shop", json=True, form="sarif")


def test_a_recording_needs_a_file() -> None:
    with pytest.raises(Failure, match="--baseline"):
        check("shop", recording=True)


def test_a_baseline_is_the_same_from_another_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = folder / "shop"
    shop.mkdir()
    monkeypatch.chdir(folder)
    known = identity_of(finding("shop/sales.py:7"), Path("shop"))
    monkeypatch.chdir(shop)
    assert (
        known == identity_of(finding("sales.py:7"), Path()) == ("import.private", "sales.py", "sales imports billing")
    )


def test_a_finding_with_an_identity_is_known_by_it_wherever_it_is() -> None:
    one = Finding("import.cycle", "a.py:1", "a > b at a.py:1", identity="a > b")
    other = Finding("import.cycle", "c.py:9", "a > b at c.py:9", identity="a > b")
    assert identity_of(one, Path()) == identity_of(other, Path())


def test_without_a_system_a_map_is_proposed_as_the_beginning(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "tills").mkdir()
    (folder / "tills" / "__init__.py").touch()
    for named, proposed in ((".", "--propose . > remit-map.toml"), ("tills", "--propose tills > remit-map.toml")):
        with pytest.raises(Failure) as failed:
            check(named)
        assert failed.value.next.endswith(proposed)


def test_a_summary_is_text_only() -> None:
    with pytest.raises(Failure, match="--summary and --format sarif"):
        check(summary=True, form="sarif")


def test_a_summary_counts_by_code_and_contexts_and_begins_with_what_is_certain() -> None:
    found = Findings(
        Finding("import.unpublished", f"a.py:{line}", "x", contexts=("sales", other))
        for line, other in enumerate(["billing", "mail", "billing"])
    )
    found += [Finding("map.unknown-module", "remit-map.toml:1", "x")] * 4
    found.note("code.unowned", "b.py:1", "x")
    assert list(summarised(found)) == [
        "error  map.unknown-module       4",
        "error  import.unpublished       3  sales > billing (2), sales > mail (1)",
        "note   code.unowned             1",
        "",
        "Begin with map.unknown-module. What it means: remit check --explain map.unknown-module",
    ]
