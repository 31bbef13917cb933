"""The layers that guard the promises, each with what it guards against."""

from __future__ import annotations

from learning.process import TOPOLOGIES
from tests.ablations.running import Ablation

__all__ = ["CASES", "FENCE"]

PAIRS = (TOPOLOGIES / "pairs-nats.toml").read_text()
EDGES = (TOPOLOGIES / "edges-http.toml").read_text()
TWO_SCHOOLS = PAIRS.replace('http = "127.0.0.1:8002"', 'http = "127.0.0.1:8020"\nreplicas = 2')
TWO_RELAYS = PAIRS.replace('["enrollment", "billing"]', '["certification"]').replace(
    '["learning", "certification"]\nhttp = "127.0.0.1:8002"',
    '["enrollment", "billing", "learning"]\nhttp = "127.0.0.1:8020"\nreplicas = 2',
)
"""The office has moved to the school, and certification to the office."""

FENCE = Ablation(
    "the broker refuses what it has",
    TWO_RELAYS,
    {"school": "everybody_runs_everything"},
    {"school": "publish_without_a_fence"},
    "",
)
CASES = [
    Ablation(
        "what the broker does not bring is pulled",
        PAIRS,
        {"school": "pushes_are_lossy"},
        {"school": "never_pull"},
        r"course records: .* is enrolled 1 times more than opened",
    ),
    Ablation(
        "a message names the one before",
        PAIRS,
        {"school": "pushes_are_lossy news_are_late"},
        {"school": "skip_gaps"},
        r"course records: .* is enrolled 1 times more than opened",
        hasty=True,
        at_once=1,  # otherwise somebody else's message soon leads to what was lost
    ),
    Ablation(
        "checkpoints are compared before they move",
        TWO_SCHOOLS,
        {"school": "everybody_runs_everything"},
        {"school": "move_checkpoints_blindly"},
        r"certificates: .* is (issued|shown) \d+ times more than (completed|issued)",
    ),
    Ablation(
        "a checkpoint moves with the effects",
        PAIRS,
        {"school": "dies_after_commits"},
        {"school": "commit_checkpoints_first"},
        r"(course records|certificates): .* is (enrolled|completed) 1 times more than",
    ),
    Ablation(
        "a key that is used is known",
        EDGES,
        {"door": "answers_are_lost"},
        {"school": "forget_that_keys_are_used"},
        r"a score was taken \d+ times",
    ),
    FENCE._replace(
        layer="what was handled is known",
        missing={"school": "publish_without_a_fence", "office": "handle_whatever_is_pushed"},
        finds=r"certificates: .* is (issued|shown) \d+ times more than (completed|issued)",
    ),
    Ablation(
        "messages of a key are in one partition",
        PAIRS,
        {"school": "commits_are_slow"},
        {"office": "partition_by_message"},
        r"course records of .* came as",
        hasty=True,
    ),
    Ablation(
        "messages wait behind a parked one",
        PAIRS,
        {"school": "first_records_fail"},
        {"school": "park_only_the_message"},
        r"course records of .* came as",
        hasty=True,
        retried="learning.follow_enrollment",
    ),
]
