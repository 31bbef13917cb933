"""What a process costs that has nothing to do."""

from benchmarks.areas import Area, AtMost, Measurement, Variant

_OURS = "remit, two contexts, one subscription"
_RUN = "remit run, the learning platform: four contexts, eight subscriptions, HTTP edge"
_SERVICE = "remit run, the busiest of four services over NATS, 30 seconds"
_POLL_100, _POLL_10 = "outbox polled every 100 ms", "outbox polled every 10 ms"

AREA = Area(
    name="idle",
    title="Idle: CPU of a process over 10 seconds without a message, SQLite stores open",
    variants=(
        Variant(_OURS, "benchmarks.delivery.ours:idle", packages=("remit", "uvloop"), rounds=3),
        Variant(_RUN, "benchmarks.idle.process:idle", packages=("remit", "uvicorn"), rounds=3),
        Variant(_SERVICE, "benchmarks.idle.process:service", packages=("remit", "uvicorn", "nats-py"), rounds=2),
        Variant(_POLL_100, "benchmarks.delivery.by_hand:idle_100_ms", rounds=3),
        Variant(_POLL_10, "benchmarks.delivery.by_hand:idle_10_ms", rounds=3),
    ),
    measurements=(
        Measurement(
            name="CPU of an idle process",
            unit="% of a core",
            ours=_OURS,
            peers=(_POLL_100, _POLL_10),
            targets=(AtMost(1.0),),
            less_is_better=True,
        ),
        Measurement(
            name="CPU of an idle remit run",
            unit="% of a core",
            ours=_RUN,
            peers=(_POLL_100, _POLL_10),
            targets=(AtMost(1.0),),
            less_is_better=True,
        ),
        Measurement(
            name="CPU of an idle service",
            unit="% of a core",
            ours=_SERVICE,
            peers=(_POLL_100, _POLL_10),
            targets=(AtMost(1.0),),
            less_is_better=True,
        ),
    ),
    notes=(
        "All threads of the process, heartbeats and look-outs for other processes included.",
        "remit run is a process of its own, and its CPU time is read from outside; it has played 20 students before.",
        (
            "The services are those of examples/learning/topologies/four-nats.toml: each answers calls and HTTP, "
            "passes on its events, follows others, and asks each other's log every 10 seconds. Of the four, the one "
            "that uses most counts."
        ),
    ),
)
