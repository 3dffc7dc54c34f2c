"""Signal 9 while the server answers: it comes back, and what was heard is in its journal."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from pathlib import Path

import httpx

from appliance.config import load_settings
from appliance.wiring import open_journal
from tests.builders.server import running, start

QUESTIONS = ("what is the return window for a blender", "how many LM-100004 do we have")
STREAM = {"accept": "text/event-stream"}
KILLS = 4
LONGEST_S = 1.0


def listen(url: str, text: str, heard: list[str]) -> None:
    """Ask again and again until the server is gone; keep each sentence as it is heard."""
    try:
        with httpx.Client(base_url=url, timeout=30) as client:
            while True:
                with client.stream("POST", "/v1/ask", json={"text": text}, headers=STREAM) as said:
                    event = ""
                    for line in said.iter_lines():
                        event = line[7:] if line.startswith("event: ") else event
                        if event == "sentence" and line.startswith("data: "):
                            heard.append(json.loads(line[6:])["text"])
    except httpx.TransportError:
        return


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


def test_killed_at_any_moment_while_two_ask_nothing_they_heard_is_lost(tmp_path: Path) -> None:
    home, chance = tmp_path / "store", random.Random(20_261_122)
    heard: list[str] = []
    started_in_s: list[float] = []
    for _ in range(KILLS):
        server = start(home, settings="asks_per_minute = 0\n")
        started_in_s.append(server.started_in_s)
        told: list[list[str]] = [[], []]
        clients = [
            threading.Thread(target=listen, args=(server.url, text, mine))
            for text, mine in zip(QUESTIONS, told, strict=True)
        ]
        for client in clients:
            client.start()
        time.sleep(chance.uniform(0.05, LONGEST_S))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(10)
        for client in clients:
            client.join(30)
        heard += [*told[0], *told[1]]
        journal = open_journal(load_settings(home))
        journal.verify()
        spoken = journal.database.rows("SELECT body FROM journal WHERE kind = 'sentence'")
        # As often as it was heard: an earlier row of the same words stands for no later one.
        written = [json.loads(row[0])["text"] for row in spoken]
        assert all(written.count(text) >= heard.count(text) for text in set(heard))
        journal.database.close()
    print(f"back after a kill in {', '.join(f'{s:.1f} s' for s in started_in_s[1:])}")
    assert len(heard) > KILLS
