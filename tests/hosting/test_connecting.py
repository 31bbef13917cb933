"""Calling the services of a topology from outside of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from learning.ids import StudentId
from learning.learning.api import Transcript
from learning.system import platform
from remit.errors import CallError, ModelError
from remit.observability import CallEnded, ProcessStarted, ProcessStopping
from tests.runtime.heard import Heard
from tests.servers.ports import free_port


async def test_services_that_no_channel_leads_to_cannot_be_called(tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    file.write_text('system = "learning.system:platform"\n[services.all]\nruns = ["*"]\nhttp = "127.0.0.1:8000"\n')
    with pytest.raises(ModelError) as raised:
        async with platform.connect(topology=str(file)):
            pass
    (finding,) = raised.value.findings
    assert (finding.code, finding.where) == ("topology.no-calls", f"{file} [channels] calls")
    assert 'calls = "http"' in finding.next


async def test_a_listener_is_told_of_the_process_that_calls(tmp_path: Path) -> None:
    """Not of the services that are called: what happens there, their own listeners are told."""
    file, heard = tmp_path / "one.toml", Heard()
    file.write_text(
        'system = "learning.system:platform"\n[channels]\ncalls = "http"\n'
        f'[services.all]\nruns = ["*"]\ncalls = "127.0.0.1:{free_port()}"\n'
    )
    async with platform.connect(topology=str(file), listeners=[heard]) as app:
        with pytest.raises(CallError):
            await app.ask(Transcript(student=StudentId("s")), deadline=0.2)
    (started,), (stopping,), (ended,) = heard.of(ProcessStarted), heard.of(ProcessStopping), heard.of(CallEnded)
    assert started.process == stopping.process
    assert started.process.split(":")[1] == str(os.getpid())
    assert (ended.context, ended.elsewhere) == ("learning", True)
    assert ended.outcome in ("unavailable", "deadline")  # nobody answers; a slow machine may not even find that out
