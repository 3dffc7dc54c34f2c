"""What asks and answers look like, for the document."""

from __future__ import annotations

from datetime import UTC, date, datetime

from appliance.records import (
    Attempt,
    LaneName,
    LaneOdds,
    Outcome,
    Sentence,
    Source,
    Tokens,
)
from appliance.web.shapes import (
    CheckBody,
    ExamplesBody,
    HealthBody,
    PassageBody,
    PolicyBody,
    ReplyBody,
    StatusBody,
)

QUESTION = "Can opened headphones be returned?"
ANSWER = "Once opened, they come back only if they are faulty."
ASKED_AT = datetime(2026, 11, 22, 19, 2, tzinfo=UTC)
ENTRY = "07b93fb53832fca070f5d8fcabaec3b991a9f82803a452cd9c21d42c42df5696"
SOURCE = Source("returns-headphones#2", "Returning headphones › Opened", 0, len(ANSWER))
REPLY = ReplyBody(
    id="4f1c09b2a77d5e10",
    text=ANSWER,
    lane=LaneName.QUOTE,
    confidence=0.93,
    sources=[SOURCE],
    facts=[],
    policies=[PolicyBody("read-own-audience", "permit", "You may read this.")],
    times_ms={"data_prep": 0.4, "policy": 0.9, "routing": 3.1, "context_stitching": 6.2},
    model="",
    release="demo-7",
    thread="b6d2c0ffee12ab34",
    intent="policy",
    in_scope=0.97,
    lanes=[LaneOdds(LaneName.QUOTE, 0.93), LaneOdds(LaneName.HANDOFF, 1.0)],
    reasons=["quote: a passage answers it"],
    checks=[CheckBody("citation", Outcome.PASS, "", "")],
    attempts=[
        Attempt(LaneName.SPECIALIST, "unsure", "p 0.41 is under 0.60", Tokens(212, 160, 9)),
        Attempt(LaneName.QUOTE, "answered"),
    ],
    asked_at=ASKED_AT,
    sentences=[Sentence(ANSWER, (SOURCE,))],
    subject=[],
    missing=[],
    entry=ENTRY,
    is_brief=False,
    is_kept=False,
)
ASK_EVENT = {
    "event": "sentence",
    "data": '{"n":0,"text":"Once opened, they come back only if they are faulty.","sources":[]}',
}
PASSAGE = PassageBody(
    id="returns-headphones#2",
    document="returns-headphones",
    title="Returning headphones › Opened",
    text=ANSWER,
    kind="handbook",
    department="electronics",
    audience="associate",
    language="en",
    effective_from=date(2026, 2, 1),
    effective_to=None,
)
EXAMPLES = ExamplesBody([QUESTION, "Is the Fernway kettle in stock?"])
METRICS = (
    "# HELP backroom_asks_total Asks answered, by lane.\n# TYPE backroom_asks_total counter\n"
    'backroom_asks_total{lane="quote"} 412.0\n'
)
STATUS = StatusBody(
    release="demo-7",
    model="larkmoor-8m",
    store="0001",
    now="2026-11-22T19:02:00+00:00",
    began_at="2026-11-22T07:31:12+00:00",
    level="calm",
    why="",
    calmer=0,
    sheds=[],
    vitals={},
    breakers=[{"lane": "specialist", "state": "closed", "tries": 118, "failed": 0}],
    queue={"in_hand": 2, "limit": 40, "running": 1, "waiting": 0},
    engine={"is_alive": True, "cells_reserved": 412, "cells": 8192, "failures": 0},
    spool={"items": 3, "dropped": 0},
    hour={"minutes": []},
    promise="Of what the store answers itself at p ≥ 0.940, at most 2.0% is wrong, at 95%"
    " confidence: 3 of 702 were, of 1,400 asks (50% answered).",
)
HEALTH = HealthBody(
    live=True,
    ready=True,
    release="demo-7",
    line="not configured",
    specialist="larkmoor-8m",
    store="0001",
    checks={"journal_rows": 1204, "spooled": 3},
    faults=[],
    level="calm",
)
