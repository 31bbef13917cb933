"""What a proof costs beside a signature, without a network: `python -m benchmarks.calls.proofs`.

Measured in turns in one process, so that noise falls on both. Prints the least time of each in microseconds.
"""

import timeit
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.calls.words import BODY
from remit.transports import CallRequest, CallResponse, Grant
from remit.transports.http.keys import Keys, Peer, new_pair

ROUNDS, CALLS = 9, 5000
ADDRESS = "sales.read"
HEADERS = {
    "content-type": "application/json", "remit-type": "sales.Quote", "remit-version": "1", "remit-attempt": "0",
    "remit-timeout-ms": "10000", "remit-trace": "0190f7a2c4e87b3c9d1e5f60718293a4",
}  # fmt: skip


class _Known:
    def __init__(self, public: str) -> None:
        self._grant = Grant(public, {"billing": {ADDRESS: ["*"]}})

    def of(self, service: str) -> Grant:
        return self._grant

    def renew(self) -> bool:
        return False


def measured() -> dict[str, float]:
    """The least microseconds of each, by name."""
    caller, called = new_pair(), new_pair()
    request = CallRequest("query", HEADERS, BODY, "billing")
    known = _Known(caller.public)
    ours, theirs = Keys("back", caller.private, known), Keys("front", called.private, known)
    to = Peer("front", called.public)
    proof = ours.prove(to, ADDRESS, request)
    if refused := theirs.refused(proof, ADDRESS, request):
        raise RuntimeError(refused)
    answer = CallResponse("ok", {"content-type": "application/json"}, b'{"reply":{"order":"o-1","total":1251}}')
    seal = theirs.seal(proof, answer)
    private = Ed25519PrivateKey.generate()
    public, content = private.public_key(), repr(HEADERS).encode() + BODY
    signature = private.sign(content)
    variants: dict[str, Callable[[], Any]] = {
        "make a proof": lambda: ours.prove(to, ADDRESS, request),
        "check a proof and the grant": lambda: theirs.refused(proof, ADDRESS, request),
        "make the proof of an answer": lambda: theirs.seal(proof, answer),
        "check the proof of an answer": lambda: ours.is_sealed(to, proof, answer, seal),
        "Ed25519: sign": lambda: private.sign(content),
        "Ed25519: verify": lambda: public.verify(signature, content),
    }
    rounds = [{name: timeit.timeit(run, number=CALLS) for name, run in variants.items()} for _ in range(ROUNDS)]
    return {name: min(each[name] for each in rounds) / CALLS * 1e6 for name in variants}


if __name__ == "__main__":
    for name, microseconds in measured().items():
        print(f"{name:<28} {microseconds:6.1f} µs")
