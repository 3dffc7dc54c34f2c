"""The gateway before a real OpenAI-compatible server: llama-cpp-python's own, on the demo model."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sync.hub.settings import FILE_NAME
from sync.wire import CHAT, DEADLINE_HEADER
from tests.builders.generalist import KEY, generalist
from tests.builders.hub.homes import make_home
from tests.builders.hub.process import RunningHub, running
from tests.builders.hub.store_end import StoreEnd

pytest.importorskip("sse_starlette", reason="llama_cpp.server: pip install -e '.[test]'")
ASK = {
    "messages": [
        {"role": "system", "content": "Answer from the passages."},
        {"role": "user", "content": "[1] Returns: 30 days.\n\nQuestion: how long?"},
    ],
    "max_tokens": 12,
    "temperature": 0,
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder = tmp_path_factory.mktemp("llama")
    with generalist(folder) as url:
        home = make_home(folder / "hub")
        key = home / "keys" / "vendor.key"
        key.write_text(KEY)
        key.chmod(0o600)
        (home / FILE_NAME).write_text(
            "[gateway]\nanswers_deferred = false\nfirst_token_s = 50\nbetween_tokens_s = 50\n"
            f'[[gateway.upstreams]]\nname = "llama"\nbase_url = "{url}"\nmodel = "demo"\n'
            'key_file = "keys/vendor.key"\n'
        )
        with running(home) as made:
            yield made


@pytest.fixture(scope="module")
def store(hub: RunningHub) -> Iterator[StoreEnd]:
    made = hub.store()
    yield made
    made.client.close()


def test_a_real_model_answers_whole_and_streamed_alike(store: StoreEnd) -> None:
    whole = store.client.post(CHAT, json=ASK, headers=store.headers, timeout=60)
    streamed = store.client.post(
        CHAT, json={**ASK, "stream": True}, headers=store.headers, timeout=60
    )

    assert whole.status_code == streamed.status_code == 200, whole.text
    lines = [line.removeprefix("data: ") for line in streamed.text.splitlines() if line]
    chunks = [json.loads(line) for line in lines[:-1]]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert lines[-1] == "[DONE]"
    assert text == whole.json()["choices"][0]["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] in {"stop", "length"}
    assert 0 < whole.json()["usage"]["completion_tokens"] <= 13


def test_a_real_model_that_takes_longer_than_the_caller_listens_is_told(store: StoreEnd) -> None:
    found = store.client.post(CHAT, json=ASK, headers=store.headers | {DEADLINE_HEADER: "1"})

    assert found.status_code == 504
    assert found.json()["error"]["code"] == "deadline_passed"
