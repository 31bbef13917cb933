"""Modules that import one another in a circle are an error that names shared kernels as a cause."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from remit.hosting.failures import Failure
from remit.hosting.finding import find_system


def test_circle_of_imports_names_shared_kernels_as_a_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "circular_sales.py").write_text("from circular_kernel import Money\nclass Price: ...\n")
    (tmp_path / "circular_kernel.py").write_text("from circular_sales import Price\nclass Money: ...\n")
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Failure) as failed:
        find_system("circular_sales")
    assert "kernel.dependent" in failed.value.next
