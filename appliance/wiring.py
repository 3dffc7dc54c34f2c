"""The one place where ports meet their adapters."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from appliance.backroom import Store, new_id
from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.demo.refresh import LIVE_DATABASE, refresh_demo
from appliance.engines.context import Limits
from appliance.engines.llama import LlamaEngine
from appliance.engines.onnx import OnnxEmbedder
from appliance.engines.remember import RememberingEmbedder, RememberingKnown
from appliance.errors import BadInput, DamagedRelease, EngineError
from appliance.health import Readiness
from appliance.lanes.card import CardLane
from appliance.lanes.generalist import GeneralistLane, NoLine
from appliance.lanes.handoff import HandoffLane
from appliance.lanes.lookup import LookupLane
from appliance.lanes.prompt import CONTROLS
from appliance.lanes.quote import AS_IT_IS, QuoteLane
from appliance.lanes.specialist import SpecialistLane
from appliance.lexicon_file import load_lexicon
from appliance.monitoring.monitor import Monitoring
from appliance.pipeline import Pipeline
from appliance.policy.notices import load_notices
from appliance.policy.rules import PolicyHolder
from appliance.ports import Clock, Generalist, Lane, LanguageModel, Policy
from appliance.promise import Promise, promise_of
from appliance.ranker_file import open_excerpts, open_index
from appliance.records import LaneName
from appliance.release import Release, load_instruction, load_text, open_release
from appliance.router_file import Draft, load_drafts, load_router
from appliance.stages.admit import Admit
from appliance.stages.answer import Answer
from appliance.stages.audit import Audit
from appliance.stages.govern import Govern
from appliance.stages.personal import find_personal
from appliance.stages.prepare import Prepare
from appliance.stages.route import Route
from appliance.stages.screen import Screen
from appliance.stages.stitch import Stitch
from appliance.store.associates import SqliteAssociates
from appliance.store.card_vectors import CardVectors
from appliance.store.cards import Cards
from appliance.store.db import Database
from appliance.store.devices import SqliteDevices
from appliance.store.facts import SqlFacts
from appliance.store.families import Families, load_families
from appliance.store.home import DATABASE, Home, open_home
from appliance.store.journal import SqliteJournal
from appliance.store.known_asks import KnownAsks
from appliance.turns import RestingFacts, Turns, resting

ADAPTER = "specialist/adapter.gguf"  # of a release that tunes a fixed base
SMALL_MODEL_BYTES = 64 * 2**20


def open_store(
    settings: Settings,
    *,
    clock: Clock | None = None,
    line: Generalist | None = None,
    home: Callable[[], Home] | None = None,
    before: Monitoring | None = None,
) -> Store:
    """Open a release and the store's own data, and wire them.

    Args:
        settings: Where things are.
        clock: The machine's by default; another one to ask as on another day.
        line: To a generalist; none by default.
        home: Gives the store's own data, once the release has opened; whoever gives it closes it.
            Opened here, and closed with the store, by default.
        before: The monitoring of the release that stands so far: its figures go on.

    Raises:
        DamagedRelease: A part is missing, cut short or foreign; nothing was started.
        StoreError: The store's own database cannot be opened.
        BadRules: The rules or the live facts do not load.
    """
    release = open_release(settings.release)
    clock = clock or SystemClock()
    with ExitStack() as resources:

        def own() -> Home:
            opened = open_home(settings, clock)
            resources.callback(opened.close)
            return opened

        return _wire(
            settings,
            release,
            clock,
            resources,
            line=line or NoLine(),
            home=home or own,
            before=before,
        )


def open_journal(settings: Settings) -> SqliteJournal:
    """Open the journal alone, for commands that need no model.

    Raises:
        BadInput: There is no such store.
        StoreError: Its database cannot be opened.
    """
    return SqliteJournal(_database(settings), SystemClock())


def open_people(settings: Settings) -> tuple[SqliteDevices, SqliteAssociates]:
    """Open the devices and associates alone, also while the store runs.

    Raises:
        BadInput: There is no such store.
        StoreError: Its database cannot be opened.
    """
    database, clock = _database(settings), SystemClock()
    return SqliteDevices(database, clock), SqliteAssociates(database, clock)


def _database(settings: Settings) -> Database:
    path = settings.home / DATABASE
    if not path.exists():
        raise BadInput(
            f"No store lives in {settings.home}: {path} does not exist.",
            hint="Point --home at the store's folder, or start it once: backroom run",
        )
    return Database(path)


def _wire(
    settings: Settings,
    release: Release,
    clock: Clock,
    resources: ExitStack,
    *,
    line: Generalist,
    home: Callable[[], Home],
    before: Monitoring | None,
) -> Store:
    embedder = RememberingEmbedder(OnnxEmbedder(release.folder / "embedder"))
    index = open_index(release, embedder)
    model = _model(settings, release)
    resources.callback(model.close)
    lexicon = load_lexicon(release.path("lexicon.toml"))
    cards = Cards.load(release.path("cards/cards.json"))
    asked = KnownAsks.load(release.path("known/asks.json"), release.path("known/vectors.npy"))
    known = RememberingKnown(asked)
    policy = PolicyHolder.load(release.folder / "rules")
    promise = promise_of(release.manifest)
    drafts = held_to(load_drafts(release.path("router/drafts.json")), promise)
    near = CardVectors.load(cards, release.path("cards/vectors.npy"))
    router = load_router(
        release.path("router/router.json"), release.path("router/router.npz"), dim=embedder.dim
    )
    excerpts = open_excerpts(release, index)
    turns = Turns()
    lanes = {
        name: resting(lane, turns)
        for name, lane in _lanes(release, cards, model, line, drafts).items()
    }
    screen, govern = _screen(release), _govern(release, policy, promise)
    families = load_families(release.path("facts/facts.toml"))
    # The store's own files come last: a release that does not open leaves the home as it was.
    facts = _facts(settings, families, clock)
    resources.callback(facts.close)
    kept = home()
    monitoring = Monitoring.of(
        settings,
        clock=clock,
        model=model,
        spool=kept.spool,
        release=release.manifest.id,
        promise=promise.sentence if promise else "",
        before=before,
    )
    pipeline = Pipeline(
        prepare=Prepare(lexicon),
        admit=Admit(policy, screen, facts.families()),
        route=Route(
            model=router,
            embedder=embedder,
            index=index,
            cards=near,
            known=known,
            line_is_configured=line.is_configured,
        ),
        stitch=Stitch(
            index,
            RestingFacts(facts, turns),
            lexicon,
            embedder,
            excerpts,
            known,
        ),
        answer=Answer(
            lanes=lanes,
            govern=govern,
            clock=clock,
            accept_at={lane: draft.accept_at for lane, draft in drafts.items()},
            guard=monitoring.guard,
        ),
        audit=Audit(kept.journal, kept.threads, release.manifest.id, new_id),
        clock=clock,
        monitor=monitoring,
        turns=turns,
    )
    return Store(
        settings=settings,
        release=release,
        pipeline=pipeline,
        index=index,
        cards=cards,
        journal=kept.journal,
        threads=kept.threads,
        spool=kept.spool,
        devices=kept.devices,
        associates=kept.associates,
        sessions=kept.sessions,
        clock=clock,
        model=model,
        database=kept.database,
        monitoring=monitoring,
        readiness=Readiness(kept.database, model, clock.monotonic),
        resources=resources.pop_all(),
        rating=kept.rating,
        deciding=kept.deciding,
        rules=policy,
    )


def _lanes(
    release: Release,
    cards: Cards,
    model: LanguageModel,
    line: Generalist,
    drafts: Mapping[str, Draft],
) -> dict[LaneName, Lane]:
    instruction = load_instruction(release.path("prompts.toml"), "generalist")
    lanes: tuple[Lane, ...] = (
        CardLane(cards),
        LookupLane(),
        SpecialistLane(model, drafts["specialist"].confidence, drafts["specialist"].accept_at),
        GeneralistLane(line, instruction),
        QuoteLane(drafts["quote"].confidence if "quote" in drafts else AS_IT_IS),
        HandoffLane(),
    )
    return {lane.name: lane for lane in lanes}


def _screen(release: Release) -> Screen:
    return Screen.from_json(load_text(release.path("injection/weights.json")))


def _govern(release: Release, policy: Policy, promise: Promise | None) -> Govern:
    return Govern(
        policy,
        load_notices(release.path("rules/notices.toml")),
        find_personal,
        promise,
    )


def held_to(drafts: Mapping[str, Draft], promise: Promise | None) -> dict[str, Draft]:
    """Return how drafts are judged under a release's promise.

    What the specialist says by its own choice must be covered by it; short of that the quote
    speaks, which leaves the choice to the document's own words and says so.
    """
    held = dict(drafts)
    own = LaneName.SPECIALIST.value
    if promise is not None and promise.at is not None and own in held:
        held[own] = replace(held[own], accept_at=max(held[own].accept_at, promise.at))
    return held


def _model(settings: Settings, release: Release) -> LlamaEngine:
    part = "specialist/specialist.gguf"
    engine = LlamaEngine(
        release.path(part),
        threads=settings.threads_per_model or _threads(release.manifest.parts[part].bytes),
        cells=settings.context_tokens,
        limits=limits_for(settings, release.manifest.parts[part].bytes),
        sha256=release.manifest.parts[part].sha256,
    )
    try:
        _check_vocabulary(engine, path=release.path(part))
        if ADAPTER in release.manifest.parts:
            found = release.manifest.parts[ADAPTER].sha256
            engine.use_adapter(engine.add_adapter(release.path(ADAPTER), sha256=found))
    except DamagedRelease:
        engine.close()
        raise
    return engine


def _check_vocabulary(model: LanguageModel, *, path: Path) -> None:
    """Refuse another model: each ask it read would fail on the first control token it lacks."""
    for name in CONTROLS:
        try:
            model.token_id(name)
        except EngineError as exc:
            raise DamagedRelease(
                f"{path} is another language model: expected one with the specialist's"
                f" {len(CONTROLS)} control tokens, found none named {name}.",
                hint="Fetch the release again.",
            ) from exc


def limits_for(settings: Settings, model_bytes: int) -> Limits:
    """Return how much the engine takes on at once.

    A small model reads 128 tokens in 20 ms, a pause nobody notices in an answer, and a row of its
    logits is some kilobytes: it may read and guess more in a step than a large one.
    """
    limits = Limits(slots=settings.asks_at_once, queue=settings.queue_asks)
    is_small = model_bytes < SMALL_MODEL_BYTES
    return replace(limits, chunk_tokens=128, guessed_tokens=192) if is_small else limits


def _threads(model_bytes: int) -> int:
    """Return CPU threads for a model: a small one loses more at barriers than it gains."""
    return 1 if model_bytes < SMALL_MODEL_BYTES else max(1, min(8, (os.cpu_count() or 2) // 2))


def _facts(settings: Settings, families: Families, clock: Clock) -> SqlFacts:
    """Open the store's live database; without one configured, the demo's own, made fresh."""
    url = settings.live_database
    if not url:
        path = settings.home / LIVE_DATABASE
        refresh_demo(path, now=clock.now())
        url = f"sqlite:///{path.absolute()}"
    return SqlFacts(families, url, zone=settings.zone)
