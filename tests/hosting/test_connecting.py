"""Calling the services of a topology from outside of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from learning.system import platform
from remit import ModelError


async def test_services_that_no_channel_leads_to_cannot_be_called(tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    file.write_text('system = "learning.system:platform"\n[services.all]\nruns = ["*"]\nhttp = "127.0.0.1:8000"\n')
    with pytest.raises(ModelError) as raised:
        async with platform.connect(topology=str(file)):
            pass
    (finding,) = raised.value.findings
    assert (finding.code, finding.where) == ("topology.no-calls", f"{file} [channels] calls")
    assert 'calls = "http"' in finding.next
