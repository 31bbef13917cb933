"""The limit of the edge: an ASGI application by hand, for the one request that it knows."""

from typing import Any

from benchmarks.calls.words import Total, read_order, write


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    order = read_order(body)
    answer = write(Total(order.order, order.amount + 1))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
