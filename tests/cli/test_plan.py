"""`remit plan`: what a topology means, before anything runs."""

from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.program import DEADLINE, REMIT, is_clear

EXAMPLES = Path(__file__).parents[2] / "examples"
BROKER = "nats://me:hush@127.0.0.1:4222"


def remit_plan(*arguments: str, beside: Path = EXAMPLES) -> subprocess.CompletedProcess[str]:
    """`remit plan` beside the examples; names without a slash are topologies of the learning platform."""
    named = [
        each if each.startswith(("-", "/")) else f"learning/topologies/{each}.toml" for each in arguments
    ]  # fmt: skip
    return subprocess.run(
        [REMIT, "plan", *named],
        cwd=beside,
        env=os.environ | {"NATS_URL": BROKER, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )


def squeezed(text: str) -> list[str]:
    """The lines with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_it_shows_services_stores_channels_and_what_travels() -> None:
    planned = remit_plan("apart-nats")
    assert planned.returncode == 0, planned.stderr
    lines = squeezed(planned.stdout)
    assert "SERVICE ENROLLMENT BILLING LEARNING CERTIFICATION HTTP" in lines
    assert "learning-read · · read · ·" in lines
    assert "learning sqlite:learning/topologies/data/learning.db learning-write, learning-read" in lines
    assert "calls nats://127.0.0.1:4222 json" in lines
    assert "events enrollment.write learning.write nats (office → learning-write)" in lines
    assert "calls enrollment.write billing.write in-process" in lines
    assert "hush" not in planned.stdout


def test_it_shows_the_ports_of_replicas() -> None:
    assert any("enrollment ×2" in line and "8010-8011" in line for line in squeezed(remit_plan("replicas-http").stdout))


def test_as_json_it_is_complete() -> None:
    planned = remit_plan("replicas-http", "--json")
    document = json.loads(planned.stdout)
    assert document["system"] == "learning.system:platform"
    assert document["services"]["billing"]["http"] == ["127.0.0.1:8020", "127.0.0.1:8021"]
    assert document["services"]["billing"]["runs"] == {"billing": ["write", "read", "edge"]}
    assert document["addresses"]["billing.log"] == ["127.0.0.1:9020", "127.0.0.1:9021"]
    assert document["channels"] == {"events": None, "calls": {"over": "http", "codec": "json"}}
    assert document["reactions"][0] == {
        "name": "enrollment.settle_what_is_pending", "source": "enrollment", "channel": "private", "together_with": [],
        "models": ["Enrollment"],
    }  # fmt: skip
    assert "hush" not in planned.stdout


DESK = """
from remit import Aggregate, Context, DomainEvent, IntegrationEvent, Record, Records, Repository, System

class Placed(DomainEvent):
    id: str
class Cancelled(DomainEvent):
    id: str
class Hold(Aggregate[str, Placed | Cancelled]): ...
class Copy(Aggregate[str]): ...
class Room(Record[str]): ...
desk = Context("desk")
@desk.react(Placed)
async def open_room(event: Placed, rooms: Records[Room]) -> None: ...
@desk.react(Cancelled)
async def close_room(event: Cancelled, rooms: Records[Room]) -> None: ...
@desk.react(Placed)
async def on_placed(event: Placed, copies: Repository[Copy]) -> None: ...
@desk.react(Cancelled)
async def on_cancelled(event: Cancelled, copies: Repository[Copy], holds: Repository[Hold]) -> None: ...
@desk.react(Placed)
async def tell(event: Placed) -> None: ...
system = System("desk", contexts=[desk])
"""


def test_it_says_which_reactions_follow_together_and_which_are_independent(tmp_path: Path) -> None:
    (tmp_path / "desk_plan.py").write_text(DESK)
    path = tmp_path / "desk.toml"
    path.write_text('system = "desk_plan:system"\n[services.a]\nruns = ["*"]\n')
    lines = squeezed(remit_plan(str(path), beside=tmp_path).stdout)
    assert "REACTION FOLLOWS IN ONE ORDER WITH MODELS" in lines
    assert "desk.on_placed desk private on_cancelled Copy, Hold" in lines
    assert "desk.on_cancelled desk private on_placed Copy, Hold" in lines
    assert "desk.open_room desk private close_room Room" in lines
    assert "desk.tell desk private independent" in lines


def test_it_draws(tmp_path: Path) -> None:
    assert remit_plan("four-nats", "--mermaid").stdout.startswith("flowchart LR\n")
    picture = tmp_path / "plan.svg"
    assert remit_plan("four-nats", "--svg", str(picture)).returncode == 0
    assert ET.fromstring(picture.read_text()).tag.endswith("svg")
    unwritable = remit_plan("four-nats", "--svg", str(tmp_path / "nowhere" / "plan.svg"))
    assert unwritable.returncode == 2
    assert is_clear(unwritable.stderr, "plan.unwritable")


def test_it_says_what_moving_means() -> None:
    moved = remit_plan("monolith", "pairs-http")
    assert moved.returncode == 0, moved.stderr
    lines = squeezed(moved.stdout)
    assert "component learning.write platform school" in lines
    assert "events enrollment.write → learning.write in-process http" in lines
    assert "Every store stays where it is: no data moves, and every checkpoint stays valid." in lines
    changes = json.loads(remit_plan("monolith", "pairs-http", "--json").stdout)["changes"]
    assert {"about": "component", "what": "learning.write", "before": "platform", "after": "school"} in changes
    assert "Nothing changes." in remit_plan("monolith", "monolith").stdout


def test_it_refuses_a_move_that_leaves_data_behind(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text((EXAMPLES / "learning/topologies/monolith.toml").read_text())
    refused = remit_plan("monolith", str(other))
    assert refused.returncode == 2
    assert is_clear(refused.stderr, "topology.store-moved")
    assert refused.stderr.count("topology.store-moved") == 4


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nothing = 1", "topology.incomplete"),
        ('system = "learning.system:platform"\n[services.a]\nruns = ["enrollment"]', "topology.unplaced"),
        ('system = "learning.nowhere:platform"\n[services.a]\nruns = ["*"]', "system.module"),
    ],
)
def test_it_refuses_what_cannot_be(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    refused = remit_plan(str(path))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert is_clear(refused.stderr, code)


@pytest.mark.parametrize("options", [("--json", "--mermaid"), ("monolith", "--mermaid")])
def test_it_takes_one_form_at_a_time(options: tuple[str, ...]) -> None:
    refused = remit_plan("monolith", *options)
    assert refused.returncode == 2
    assert is_clear(refused.stderr, "cli.usage")
