"""The further kinds of asks: what they cite answers them, and the exam's are kept apart."""

import random
import re
import tomllib

import pytest

from appliance.lanes.prompt import MOST_SOURCES
from models.asks import MIXTURE, reaches, training_group
from models.exam import further
from models.handbook import read_handbook
from models.kinds import SCENES, comparison, follow_up, two_sources
from models.more import more_asks, strays, thesaurus
from models.phrasings import (
    BOUGHT,
    BOUGHT_HELD_OUT,
    COMPARE_FACTS,
    COMPARE_FACTS_HELD_OUT,
    COMPARE_RULES,
    COMPARE_RULES_HELD_OUT,
    FRAGMENTS,
    FRAGMENTS_HELD_OUT,
    JOINS,
    JOINS_HELD_OUT,
    MORE_OF,
)
from models.rules import topics
from models.shelf import FACTS, Phrases
from models.wording import HELD_OUT_ABOUT_ES, STOP, Wording
from tests.unit.models.test_asks import CORPUS, material

__all__ = ["material"]  # a fixture
pytest.importorskip("sklearn")
HOLE = re.compile(r"\{\w+\}")


@pytest.fixture(scope="module")
def phrases():
    return Phrases.read(CORPUS / "intents.toml")


def scenes(kind, *, held_out, count=120):
    rng = random.Random(11)
    phrases = Phrases.read(CORPUS / "intents.toml")
    return [SCENES[kind](rng, phrases, held_out=held_out) for _ in range(count)]


def test_there_are_wordings_for_every_family_and_topic():
    more = more_asks()
    assert set(more.families) == {*FACTS, "purchase"}
    assert len(more.topics) == len(topics())
    assert all(t.english and t.spanish and t.spanish_held_out for t in more.topics)


def test_no_wording_is_a_held_out_one_or_nearly():
    held = tomllib.loads((CORPUS / "intents.toml").read_text())["held_out"]
    more = more_asks()
    pairs = [
        (asks, [*held.get(name, ()), *asks.held_out, *asks.spanish_held_out])
        for name, asks in more.families.items()
    ]
    pairs += [
        (asks, [*topic[2], *asks.spanish_held_out])
        for asks, topic in zip(more.topics, topics(), strict=True)
    ]
    for asks, others in pairs:
        trained = {_bare(a) for a in (*asks.english, *asks.spanish)}
        assert not trained & {_bare(o) for o in others}
        runs = {run for a in (*asks.english, *asks.spanish) for run in _runs(a)}
        assert not runs & {run for o in others for run in _runs(o)}


def test_frames_of_the_exam_are_not_trained_on():
    assert not set(JOINS) & set(JOINS_HELD_OUT)
    assert not set(FRAGMENTS) & set(FRAGMENTS_HELD_OUT)
    assert not set(COMPARE_RULES) & set(COMPARE_RULES_HELD_OUT)
    assert BOUGHT.keys() == BOUGHT_HELD_OUT.keys()
    assert not any(set(BOUGHT[t]) & set(BOUGHT_HELD_OUT[t]) for t in BOUGHT)
    assert COMPARE_FACTS.keys() == COMPARE_FACTS_HELD_OUT.keys()
    assert not any(set(COMPARE_FACTS[f]) & set(COMPARE_FACTS_HELD_OUT[f]) for f in COMPARE_FACTS)
    train, test = strays(held_out=False), strays(held_out=True)
    assert train.keys() == test.keys()
    assert not any(set(train[k]) & set(test[k]) for k in train)
    assert set(MORE_OF) <= set(range(len(topics())))


@pytest.mark.parametrize("kind", SCENES)
@pytest.mark.parametrize("held_out", [False, True])
def test_a_scene_points_at_sources_it_has_and_is_filled_in(kind, held_out):
    for scene in scenes(kind, held_out=held_out):
        assert 1 <= len(scene.rows) <= MOST_SOURCES
        for ask, answer in scene.asks:
            assert reaches(answer, len(scene.rows))
            assert not HOLE.search(ask)
            assert not isinstance(answer, tuple) or answer[0] < answer[1]


def test_a_purchase_and_its_rule_are_cited_together_and_a_purchase_alone_answers_nothing(phrases):
    rng = random.Random(3)
    seen = set()
    for _ in range(300):
        scene = two_sources(rng, phrases, held_out=False)
        _, answer = scene.asks[0]
        bought = next((s for s in scene.rows if s.document.startswith("purchase:")), None)
        if bought is None:
            continue
        if isinstance(answer, tuple):
            assert scene.rows.index(bought) in answer
            other = next(scene.rows[p] for p in answer if scene.rows[p] != bought)
            assert other.document.startswith("rule-")
        else:
            assert answer is None
        seen.add(type(answer))
    assert seen == {tuple, type(None)}


def test_a_comparison_cites_two_of_one_kind_or_nothing(phrases):
    rng = random.Random(4)
    for _ in range(200):
        scene = comparison(rng, phrases, held_out=False)
        answer = scene.asks[0][1]
        if answer is None:
            continue
        kinds = {re.split(r"[-:]", scene.rows[p].document)[0] for p in answer}
        topics_ = (
            {scene.rows[p].document.split("-")[1] for p in answer} if kinds == {"rule"} else ()
        )
        assert len(kinds) == 1
        assert len(topics_) <= 1


def test_a_follow_up_is_made_standalone_as_the_store_makes_it(phrases):
    rng = random.Random(5)
    asked = [a for _ in range(60) for a, _ in follow_up(rng, phrases, held_out=False).asks]
    assert any(" (" in ask for ask in asked)  # a pronoun keeps the question before it in brackets
    assert not any(ask.startswith(("and for", "what about")) for ask in asked)


def test_every_kind_is_trained_on_and_answers_are_within_reach(material):
    rng = random.Random(6)
    groups = [training_group(rng, material) for _ in range(150)]
    assert {g.kind for g in groups} == set(MIXTURE)
    assert any(isinstance(at, tuple) for g in groups if g.kind == "handbook" for _, at in g.asks)


def test_the_further_exam_has_each_kind_answerable_and_not(material):
    questions = further(random.Random(7), material, size=40)
    for kind in (*SCENES, "spanish handbook"):
        mine = [q for q in questions if q.kind == kind]
        assert len(mine) == 40
        assert any(q.wanted for q in mine)
        assert any(not q.wanted for q in mine)
    assert {len(q.wanted) for q in questions if q.kind == "comparison"} == {0, 2}


def test_a_spanish_ask_of_an_english_sentence_uses_its_words_in_spanish():
    wording = Wording.read(CORPUS / "lexicon.toml")
    statements = read_handbook(CORPUS / "handbook", CORPUS / "asks")
    one = next(s for s in statements if s.text.startswith("A photo of an ID on a phone"))
    rng = random.Random(8)
    asks = {wording.in_spanish(rng, one.text, one.title, held_out=True) for _ in range(20)}
    frames = [f.split("{}")[0] for f in HELD_OUT_ABOUT_ES]
    assert all(any(a.startswith(f) for f in frames) for a in asks)
    words = {w for k in ("photo", "phone", "id", "age") for w in thesaurus().spanish[k]}
    assert all(any(w in a for w in words) for a in asks)


def test_the_thesaurus_replaces_words_and_leaves_others():
    rng = random.Random(9)
    said = {thesaurus().reworded(rng, "xyzzy refund", share=1.0) for _ in range(20)}
    assert all(s.startswith("xyzzy ") for s in said)
    assert "xyzzy refund" not in said


def _bare(ask):
    return " ".join(re.findall(r"\w+", HOLE.sub("x", ask).lower()))


def _runs(ask):
    """Return runs of four words, two of them telling."""
    said = _bare(ask).split()
    runs = {tuple(said[i : i + 4]) for i in range(len(said) - 3)}
    return {r for r in runs if len([w for w in r if w not in STOP and w != "x"]) >= 2}
