"""Proves which service makes a call, and checks that. A key pair per service; no secret that two pairs share.

Each service has a private key (X25519, RFC 7748), and everybody may know its public key. From its private key and the
public key of another service, each of the two derives the same key, which nobody else can derive. A call carries a code
(keyed BLAKE2b, RFC 7693) made with that key over the caller, the receiver, the time, the address, and all that the
request carries. So a recorded call is worth nothing at another service, at another address, with another content, or
after `WINDOW_SECONDS`. Within these seconds, a repeated command is recognised by its idempotency key.

An answer carries a code over the proof of its request and all that it carries itself. So nobody else can answer at the
address of a service.
"""

from __future__ import annotations

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from remit.errors import ChannelError, NotAllowed
from remit.transports.calls import CallRequest, CallResponse
from remit.transports.grants import OUTSIDE, Grants, readable, refusal, subject_of

WINDOW_SECONDS = 300.0
"""How far the clocks of two services, and the time on the way, may make the time of a call differ from the own one."""
_DOMAIN = b"remit calls 1"
_written = msgspec.msgpack.Encoder(order="deterministic").encode


class KeyPair(NamedTuple):
    """The keys of a service as texts: 43 characters of URL-safe base64 each."""

    private: str
    public: str


def new_pair() -> KeyPair:
    """Makes a key pair."""
    private = X25519PrivateKey.generate()
    return KeyPair(_text(private.private_bytes_raw()), _text(private.public_key().public_bytes_raw()))


def public_of(private: str) -> str:
    """The public key that belongs to a private one. Raises `ChannelError` if the text is not a key."""
    return _text(_private(private).public_key().public_bytes_raw())


class Peer(NamedTuple):
    """A service that is called: its name, and its public key."""

    name: str
    public: str


class Keys:
    """The keys of one process: it proves its own calls, and checks those of others against the grants."""

    def __init__(self, service: str, private: str, grants: Grants, clock: Callable[[], float] = time.time) -> None:
        """`service` is the name of the own service. `clock` gives seconds since the epoch.

        Raises `ChannelError` if `private` is not a key.
        """
        self._service = service
        self._own = _private(private)
        self._public = public_of(private)
        self._grants = grants
        self._clock = clock
        self._shared: dict[str, tuple[bytes, bytes]] = {}

    def prove(self, to: Peer, address: str, request: CallRequest) -> str:
        """The proof of a request: the own name, the time in milliseconds, and the code."""
        at = int(self._clock() * 1000)
        key, _ = self._keys_with(to.public)
        return f"{self._service} {at} {_code(key, self._service, to.name, at, address, request)}"

    def refused(self, proof: str, address: str, request: CallRequest) -> str:
        """Why a request is not believed or not allowed; empty if it is. Reads changed grants first: what was granted
        may have been withdrawn."""
        return self.unknown(proof) or self._refused(proof, address, request)

    def unknown(self, proof: str) -> str:
        """Why a request cannot be believed whatever else it carries, so that its body need not be read: its proof is
        none, or names no service with a key. Empty if the rest decides. Reads changed grants first."""
        self._grants.renew()
        service, at, code = _parts(proof)
        if not (code and at.isdecimal() and len(at) < 16):
            return "the call does not prove which service makes it"
        grant = self._grants.of(service)
        return "" if grant is not None and grant.public else f"the grants know no service {service!r} with a key"

    def reads(self, proof: str, address: str, request: CallRequest) -> Collection[str] | None:
        """The types of the messages that the caller may read, if a request that is not refused reads a log; None for
        all."""
        grant = self._grants.of(_parts(proof)[0]) if request.kind == "read" else None
        return None if grant is None else readable(grant, request.speaker, address)

    def seal(self, proof: str, answer: CallResponse) -> str:
        """The proof of an answer to the request with this proof; empty if it was made by nobody who is known."""
        grant = self._grants.of(proof.partition(" ")[0])
        try:
            return _seal(self._keys_with(grant.public)[0], proof, answer) if grant is not None and grant.public else ""
        except ChannelError:
            return ""

    def is_sealed(self, by: Peer, proof: str, answer: CallResponse, seal: str) -> bool:
        """Whether an answer was given by this service, to the request with this proof. So is any answer that a call is
        not allowed: the service may not know who asks."""
        right = _seal(self._keys_with(by.public)[1], proof, answer)
        return answer.status == NotAllowed.code or (seal.isascii() and hmac.compare_digest(seal, right))

    def _refused(self, proof: str, address: str, request: CallRequest) -> str:
        service, at, code = _parts(proof)
        grant = self._grants.of(service)
        assert grant is not None  # noqa: S101  # unknown otherwise
        try:
            key = self._keys_with(grant.public)[1]
        except ChannelError:
            return f"the key of {_named(service)} in the grants is no key"
        if not code.isascii() or not hmac.compare_digest(
            code, _code(key, service, self._service, int(at), address, request)
        ):
            pair = f"{_named(service)} for {self._service}"
            return f"the call was not made with the key of {pair}, or was changed on its way"
        late = self._clock() - int(at) / 1000
        if abs(late) > WINDOW_SECONDS:
            return f"{_named(service)} made the call {late:.0f} s ago by the clock here; at most {WINDOW_SECONDS:.0f} s"
        why = refusal(grant, request.speaker, address, subject_of(request.kind, request.headers))
        return why and f"{_named(service)}: {why}"

    def _keys_with(self, public: str) -> tuple[bytes, bytes]:
        """The keys for calls to a service and from it. Computed once per service."""
        keys = self._shared.get(public)
        if keys is None:
            try:
                secret = self._own.exchange(X25519PublicKey.from_public_bytes(_bytes(public)))
            except ValueError:
                raise _unfit("public") from None
            mine, theirs = self._public.encode(), public.encode()
            keys = self._shared[public] = (_derived(secret, mine, theirs), _derived(secret, theirs, mine))
        return keys


def _parts(proof: str) -> tuple[str, str, str]:
    """The name of the service, the time and the code; empty for what is missing."""
    service, at, code = [*proof.split(" "), "", "", ""][:3]
    return service, at, code


def _named(service: str) -> str:
    return "a program outside" if service == OUTSIDE else service


def _derived(secret: bytes, sender: bytes, receiver: bytes) -> bytes:
    return blake2b(_DOMAIN + sender + receiver, key=secret, digest_size=32).digest()


def _code(key: bytes, sender: str, receiver: str, at: int, address: str, request: CallRequest) -> str:
    whole = _written((sender, receiver, at, address, request.kind, request.speaker, request.headers))
    code = blake2b(whole, key=key, digest_size=32)
    code.update(request.body)
    return code.hexdigest()


def _seal(key: bytes, proof: str, answer: CallResponse) -> str:
    code = blake2b(_written(("answer", proof, answer.status, answer.headers)), key=key, digest_size=32)
    code.update(answer.body)
    return code.hexdigest()


def _private(text: str) -> X25519PrivateKey:
    try:
        return X25519PrivateKey.from_private_bytes(_bytes(text))
    except ValueError:
        raise _unfit("private") from None


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=")


def _text(key: bytes) -> str:
    return urlsafe_b64encode(key).decode().rstrip("=")


def _unfit(which: str) -> ChannelError:
    return ChannelError(
        f"the {which} key of a service is not a key (it is not shown)", where="calls over HTTP",
        expected="a key that `remit key` has made", next="remit key SERVICE makes a new pair",
    )  # fmt: skip
