from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.hub.tokens import Signer, follows

AT = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
SIGNER = Signer(b"k" * 32)


def token(signer: Signer = SIGNER) -> str:
    return signer.token("device-1", expires_at=AT + timedelta(minutes=15))


def test_a_token_names_its_device_until_it_expires() -> None:
    assert SIGNER.device_of(token(), now=AT) == ("device-1", AT + timedelta(minutes=15))
    assert SIGNER.device_of(token(), now=AT + timedelta(minutes=15)) is None


def test_a_key_that_was_replaced_still_verifies_what_it_signed() -> None:
    replaced = Signer(b"n" * 32, older=(b"k" * 32,))

    assert replaced.device_of(token(), now=AT) is not None
    assert replaced.link_of(SIGNER.chain("device-1", 7), "device-1") == 7
    assert SIGNER.device_of(token(replaced), now=AT) is None


@given(at=st.integers(0, 500), char=st.characters(codec="utf-8"))
def test_a_token_changed_anywhere_opens_nothing(at: int, char: str) -> None:
    good = token()
    place = at % len(good)
    changed = good[:place] + char + good[place + 1 :]

    found = SIGNER.device_of(changed, now=AT)

    # The last character of base64 without padding has bits nobody reads.
    assert found is None or changed == good or place == len(good) - 1


@given(st.text(max_size=600))
def test_any_text_is_a_token_or_none_and_never_a_bug(text: str) -> None:
    assert SIGNER.device_of(text, now=AT) is None
    assert SIGNER.link_of(text, "device-1") in {None, 0}


def test_a_chain_is_one_devices() -> None:
    assert SIGNER.link_of(SIGNER.chain("device-1", 7), "device-1") == 7
    assert SIGNER.link_of(SIGNER.chain("device-1", 7), "device-2") is None


def test_the_hubs_key_is_in_no_text_about_it() -> None:
    assert "kkkk" not in repr(Signer(b"k" * 32, older=(b"k" * 32,)))


@pytest.mark.parametrize(
    ("shown", "link", "before", "may"),
    [
        (0, 0, 0, True),  # the first request of all
        (0, 1, 0, True),  # its grant was lost
        (5, 5, 4, True),  # the usual
        (4, 5, 4, True),  # the last grant was lost
        (3, 5, 4, False),  # two machines
        (5, 7, 3, False),  # what lay between was lost, and yet it is shown
        (9, 5, 4, True),  # the hub is an older copy
    ],
)
def test_which_links_follow(shown: int, link: int, before: int, may: bool) -> None:
    assert follows(shown, link=link, before=before) is may


@given(st.lists(st.sampled_from(["kept", "lost"]), max_size=60))
def test_one_machine_is_never_taken_for_two_however_often_it_loses_a_grant(
    grants: list[str],
) -> None:
    link = before = held = 0
    for outcome in grants:
        assert follows(held, link=link, before=before)
        link, before = max(link, held) + 1, held
        if outcome == "kept":
            held = link


@given(st.lists(st.sampled_from(["a", "b"]), min_size=4, max_size=60))
def test_two_machines_are_found_out_when_both_have_asked_twice(order: list[str]) -> None:
    link, before, held = 3, 2, {"a": 3, "b": 3}
    for who in order:
        if not follows(held[who], link=link, before=before):
            return
        link, before, held[who] = link + 1, held[who], link + 1
    turns = [who for at, who in enumerate(order) if at == 0 or order[at - 1] != who]
    assert len(turns) <= 2  # one asked after the other and never came back
