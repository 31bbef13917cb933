"""The permissions of each broker user, as the `authorization` block of a NATS server's configuration.

A service may call only what the context map grants to the contexts that it runs, and only in their names. It may
publish only events of contexts whose `write` it runs, as far as they go over the broker, listen to the private channel
only of contexts that it runs a component of, and receive replies only to its own calls. Everything that `remit` does
works under these rules.

The server cannot restrict what a stream takes in that is created under a permitted name: which subjects, and which
other streams as its sources. So no service may create, change or delete a stream. The user `ADMINISTRATOR` may, and can
do nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from remit.errors import ChannelError
from remit.log import Channel
from remit.messages.component import Component
from remit.transports.grants import ANYTHING, PING
from remit.transports.nats.calls import call_subject
from remit.transports.nats.connection import inbox_of
from remit.transports.nats.streams import stream_name, subjects
from remit.transports.technology import BrokerUser

ADMINISTRATOR = "administrator"
"""The user with whose credentials `remit migrate` creates the streams."""
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def permissions(system: str, users: Sequence[BrokerUser]) -> str:
    """The block for these users. A password is read from the server's environment variable `<USER>_PASSWORD`.

    Raises `ChannelError` for a user whose name cannot be part of a subject, or is that of the administrator, and for
    two who would have one variable.
    """
    _refuse_shared_passwords([*(user.name for user in users), ADMINISTRATOR])
    blocks = "\n".join([*(_user(system, user) for user in users), *_administrator(system, users)])
    return f"authorization {{\n  users = [\n{blocks}\n  ]\n}}\n"


def _refuse_shared_passwords(users: Iterable[str]) -> None:
    """Whoever knows the password of one could connect as the other one."""
    named: dict[str, str] = {}
    for user in users:
        other = named.setdefault(variable := _variable(user), user)
        if other != user:
            raise ChannelError(
                f"the users {other!r} and {user!r} would have one password, from {variable}", where="credentials",
                expected="names that differ in more than case, and - in place of _",
                next="another user in `credentials` of one of the services",
            )  # fmt: skip


def _variable(user: str) -> str:
    """The variable in the environment of the server that holds the password of a user."""
    return user.upper().replace("-", "_") + "_PASSWORD"


def _user(system: str, user: BrokerUser) -> str:
    if not _NAME.fullmatch(user.name):
        raise ChannelError(
            f"the user {user.name!r} cannot be part of a subject", where="credentials",
            expected="letters, digits, - and _",
            next="another user in `credentials` of the service",
        )  # fmt: skip
    if user.name == ADMINISTRATOR:
        raise ChannelError(
            f"{ADMINISTRATOR!r} is the user who creates the streams, and no service", where="credentials",
            expected="a user of its own for each service", next="another user in `credentials` of the service",
        )  # fmt: skip
    answers = '        allow_responses: { max: 1, expires: "10m" }\n'
    return _block(user.name, _publishes(system, user), _subscribes(system, user), answers)


def _administrator(system: str, users: Sequence[BrokerUser]) -> Iterable[str]:
    """The user who creates the streams. Nobody if there are none: to NATS an empty list would mean everything."""
    streams = {stream_name(system, *each) for user in users for each in _relayed(user)}
    may = [f"$JS.API.STREAM.{what}.{name}" for name in streams for what in ("CREATE", "INFO", "UPDATE", "DELETE")]
    if may:
        yield _block(ADMINISTRATOR, may, [f"{inbox_of(ADMINISTRATOR)}.>"], "")


def _block(name: str, publish: Iterable[str], subscribe: Iterable[str], more: str) -> str:
    return (
        f"    {{\n"
        f'      user: "{name}", password: ${_variable(name)}\n'
        f"      permissions: {{\n"
        f"        publish: {{ allow: [{_listed(publish)}] }}\n"
        f"        subscribe: {{ allow: [{_listed(subscribe)}] }}\n"
        f"{more}"
        f"      }}\n"
        f"    }}"
    )


def _listed(names: Iterable[str]) -> str:
    return "\n" + "".join(f'          "{name}"\n' for name in sorted(set(names))) + "        "


def _relayed(user: BrokerUser) -> Iterable[tuple[str, Channel]]:
    for channel, relayed in ((Channel.PUBLISHED, user.relays), (Channel.PRIVATE, user.relays_private)):
        for context in relayed:
            yield context, channel


def _publishes(system: str, user: BrokerUser) -> Iterable[str]:
    for context, channel in _relayed(user):
        yield f"{subjects(system, context, channel)}.*"
        for question in ("INFO", "MSG.GET"):
            yield f"$JS.API.STREAM.{question}.{stream_name(system, context, channel)}"
    for speaker, allowed in user.speaks.items():
        for address, subjects_there in allowed.items():
            for what in subjects_there if ANYTHING in subjects_there else (*subjects_there, PING):
                yield call_subject(system, address, speaker, what)


def _subscribes(system: str, user: BrokerUser) -> Iterable[str]:
    yield f"{inbox_of(user.name)}.>"
    for context in user.writes | user.reads | user.opens:
        yield f"{subjects(system, context, Channel.PRIVATE)}.*"
        yield call_subject(system, Component(context, "log"), "*", "*")
    for context in user.writes | user.reads | user.opens | user.follows:
        yield f"{subjects(system, context, Channel.PUBLISHED)}.*"
    for context in user.writes:
        yield call_subject(system, Component(context, "write"), "*", "*")
    for context in user.reads:
        yield call_subject(system, Component(context, "read"), "*", "*")
