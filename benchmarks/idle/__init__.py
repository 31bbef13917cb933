"""What a process costs that has nothing to do."""

from benchmarks.areas import Area, AtMost, Measurement, Variant

_OURS = "remit, two contexts, one subscription"
_POLL_100, _POLL_10 = "outbox polled every 100 ms", "outbox polled every 10 ms"

AREA = Area(
    name="idle",
    title="Idle: CPU of a process over 10 seconds without a message, SQLite stores open",
    variants=(
        Variant(_OURS, "benchmarks.delivery.ours:idle", packages=("remit", "uvloop"), rounds=3),
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
    ),
    notes=("All threads of the process, heartbeats and look-outs for other processes included.",),
)
