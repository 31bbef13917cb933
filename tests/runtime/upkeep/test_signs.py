"""Signs of life are read as they were written, and keep their form: processes of several releases read them."""

from __future__ import annotations

import pytest

from remit.log import Channel
from remit.runtime.upkeep.signs import Sign, read_signs, write_signs

BODY = (
    '[{"name":"mail.send","source":"desk","channel":1,"state":"paused","note":"\\"ü\\"","settled":true},'
    '{"name":"mail.Post","source":"mail","channel":0,"state":"running","note":"","settled":false}]'
)
SIGNS = [
    Sign("mail.send", "desk", Channel.PUBLISHED, "paused", '"ü"', settled=True),
    Sign("mail.Post", "mail", Channel.PRIVATE, "running"),
]


def test_signs_are_read_as_they_were_written() -> None:
    assert write_signs(SIGNS) == BODY
    assert read_signs(BODY) == SIGNS


def test_what_another_release_says_besides_is_passed_over() -> None:
    (sign,) = read_signs('[{"name":"a.b","source":"c","channel":1,"state":"running","load":0.7}]')
    assert (sign.state, sign.note, sign.settled) == ("running", "", False)


@pytest.mark.parametrize("body", ["", "{}", "[1]", '[{"name":"a.b"}]', "not JSON"])
def test_what_cannot_be_read_says_nothing(body: str) -> None:
    assert list(read_signs(body)) == []
