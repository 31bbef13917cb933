"""The kinds of channels, by the word or the URL scheme with which a topology file names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from remit.errors import ChannelError, nearest
from remit.messages import Encoding
from remit.stores.technology import StoreTechnology
from remit.topology.stores import STORES, found, installed, of_others, store_technology
from remit.transports.http import HTTP
from remit.transports.nats import NATS
from remit.transports.technology import ChannelTechnology

GROUP = "remit.channels"
"""The group of entry points for channels of other distributions."""
CODECS: tuple[Encoding, ...] = get_args(Encoding)


def _reading(store: StoreTechnology) -> ChannelTechnology:
    """The description for followers that read the logs in the stores directly, without a channel."""
    return ChannelTechnology(store.name, store.title, form=store.name, direct=True)


CHANNELS: tuple[ChannelTechnology, ...] = (NATS, HTTP, *(_reading(each) for each in STORES.values() if each.published))
FOR_BROKER, FOR_CALLS = NATS, HTTP
"""The channels that advice proposes: for a missing broker, and for missing calls."""
FOR_LOGS = next(each for each in STORES.values() if each.published)
"""The store that advice proposes if followers are to read the logs of other contexts directly."""
_BY_WORD: Mapping[str, ChannelTechnology] = {word: each for each in CHANNELS for word in (each.schemes or (each.name,))}


def channel_forms(what: str) -> str:
    """The forms of the built-in channels that carry `calls` or `events`, for error texts."""
    return " or ".join(each.form if each.schemes else f'"{each.form}"' for each in CHANNELS if each.carries(what))


def all_channel_forms(what: str) -> str:
    """The same, with the forms of installed channels of other distributions."""
    others = [each.form for each in installed(GROUP, ChannelTechnology, ChannelError) if each.carries(what)]
    return f"{channel_forms(what)}; or {of_others(GROUP, list(dict.fromkeys(others)))}"


def near_channel(url: str, what: str) -> str | None:
    """The beginning of a URL, or the word, that was probably meant: `nats://...`, or `http`. None if none is near."""
    word = url.strip().partition(":")[0]
    near = nearest(word, [each for each, technology in _BY_WORD.items() if technology.carries(what)])
    if near is None or near == word:
        return None
    return f"{near}://..." if _BY_WORD[near].schemes else near


def channel_technology(url: str, what: str) -> ChannelTechnology | None:
    """The kind of channel, built-in or installed, that a word or a URL names. None if none carries `calls` or `events`.

    Raises `ChannelError` and `StoreError` for a broken description of another distribution.
    """
    word, colon, _ = url.strip().partition(":")
    technology = _BY_WORD.get(word) or found(GROUP, word, ChannelTechnology, ChannelError)
    if technology is None and (store := store_technology(word)) is not None and store.published:
        technology = _reading(store)
    fits = technology is not None and technology.carries(what) and bool(colon) is bool(technology.schemes)
    return technology if fits else None
