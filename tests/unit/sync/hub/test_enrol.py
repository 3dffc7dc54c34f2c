from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from sync.hub.alarms import open_alarms
from sync.hub.keys import code_digest
from sync.hub.parts import Hub
from sync.hub.registry import shut_out
from sync.hub.tables import codes
from sync.wire import ENROL, Enrol, TokenGrant
from tests.builders.hub.homes import ROOT, code_of, hub_at, line_to, make_home, store_at
from tests.builders.hub.store_end import JSON, StoreEnd
from tests.fakes.clock import FakeClock

Client = TestClient[Any]


def problem(answer: Any) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["code"])


def test_a_code_makes_a_machine_a_store_and_gives_it_the_root_to_trust(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    code = code_of(hub.ledger, clock, "0417", "pilot")

    answer = StoreEnd(client, clock).enrol(code)

    told = answer.json()
    assert (answer.status_code, told["store"], told["ring"]) == (200, "0417", "pilot")
    assert told["root"] == ROOT
    assert datetime.fromisoformat(told["now"]) == clock.now()


def test_a_code_typed_by_hand_arrives_whatever_its_case_dashes_and_zeros(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    code = code_of(hub.ledger, clock)

    assert code_digest(code.lower().replace("-", " ").replace("0", "o")) == code_digest(code)


def test_a_code_works_once(hub: Hub, client: Client, clock: FakeClock) -> None:
    code = code_of(hub.ledger, clock)
    StoreEnd(client, clock).enrol(code)

    again = StoreEnd(client, clock).enrol(code)

    assert (again.status_code, problem(again)) == (403, "wrong_code")


def test_the_same_machine_may_show_its_code_again_for_the_answer_may_have_been_lost(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    code, store = code_of(hub.ledger, clock), StoreEnd(client, clock)
    first = store.enrol(code).json()["device"]

    assert store.enrol(code).json()["device"] == first


def test_a_code_expires(hub: Hub, client: Client, clock: FakeClock) -> None:
    code = code_of(hub.ledger, clock)
    clock.advance(72 * 3600)

    answer = StoreEnd(client, clock).enrol(code)

    assert (answer.status_code, problem(answer)) == (403, "wrong_code")


def test_only_a_codes_digest_is_kept(hub: Hub, clock: FakeClock) -> None:
    code = code_of(hub.ledger, clock)

    kept = hub.ledger.read(lambda c: c.execute(codes.select()).all())

    assert code not in repr(kept)
    assert code.replace("-", "") not in repr(kept)


def test_a_key_whose_owner_signed_nothing_is_refused_and_the_code_still_works(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    code, store, thief = (
        code_of(hub.ledger, clock),
        StoreEnd(client, clock),
        StoreEnd(client, clock),
    )
    forged = Enrol(code, store.public_key, thief.sign(b"something else"))

    answer = client.post(ENROL, content=msgspec.json.encode(forged), headers=JSON)

    assert (answer.status_code, problem(answer)) == (403, "bad_proof")
    assert store.enrol(code).status_code == 200


def test_a_hub_without_a_repository_enrols_nobody_and_uses_no_code_up(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    root = hub.settings.repository_folder / "metadata" / "1.root.json"
    text, code = root.read_text(), code_of(hub.ledger, clock)
    root.unlink()

    answer = StoreEnd(client, clock).enrol(code)
    root.write_text(text)

    assert (answer.status_code, problem(answer)) == (503, "no_repository")
    assert StoreEnd(client, clock).enrol(code).status_code == 200


def test_a_store_enrolled_again_shuts_its_old_machine_out(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    old = store_at(hub, client)
    new = store_at(hub, client)

    assert (old.beat().status_code, problem(old.beat())) == (403, "revoked")
    assert (old.ask_token().status_code, new.beat().status_code) == (403, 200)


def test_a_revoked_machine_is_out_at_its_next_request_while_its_token_still_lives(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    assert store.beat().status_code == 200

    hub.ledger.write(lambda c: shut_out(c, "0001", now=clock.now()))

    assert problem(store.beat()) == "revoked"
    assert problem(store.ask_token()) == "revoked"


def test_tries_to_enrol_are_bounded_by_address(tmp_path: Path, clock: FakeClock) -> None:
    home = make_home(tmp_path / "hub", settings="enrols_per_address = 3\n")
    with hub_at(home, clock) as hub, line_to(hub) as client:
        tries = [StoreEnd(client, clock).enrol(f"WRONG-{n}") for n in range(5)]

    assert [answer.status_code for answer in tries] == [403, 403, 403, 429, 429]
    assert int(tries[-1].headers["retry-after"]) > 0


def test_tries_to_enrol_are_bounded_for_all_addresses_together(
    tmp_path: Path, clock: FakeClock
) -> None:
    settings = 'enrols_per_address = 2\nenrols_per_minute = 3\nproxy = "testclient"\n'
    home = make_home(tmp_path / "hub", settings=settings)
    with hub_at(home, clock) as hub, line_to(hub) as client:
        tries = [
            StoreEnd(client, clock).enrol("WRONG", headers={"x-forwarded-for": f"1.2.3.4, {n}"})
            for n in range(5)
        ]

    assert [answer.status_code for answer in tries] == [403, 403, 403, 429, 429]


def test_a_token_is_granted_for_some_minutes_with_the_hubs_time_and_a_new_chain(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    before = store.chain

    grant = store.renew()

    assert grant.now == clock.now()
    assert grant.expires_at - clock.now() <= timedelta(minutes=15)
    assert grant.chain != before


def test_a_token_opens_until_it_expires(hub: Hub, client: Client, clock: FakeClock) -> None:
    store = store_at(hub, client)
    clock.advance(15 * 60)

    answer = store.beat()

    assert (answer.status_code, problem(answer)) == (401, "bad_token")
    store.renew()
    assert store.beat().status_code == 200


@pytest.mark.parametrize("year", [1970, 2040])
def test_a_clock_that_is_far_off_is_told_the_hubs_time_and_loses_nothing(
    hub: Hub, client: Client, clock: FakeClock, year: int
) -> None:
    store = store_at(hub, client)

    answer = store.ask_token(at=datetime(year, 1, 1, tzinfo=UTC))

    assert (answer.status_code, problem(answer)) == (401, "clock_skew")
    assert datetime.fromisoformat(answer.json()["now"]) == clock.now()
    assert store.renew().now == clock.now()


def test_a_clock_two_minutes_off_is_tolerated(hub: Hub, client: Client, clock: FakeClock) -> None:
    store = store_at(hub, client)

    assert store.ask_token(at=clock.now() - timedelta(seconds=119)).status_code == 200


def test_a_nonce_used_before_is_refused(hub: Hub, client: Client, clock: FakeClock) -> None:
    store = store_at(hub, client)
    store.ask_token(nonce="the-same-nonce")

    again = store.ask_token(nonce="the-same-nonce")

    assert (again.status_code, problem(again)) == (401, "nonce_replayed")


def test_anothers_signature_is_answered_as_if_there_were_no_such_device(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store, thief = store_at(hub, client), StoreEnd(client, clock)
    thief.enrolled = store.enrolled
    stolen = thief.ask_token()

    assert (stolen.status_code, problem(stolen)) == (401, "unknown_device")


def test_a_grant_lost_before_it_was_durable_is_asked_for_again_with_the_old_chain(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    kept = store.chain

    lost = [store.ask_token(chain=kept).status_code for _ in range(5)]  # power cut after each
    store.renew()

    assert lost == [200] * 5
    assert store.beat().status_code == 200
    assert hub.ledger.read(open_alarms) == []


def test_the_first_grant_may_be_lost_too(hub: Hub, client: Client, clock: FakeClock) -> None:
    store = StoreEnd(client, clock)
    store.enrol(code_of(hub.ledger, clock))

    assert [store.ask_token(chain="").status_code for _ in range(3)] == [200, 200, 200]
    store.renew()
    assert store.ask_token().status_code == 200


def test_one_identity_on_two_machines_is_an_alarm_and_neither_gets_in(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    copy = StoreEnd(client, clock, key=store.key, enrolled=store.enrolled, chain=store.chain)
    store.renew()
    copy.renew()  # the hub cannot know yet: the store may have lost its grant

    found_out = store.ask_token()

    assert (found_out.status_code, problem(found_out)) == (403, "identity_quarantined")
    assert problem(copy.ask_token()) == "identity_quarantined"
    assert (problem(copy.beat()), problem(store.beat())) == ("identity_quarantined",) * 2
    assert [alarm.kind for alarm in hub.ledger.read(open_alarms)] == ["clone"]


def test_a_quarantined_identity_is_over_when_the_store_is_enrolled_again(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    old_chain = store.chain
    for _ in range(2):
        store.renew()
    assert store.ask_token(chain=old_chain).status_code == 403

    again = store_at(hub, client)

    assert again.beat().status_code == 200
    assert hub.ledger.read(open_alarms) == []


def test_a_hub_put_back_from_an_older_copy_believes_the_chains_it_had_given(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    later = hub.signer.chain(store.device, 9)

    assert store.ask_token(chain=later).status_code == 200


@pytest.mark.parametrize("chain", ["x", "9.AAAA", "-1.AAAA", "9", "." * 600, "٣.AAAA"])
def test_a_chain_the_hub_never_gave_is_taken_for_a_second_machine(
    hub: Hub, client: Client, clock: FakeClock, chain: str
) -> None:
    store = store_at(hub, client)

    assert problem(store.ask_token(chain=chain)) == "identity_quarantined"


def test_two_hub_workers_know_each_others_tokens(hub: Hub, client: Client) -> None:
    store = store_at(hub, client)
    with line_to(hub) as other:
        answer = StoreEnd(
            other, hub.clock, key=store.key, enrolled=store.enrolled, token=store.token
        ).beat()

    assert answer.status_code == 200


def test_a_grant_says_what_the_wire_promises(hub: Hub, client: Client, clock: FakeClock) -> None:
    store = store_at(hub, client)

    grant = msgspec.json.decode(store.ask_token().content, type=TokenGrant)

    assert grant.expires_at.tzinfo is not None
    assert len(grant.token) < 512
