"""The cases of the data sets of others, in the folder that the variable REMIT_CONFORMANCE names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conformance.__main__ import SETS
from tests.conformance.results import Result

FOLDER = Path(os.environ["REMIT_CONFORMANCE"])


@pytest.mark.parametrize("name", SETS)
def test_every_case_of_a_set_passes(name: str) -> None:
    results: list[Result] = list(SETS[name](FOLDER / name))
    assert results
    assert [result for result in results if result.reason] == []
