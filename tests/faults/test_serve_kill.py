"""Signal 9 while the server answers: it comes back, and what was heard is in its journal."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx

from appliance.config import load_settings
from appliance.wiring import open_journal
from tests.builders.server import running, start


def test_a_killed_server_comes_back_with_all_it_said(tmp_path: Path) -> None:
    server = start(tmp_path / "store")
    heard: list[str] = []
    headers = {"accept": "text/event-stream"}
    body = {"text": "what is the return window for a blender"}
    with (
        httpx.Client(base_url=server.url, timeout=60) as client,
        client.stream("POST", "/v1/ask", json=body, headers=headers) as answer,
    ):
        event = ""
        for line in answer.iter_lines():
            event = line.removeprefix("event: ") if line.startswith("event: ") else event
            if event == "sentence" and line.startswith("data: "):
                heard.append(json.loads(line[6:])["text"])
                server.process.send_signal(signal.SIGKILL)
                break
    server.process.wait(10)
    with running(tmp_path / "store") as again:
        assert httpx.get(f"{again.url}/health/ready").json()["ready"] is True
    journal = open_journal(load_settings(tmp_path / "store"))
    assert journal.verify() > 0
    spoken = journal.database.rows("SELECT body FROM journal WHERE kind = 'sentence'")
    assert heard
    assert set(heard) <= {json.loads(row[0])["text"] for row in spoken}
