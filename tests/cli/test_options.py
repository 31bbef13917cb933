"""The words after a command: subscriptions, keys and systems at any position."""

from __future__ import annotations

import pytest

from remit.cli.options import named, settled
from remit.hosting.failures import Failure

TRANSLATION = "desk.foreign:partner"


@pytest.mark.parametrize("words", [(TRANSLATION, "shop.toml"), ("shop.toml", TRANSLATION)])
def test_subscription_of_a_foreign_source_is_named_as_any_other(words: tuple[str, str]) -> None:
    assert settled(*words) == (TRANSLATION, "shop.toml")
    assert settled(TRANSLATION) == (TRANSLATION, None)


def test_key_of_a_subscription_of_a_foreign_source_is_named_as_any_other() -> None:
    assert named(TRANSLATION, "unread 2afb", needs_key=True) == (TRANSLATION, "unread 2afb", None)
    assert named(TRANSLATION, key="k", needs_key=True).subscription == TRANSLATION


def test_place_of_a_system_is_no_subscription() -> None:
    with pytest.raises(Failure):
        settled("nowhere.foreign:Partner")
