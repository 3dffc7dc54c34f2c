"""The one place where ports meet their adapters."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from appliance.backroom import Store
from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.demo.seed import seed_store
from appliance.engines.context import Limits
from appliance.engines.llama import LlamaEngine
from appliance.engines.onnx import OnnxEmbedder
from appliance.errors import BadInput
from appliance.lanes.api import Lane
from appliance.lanes.card import CardLane
from appliance.lanes.generalist import GeneralistLane, NoLine
from appliance.lanes.handoff import HandoffLane
from appliance.lanes.lookup import LookupLane
from appliance.lanes.quote import QuoteLane
from appliance.lanes.specialist import SpecialistLane
from appliance.pipeline import Pipeline
from appliance.policy.rules import PolicyHolder
from appliance.ports import Clock, Facts, LanguageModel
from appliance.records import LaneName
from appliance.release import Release, load_lexicon, load_toml, open_release
from appliance.router_file import load_excerpts, load_router
from appliance.stages.admit import Admit
from appliance.stages.answer import Answer
from appliance.stages.audit import Audit
from appliance.stages.excerpt import RankExcerpts
from appliance.stages.prepare import Prepare
from appliance.stages.route import Route
from appliance.stages.stitch import Stitch
from appliance.store.db import Database
from appliance.store.facts import SqlFacts
from appliance.store.index import SqliteIndex
from appliance.store.journal import SqliteJournal
from appliance.store.spool import SqliteSpool
from appliance.store.threads import SqliteThreads

DATABASE = "store.db"
LIVE_DATABASE = "live.db"
