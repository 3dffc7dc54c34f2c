"""The store, wired: the one place where ports meet their adapters."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from appliance.clock import SystemClock
from appliance.codec import from_plain, to_plain
from appliance.config import Settings
from appliance.demo.seed import seed_store
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
from appliance.pipeline import Listener, Pipeline
from appliance.policy.rules import CedarPolicy
from appliance.ports import Clock, Facts, Index, LanguageModel, Reading
from appliance.records import Ask, Fact, LaneName, Reply, Role
from appliance.release import Release, load_lexicon, load_toml, open_release
from appliance.router_file import load_excerpts, load_router
from appliance.stages.admit import Admit
from appliance.stages.answer import Answer
from appliance.stages.audit import Audit
from appliance.stages.excerpt import RankExcerpts
from appliance.stages.govern import Govern
from appliance.stages.prepare import Prepare
from appliance.stages.route import Route
from appliance.stages.screen import Screen
from appliance.stages.stitch import Stitch
from appliance.store.cards import Cards
from appliance.store.db import Database
from appliance.store.facts import SqlFacts
from appliance.store.index import SqliteIndex
from appliance.store.journal import SqliteJournal
from appliance.store.spool import SqliteSpool
from appliance.store.threads import SqliteThreads
