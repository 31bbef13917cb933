"""`remit impact`: what an outage of a context does, and what a change of a message concerns."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from learning.process import TOPOLOGIES
from remit.advisor.recording import RecordedCalls, Recording
from remit.cli.program import execute
from tests.cli.program import is_clear

PLATFORM = "learning.system:platform"


def squeezed(text: str) -> list[str]:
    """The lines with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


def impact(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert execute(["impact", *arguments]) == code
    printed = capsys.readouterr()
    return printed.err if code else printed.out


def test_it_shows_what_fails_waits_and_becomes_stale(capsys: pytest.CaptureFixture[str]) -> None:
    lines = squeezed(impact(capsys, "billing", PLATFORM))
    calls = "enrollment.Enroll → billing.ConfirmInvoice estimate"
    assert lines.count(f"enrollment.Enroll POST /students/{{student}}/enrollments {calls}") == 2, "down and slow"
    assert "billing is down" in lines
    assert "billing is slow" in lines
    waits = "enrollment.settle_what_is_pending → billing.ConfirmInvoice estimate"
    assert f"enrollment.settle_what_is_pending {waits}" in lines
    stale = "enrollment.EnrollmentsOf Enrollments enrollment.settle_what_is_pending → Reject → Withdrawn estimate"
    assert stale in lines
    assert "certification issue_certificate, CertificatesOf" in lines
    assert "billing is slow" not in squeezed(impact(capsys, "billing", PLATFORM, "--down"))
    assert "billing is down" not in squeezed(impact(capsys, "billing", PLATFORM, "--slow"))


def test_its_json_has_every_point_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(impact(capsys, "learning", PLATFORM, "--json"))
    assert (document["system"], document["together"]) == ("learning", [])
    down = document["down"]
    assert {
        "kind": "reaction", "name": "certification.issue_certificate", "context": "certification",
        "because": ["learning.CourseCompleted", "certification.issue_certificate"], "basis": "declared",
    } in down["waits"]  # fmt: skip
    stale = {each["model"]: each["for"] for each in down["models"]}
    assert stale["certification.CertificatesOf"] == [
        "certification.Certificates",
        "GET /students/{student}/certificates",
    ]
    assert "enrollment.Enroll" in {each["name"] for each in down["goes_on"]}
    assert "enrollment.Enroll" in down["unaffected"]
    assert document["slow"]["of"] == "learning"


def test_with_a_topology_it_takes_services_too(capsys: pytest.CaptureFixture[str]) -> None:
    edges = str(TOPOLOGIES / "edges-http.toml")
    lines = squeezed(impact(capsys, "door", edges, "--down"))
    assert "billing.edge GET /students/{student}/invoices its edge is down declared" in lines
    four = str(TOPOLOGIES / "four-http.toml")
    assert "learning" in json.loads(impact(capsys, "learning", four, "--service", "--json"))["down"]["of"]
    assert is_clear(impact(capsys, "learning", PLATFORM, "--service", code=2), "service.unknown")
    assert is_clear(impact(capsys, "dor", edges, code=2), "context.unknown")


def test_it_shows_what_a_change_of_a_message_concerns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = squeezed(impact(capsys, "enrollment", PLATFORM, "--contract", "StudentEnrolled"))
    (follows,) = (line for line in lines if line.startswith("learning learning.follow_enrollment reacts to"))
    assert follows.endswith("OpenHost declared")
    document = json.loads(impact(capsys, "billing", PLATFORM, "--contract", "billing.ConfirmInvoice", "--json"))
    assert [each["what"] for each in document["uses"]] == ["declares", "handles", "calls", "calls"]
    for named in ("StudentEnroled", "ConfirmInvoice"):
        assert is_clear(impact(capsys, "enrollment", PLATFORM, "--contract", named, code=2), "message.unknown")
    assert is_clear(impact(capsys, "enrolment", PLATFORM, "--contract", "Enroll", code=2), "context.unknown")


def test_it_shows_recorded_calls(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "calls.json"
    message = "billing.ConfirmInvoice"
    calls = [
        RecordedCalls("enrollment", message, "enrollment.Enroll", count=4, failed=1, seconds=2.0, longest=1.5),
        RecordedCalls("enrollment", "billing.Gone", "enrollment.Enroll", count=1),
    ]
    path.write_bytes(msgspec.json.encode(Recording(calls)))
    lines = squeezed(impact(capsys, "billing", PLATFORM, "--down", "--measured", str(path)))
    assert "enrollment.Enroll billing.ConfirmInvoice 4 1 0.500 1.500" in lines
    assert "enrollment.settle_what_is_pending billing.ConfirmInvoice 0 0 · ·" in lines, "an estimate, never seen"
    assert "Recorded, and not in this system: enrollment.Enroll → billing.Gone" in lines
    document = json.loads(impact(capsys, "billing", PLATFORM, "--down", "--measured", str(path), "--json"))
    assert document["measured"][0]["count"] == 4
    path.write_text("{}")
    assert is_clear(impact(capsys, "billing", PLATFORM, "--measured", str(path), code=2), "impact.recording")
    assert is_clear(impact(capsys, "billing", PLATFORM, "--measured", str(tmp_path), code=2), "impact.recording")


def test_a_code_map_is_refused_by_one_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "remit-map.toml"
    file.write_text('[map]\nname = "shop"\n[contexts.sales]\npackages = ["sales"]\n')
    said = impact(capsys, "sales", str(file), code=2)
    assert is_clear(said, "cli.usage")
    assert "is a code map, and impact needs a system or a topology" in said
