"""The kinds of channels there are, by the word or the URL with which a topology file names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from remit.errors import ChannelError
from remit.messages import Encoding
from remit.stores.technology import StoreTechnology
from remit.topology.stores import STORES, found, installed, of_others, store_technology
from remit.transports.http import HTTP
from remit.transports.nats import NATS
from remit.transports.technology import ChannelTechnology

GROUP = "remit.channels"
"""The entry points of those of other distributions."""
CODECS: tuple[Encoding, ...] = get_args(Encoding)


def _reading(store: StoreTechnology) -> ChannelTechnology:
    """The channel that is none: followers read the logs in the stores."""
    return ChannelTechnology(store.name, store.title, form=store.name, direct=True)


CHANNELS: tuple[ChannelTechnology, ...] = (NATS, HTTP, *(_reading(each) for each in STORES.values() if each.published))
FOR_BROKER, FOR_CALLS = NATS, HTTP
"""What is proposed to whoever lacks a broker, or a channel for calls."""
FOR_LOGS = next(each for each in STORES.values() if each.published)
"""The store that is proposed to whoever wants followers to read the logs of others."""
_BY_WORD: Mapping[str, ChannelTechnology] = {word: each for each in CHANNELS for word in (each.schemes or (each.name,))}


def channel_forms(what: str) -> str:
    """How the channels of our own look that carry `calls`, or `events`."""
    return " or ".join(each.form if each.schemes else f'"{each.form}"' for each in CHANNELS if each.carries(what))


def all_channel_forms(what: str) -> str:
    """The same, and how those look that other distributions bring, for who has written none of them."""
    others = [each.form for each in installed(GROUP, ChannelTechnology, ChannelError) if each.carries(what)]
    return f"{channel_forms(what)}; or {of_others(GROUP, list(dict.fromkeys(others)))}"


def channel_technology(url: str, what: str) -> ChannelTechnology | None:
    """The kind of channel that a word or a URL names, ours or another's, if it carries `calls`, or `events`.

    Raises `ChannelError` and `StoreError` for a broken one of another's.
    """
    word, colon, _ = url.strip().partition(":")
    technology = _BY_WORD.get(word) or found(GROUP, word, ChannelTechnology, ChannelError)
    if technology is None and (store := store_technology(word)) is not None and store.published:
        technology = _reading(store)
    fits = technology is not None and technology.carries(what) and bool(colon) is bool(technology.schemes)
    return technology if fits else None
