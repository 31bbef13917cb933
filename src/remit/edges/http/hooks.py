"""The endpoints of webhooks: signature, then storage, then the answer. Only what is stored is answered with 2xx."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from remit.edges.http.problems import rejected
from remit.edges.http.request import Endpoint, HttpRequest, HttpResponse, Limits, json_answer
from remit.errors import BadMessage, DeadlineExceeded, Findings, one_of
from remit.runtime.calling.hooks import Hook

_ACCEPTED = b'{"accepted":true}'
_REPEATED = b'{"accepted":true,"repeated":true}'


def secrets_of(hooks: Iterable[Hook], environment: Mapping[str, str]) -> list[Sequence[bytes]]:
    """The secrets of each webhook. Raises `ModelError` with every webhook none of whose secrets is set."""
    findings, found = Findings(), list[Sequence[bytes]]()
    for hook in hooks:
        names = hook.source.verify.secrets
        values = [environment[name].encode() for name in names if environment.get(name)]
        if names and not values:
            findings.report(
                "webhook.secret", hook.name, f"no secret of {hook.source.name} is set, so signatures cannot be checked",
                expected=one_of(names), next=f"set the environment variable {names[0]}",
            )  # fmt: skip
        found.append(values)
    findings.settle()
    return found


def hook_endpoint(hook: Hook, secrets: Sequence[bytes], limits: Limits) -> Endpoint:
    """The endpoint of a webhook. Its answers are 202 for a new message and 200 for a repetition."""

    async def receive(request: HttpRequest) -> HttpResponse:
        body = await request.raw(limits)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.items()}
        fault = hook.fault(headers, body, secrets)
        if fault is not None:
            hook.refused(fault)
            raise rejected("webhook.signature", f"The request is not accepted: {fault}", where="headers")
        try:
            async with asyncio.timeout(request.remaining(limits)):
                is_new = await hook.accept(headers, body)
        except BadMessage as error:
            hook.refused(error.what)
            raise rejected("http.malformed-json", error.what, where="body") from error
        except TimeoutError:
            raise DeadlineExceeded(
                "the deadline passed before the message was stored", where=hook.name, expected="a store that answers",
                next="send it again",
            ) from None  # fmt: skip
        return json_answer(202, _ACCEPTED) if is_new else json_answer(200, _REPEATED)

    async def bounded(request: HttpRequest) -> HttpResponse:
        crowd = limits.crowd
        if crowd.size >= limits.max_requests:
            raise crowd.turned_away(limits.max_requests)
        crowd.size += 1
        try:
            return await receive(request)
        finally:
            crowd.size -= 1

    return bounded
