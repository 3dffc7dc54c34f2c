"""The gateway through a real hub process: streams, deadlines, budgets, isolation, what leaks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from sync.hub.gateway.budget import Used, used_on
from sync.hub.ledger import Ledger
from sync.hub.settings import FILE_NAME, load_settings
from sync.wire import CHAT, DEADLINE_HEADER, BatchItem
from tests.builders.hub.homes import make_home
from tests.builders.hub.process import CLOCK, RunningHub, running
from tests.builders.hub.store_end import StoreEnd
from tests.builders.upstreams import Upstream, upstream

SECRET = "sk-vendor-0123456789"
WHOLE = "Thirty days with the receipt [1]."
ASK = {"messages": [{"role": "user", "content": "How long?"}], "max_tokens": 20}
PASSAGE = {"id": "p1", "title": "Returns", "text": "Thirty days with the receipt."}


@contextmanager
def serving(home: Path, *urls: str, settings: str = "", prices: str = "") -> Iterator[RunningHub]:
    make_home(home)
    tables = "".join(
        f'[[gateway.upstreams]]\nname = "u{n}"\nbase_url = "{url}"\nmodel = "vendor-model"\n'
        f'key_file = "keys/u{n}.key"\n{prices}\n'
        for n, url in enumerate(urls)
    )
    for n in range(len(urls)):
        key = home / "keys" / f"u{n}.key"
        key.write_text(SECRET)
        key.chmod(0o600)
    (home / FILE_NAME).write_text(f"enrols_per_address = 1000\n[gateway]\n{settings}\n{tables}")
    with running(home) as hub:
        yield hub


@contextmanager
def entered(hub: RunningHub, number: str = "0001") -> Iterator[StoreEnd]:
    """Give a store that is enrolled; its connections end with the block."""
    store = hub.store(number)
    try:
        yield store
    finally:
        store.client.close()


def ask(store: StoreEnd, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    return store.client.post(CHAT, json={**ASK, **(body or {})}, headers=store.headers | headers)


def used(hub: RunningHub, store: str = "0001") -> Used:
    ledger = Ledger(load_settings(hub.home).database_url)
    try:
        day = CLOCK.now().date().isoformat()
        found = ledger.read(lambda c: used_on(c, day, store=store))
        return found[0]
    finally:
        ledger.close()


def settled(hub: RunningHub, requests: int) -> Used:
    """Wait until so many requests are written down; a cost is written after its answer."""
    assert until(lambda: used(hub).requests >= requests)
    return used(hub)


def until(is_so: Callable[[], bool]) -> bool:
    """Wait, within bounds, for what a server does after it has answered."""
    for _ in range(1200):
        if is_so():
            return True
        time.sleep(0.05)
    return False


def events(response: httpx.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in response.text.splitlines() if line]


def told(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.fixture(scope="module")
def vendor() -> Iterator[Upstream]:
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, vendor: Upstream) -> Iterator[RunningHub]:
    settings = (
        "first_token_s = 20.0\nbetween_tokens_s = 20.0\ntries = 1\nrequests_per_minute = 6000\n"
        "at_once_of_store = 2\nanswers_deferred = false\nslow_s = 30.0\n"
    )
    with serving(tmp_path_factory.mktemp("hub"), vendor.url, settings=settings) as made:
        yield made


@pytest.fixture(scope="module")
def enrolled(hub: RunningHub) -> Iterator[StoreEnd]:
    with entered(hub) as made:
        yield made


@pytest.fixture
def store(enrolled: StoreEnd, vendor: Upstream) -> StoreEnd:
    vendor.temper.script[:] = ["ok"]
    return enrolled


def test_a_whole_answer_in_openais_shape(store: StoreEnd, vendor: Upstream) -> None:
    found = ask(store).json()

    assert found["choices"][0]["message"]["content"] == WHOLE
    assert found["choices"][0]["finish_reason"] == "stop"
    assert found["usage"] == {"prompt_tokens": 40, "completion_tokens": 6, "total_tokens": 46}
    assert found["model"] == "generalist"
    assert vendor.seen.headers[-1]["authorization"] == f"Bearer {SECRET}"
    assert vendor.seen.bodies[-1]["model"] == "vendor-model"


def test_openais_own_client_streams_through_it(store: StoreEnd) -> None:
    base = str(store.client.base_url).rstrip("/") + "/v1"
    with openai.OpenAI(api_key=store.token, base_url=base, max_retries=0) as client:
        stream = client.chat.completions.create(
            model="generalist",
            messages=[{"role": "user", "content": "How long?"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)

    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == WHOLE
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 46
    assert {chunk.model for chunk in chunks} == {"generalist"}


def test_pieces_come_as_they_are_written(store: StoreEnd, vendor: Upstream) -> None:
    vendor.temper.script[:] = ["hang_after"]

    with store.client.stream(
        "POST", CHAT, json={**ASK, "stream": True}, headers=store.headers
    ) as response:
        lines = response.iter_lines()
        seen = [next(lines) for _ in range(5)]

    assert json.loads(seen[2].removeprefix("data: "))["choices"][0]["delta"] == {
        "content": "Thirty"
    }


def test_without_a_token_nothing_is_answered(hub: RunningHub, vendor: Upstream) -> None:
    before = len(vendor.seen.bodies)

    found = httpx.post(f"{hub.url}{CHAT}", json=ASK)

    assert found.status_code == 401
    assert found.json()["error"]["type"] == "authentication_error"
    assert len(vendor.seen.bodies) == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"messages": []}, 400, "not_a_chat"),
        ({"messages": "hi"}, 400, "not_a_chat"),
        ({"n": 2}, 400, "not_a_chat"),
        ({"tools": [{}]}, 400, "not_a_chat"),
        ({"temperature": 9}, 400, "not_a_chat"),
        ({"messages": [{"role": "user", "content": "x" * 50_000}]}, 413, "chat_too_long"),
    ],
)
def test_a_request_that_cannot_be_meant_is_told(
    store: StoreEnd, body: dict[str, Any], status: int, code: str
) -> None:
    assert told(ask(store, body)) == (status, code)


def test_a_body_that_is_too_long_is_refused(store: StoreEnd) -> None:
    found = store.client.post(CHAT, content=b"x" * 300_000, headers=store.headers)

    assert found.status_code == 413


def test_the_callers_deadline_ends_the_wait(store: StoreEnd, vendor: Upstream) -> None:
    vendor.temper.script[:] = ["hang"]
    hung_up = vendor.seen.hung_up

    assert told(ask(store, **{DEADLINE_HEADER: "200"})) == (504, "deadline_passed")
    assert until(lambda: vendor.seen.hung_up == hung_up + 1)
    assert told(ask(store, **{DEADLINE_HEADER: "soon"})) == (400, "bad_deadline")


def test_a_deadline_in_mid_stream_ends_it_with_an_error_and_no_done(
    store: StoreEnd, vendor: Upstream
) -> None:
    vendor.temper.script[:] = ["hang_after"]

    found = events(ask(store, {"stream": True}, **{DEADLINE_HEADER: "2500"}))

    assert json.loads(found[-1])["error"]["code"] == "deadline_passed"
    assert "[DONE]" not in found


@pytest.mark.parametrize("ill", ["500", "401", "400", "garbage", "html", "error_chunk"])
def test_nothing_the_upstream_says_when_ill_reaches_the_store(
    store: StoreEnd, vendor: Upstream, hub: RunningHub, ill: str
) -> None:
    vendor.temper.script[:] = [ill, "ok"]

    found = ask(store)
    ask(store)  # so that no breaker opens for the next test

    assert found.status_code in {400, 503}
    for secret in (vendor.temper.secret, SECRET, "vendor-model", vendor.url):
        assert secret not in found.text
        assert secret not in str(found.headers)
    log = (hub.home / "log").read_text()
    assert SECRET not in log
    assert vendor.temper.secret not in log


def test_a_break_in_mid_stream_is_told_and_leaks_nothing(store: StoreEnd, vendor: Upstream) -> None:
    vendor.temper.script[:] = ["garbage_after", "ok"]

    found = events(ask(store, {"stream": True}))
    ask(store)

    assert json.loads(found[-1])["error"]["code"] == "generalist_unavailable"
    assert vendor.temper.secret not in "".join(found)


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_caller_who_hangs_up_ends_the_upstreams_work(
    hub: RunningHub, store: StoreEnd, vendor: Upstream, is_stream: bool
) -> None:
    vendor.temper.script[:] = ["hang_after"]
    asked, hung_up = len(vendor.seen.bodies), vendor.seen.hung_up

    with (
        pytest.raises(httpx.ReadTimeout),
        httpx.stream(
            "POST",
            f"{hub.url}{CHAT}",
            json={**ASK, "stream": is_stream},
            headers=store.headers,
            timeout=0.3,
        ) as response,
    ):
        response.read()

    assert until(lambda: vendor.seen.hung_up == hung_up + 1)
    assert len(vendor.seen.bodies) == asked + 1


def test_one_store_that_asks_too_much_at_once_leaves_the_others_their_places(
    hub: RunningHub, store: StoreEnd, vendor: Upstream
) -> None:
    vendor.temper.script[:] = ["hang", "hang", "ok"]
    asked = len(vendor.seen.bodies)
    waiting = [
        threading.Thread(target=ask, args=(store,), kwargs={DEADLINE_HEADER: "6000"}, daemon=True)
        for _ in range(2)
    ]
    for thread in waiting:
        thread.start()
    assert until(lambda: len(vendor.seen.bodies) == asked + 2)

    third = ask(store)
    with entered(hub, "0002") as other:
        others = ask(other)
    for thread in waiting:
        thread.join(10)

    assert told(third) == (429, "too_many_at_once")
    assert third.headers["retry-after"] == "1"
    assert others.json()["choices"][0]["message"]["content"] == WHOLE


def test_answers_under_way_together_never_mix(
    hub: RunningHub, store: StoreEnd, vendor: Upstream
) -> None:
    vendor.temper.script[:] = ["echo"]
    heard: dict[str, str] = {}
    # Names that no hexadecimal id can hold: "bee1" once stood in one.

    def run(who: StoreEnd, name: str) -> None:
        words = " ".join(f"{name}{n}" for n in range(12))
        for turn in range(4):
            body = {"messages": [{"role": "user", "content": words}], "stream": bool(turn % 2)}
            found = ask(who, body)
            heard[f"{name}-{turn}"] = found.text
            if not turn % 2:
                assert found.json()["choices"][0]["message"]["content"].strip() == words

    with entered(hub, "0002") as other:
        callers = [(store, "ant"), (store, "owl"), (other, "cat"), (other, "dog")]
        threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert len(heard) == 16
    for name, text in heard.items():
        mine = name.partition("-")[0]
        assert f"{mine}11" in text
        assert not [o for o in ("ant", "owl", "cat", "dog") if o != mine and f"{o}1" in text]


def test_budgets_are_counted_by_store_and_outlive_the_hub(tmp_path: Path) -> None:
    settings = "tokens_a_day = 150\nanswers_deferred = false\n"
    prices = "price_in = 2.0\nprice_out = 10.0"
    with upstream() as vendor:
        with serving(tmp_path, vendor.url, settings=settings, prices=prices) as hub:
            with entered(hub) as one:
                first = [ask(one).status_code for _ in range(3)]
            count = settled(hub, 3)
            hub.kill()
        with running(tmp_path) as hub, entered(hub) as one, entered(hub, "0002") as two:
            over, others = ask(one), ask(two)

    assert first == [200, 200, 200]
    assert (count.prompt_tokens, count.completion_tokens, count.held_tokens) == (120, 18, 0)
    assert count.micros == 3 * (40 * 2 + 6 * 10)
    assert told(over) == (429, "insufficient_quota")
    assert 0 < int(over.headers["retry-after"]) <= 86_400
    assert others.status_code == 200


def test_an_outage_of_the_only_upstream_costs_its_callers_no_time_out_each(
    tmp_path: Path,
) -> None:
    settings = "first_token_s = 0.3\ntries = 1\nanswers_deferred = false\n"
    with (
        upstream("hang") as vendor,
        serving(tmp_path, vendor.url, settings=settings) as hub,
        entered(hub) as store,
    ):
        found = [ask(store) for _ in range(12)]

    assert {told(one) for one in found} == {(503, "generalist_unavailable")}
    assert len(vendor.seen.bodies) <= 4  # three to find out, and at most a probe
    assert all(int(one.headers["retry-after"]) >= 1 for one in found)


def test_asks_that_a_store_kept_are_answered_from_their_passages(tmp_path: Path) -> None:
    settings = "answers_deferred = true\n"
    with (
        upstream() as vendor,
        serving(tmp_path, vendor.url, settings=settings) as hub,
        entered(hub) as store,
    ):
        body = {"reply": "r1", "masked": "How long do I have?", "passages": [PASSAGE]}
        bare = {"reply": "r2", "masked": "Who won?"}
        items = [
            BatchItem(f"i{n}", "deferred_ask", 5, CLOCK.now(), one)
            for n, one in enumerate((body, bare))
        ]
        store.sent(store.batch(items))
        assert until(lambda: bool(store.answers().items))
        late = store.answers()

    assert [(a.reply, a.text, a.by, a.sources) for a in late.items] == [
        ("r1", "Thirty days with the receipt.", "generalist", ("p1",))
    ]
    assert len(vendor.seen.bodies) == 1


def test_without_upstreams_the_store_is_told_so(tmp_path: Path) -> None:
    with serving(tmp_path) as hub, entered(hub) as store:
        assert told(ask(store)) == (503, "no_generalist")
