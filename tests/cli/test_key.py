"""`remit key`: makes a key pair, and says where each half belongs."""

from __future__ import annotations

import json
import tomllib

import pytest

from remit.cli.program import execute
from remit.transports.http.keys import public_of


@pytest.mark.parametrize(
    ("argument", "variable", "table"),
    [
        ("front-office", "FRONT_OFFICE_KEY", ("services", "front-office")),
        ("--outside", "OUTSIDE_KEY", ("channels", "calls")),
    ],
)
def test_a_key_pair_is_printed_for_the_environment_and_for_the_topology(
    argument: str, variable: str, table: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["key", argument]) == 0
    secret, _, rest = capsys.readouterr().out.partition("\n\n")
    name, _, private = secret.splitlines()[1].partition("=")
    settings = tomllib.loads(rest)[table[0]][table[1]]
    assert (name, settings) == (variable, {"key": f"${{{variable}}}", "public": public_of(private)})
    assert private not in rest


def test_as_json_each_half_has_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    pairs: list[dict[str, str]] = []
    for _ in range(2):
        assert execute(["key", "front", "--json"]) == 0
        pairs.append(json.loads(capsys.readouterr().out))
    assert {(each["service"], each["variable"]) for each in pairs} == {("front", "FRONT_KEY")}
    assert pairs[0]["private"] != pairs[1]["private"]
    assert all(public_of(each["private"]) == each["public"] for each in pairs)


@pytest.mark.parametrize("arguments", [[], ["front", "--outside"], ["Front Office"]])
def test_whose_key_it_is_has_to_be_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["key", *arguments]) == 2
    assert "remit key SERVICE" in capsys.readouterr().err
