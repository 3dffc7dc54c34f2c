"""Enrolment: the key stays here, and a home is enrolled whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.errors import BadInput, LineDown
from sync.agent.enrol import enrol, leave
from sync.agent.errors import AgentRuns, NotEnrolled
from sync.agent.folder import AgentFolder
from sync.agent.identity import check_url, read_identity, read_key
from tests.builders.agents import enrolled
from tests.fakes.hub import ScriptedHub

PRIVATE = ("device.key", "identity.json", "root.json", "agent.lock")


def test_an_enrolled_home_holds_its_key_alone_and_says_who_it_is(
    hub: ScriptedHub, tmp_path: Path
) -> None:
    folder = enrolled(tmp_path, hub.url + "/")

    identity = read_identity(folder)

    assert (identity.hub, identity.device, identity.store) == (hub.url, "dev1", "0417")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert {(folder.path / f).stat().st_mode & 0o777 for f in PRIVATE} == {0o600}
    assert b"PRIVATE" not in hub.key
    assert folder.root.read_text() == '{"root": 1}'


def test_a_code_that_enrols_nothing_leaves_nothing_enrolled(
    hub: ScriptedHub, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="enrols nothing"):
        enrolled(tmp_path, hub.url, "WRONG")
    with pytest.raises(NotEnrolled, match="not enrolled"):
        read_identity(AgentFolder(tmp_path))


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_key(
    hub: ScriptedHub, tmp_path: Path
) -> None:
    hub.befall("/v1/enrol", "lost")
    with pytest.raises(LineDown):
        enrolled(tmp_path, hub.url)
    key = hub.key
    enrolled(tmp_path, hub.url)
    assert hub.key == key


def test_a_home_is_enrolled_once_until_it_leaves(hub: ScriptedHub, tmp_path: Path) -> None:
    folder = enrolled(tmp_path, hub.url)
    with pytest.raises(BadInput, match="enrolled already") as caught:
        enrol(folder, hub.url, "OTHER")
    assert "agent leave" in caught.value.hint
    (folder.batches / "x.zst").write_bytes(b"owed")

    leave(folder)

    assert not folder.key.exists()
    assert (folder.batches / "x.zst").exists()
    hub.codes.add("OTHER")
    enrolled(tmp_path, hub.url, "OTHER")


def test_no_identity_is_left_while_its_agent_runs(hub: ScriptedHub, tmp_path: Path) -> None:
    folder = enrolled(tmp_path, hub.url)
    with folder.locked(), pytest.raises(AgentRuns, match="Another agent"):
        leave(folder)
    assert not folder.is_locked()


@pytest.mark.parametrize("url", ["hub.example", "ftp://x", "https://", "https://u:p@hub", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="no hub's address"):
        check_url(url, is_insecure=False)


def test_plain_http_is_for_this_machine_or_for_whoever_says_so() -> None:
    assert check_url("http://127.0.0.1:1/", is_insecure=False) == "http://127.0.0.1:1"
    assert check_url("https://hub.example", is_insecure=False) == "https://hub.example"
    with pytest.raises(BadInput, match="plain HTTP"):
        check_url("http://hub.example", is_insecure=False)
    assert check_url("http://hub.example", is_insecure=True) == "http://hub.example"


def test_a_key_others_may_read_is_not_used(hub: ScriptedHub, tmp_path: Path) -> None:
    folder = enrolled(tmp_path, hub.url)
    folder.key.chmod(0o644)
    with pytest.raises(BadInput, match="may be read by others") as caught:
        read_key(folder.key)
    assert "chmod 600" in caught.value.hint


def test_a_damaged_identity_is_told_and_not_guessed(hub: ScriptedHub, tmp_path: Path) -> None:
    folder = enrolled(tmp_path, hub.url)
    folder.identity.write_text("{")
    with pytest.raises(BadInput, match=r"cannot be read"):
        read_identity(folder)
    folder.identity.write_text(json.dumps({"hub": "x"}))
    with pytest.raises(BadInput, match="Identity"):
        read_identity(folder)
