"""Training groups: what they ask is answered where they say, and the test is kept apart."""

import random
from pathlib import Path

import pytest

from models.asks import Material, reaches, training_group
from models.exam import exam
from models.handbook import read_handbook
from models.rules import made_up, made_up_rules, topics
from models.shelf import NOUNS, TEST_NOUNS, Phrases, shelf
from models.wording import Wording, typo

CORPUS = Path(__file__).parents[3] / "models" / "corpus"
pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    statements = read_handbook(CORPUS / "handbook", CORPUS / "asks")[:160]
    phrases = Phrases.read(CORPUS / "intents.toml")
    wording = Wording.read(CORPUS / "lexicon.toml")
    cache = tmp_path_factory.mktemp("cache")
    return Material.of(statements, phrases, wording, embedder=None, cache=cache)


def test_every_ask_of_the_handbook_belongs_to_a_sentence():
    statements = read_handbook(CORPUS / "handbook", CORPUS / "asks")
    assert len(statements) > 800
    assert sum(len(s.held_out) for s in statements) > 1000


def test_a_group_points_at_sources_it_has(material):
    rng = random.Random(1)
    for _ in range(60):
        group = training_group(rng, material)
        assert 1 <= len(group.sources) <= 8
        assert group.asks
        assert all(reaches(at, len(group.sources)) for _, at in group.asks)


def test_the_same_seed_gives_the_same_groups(material):
    one = [training_group(random.Random(7), material) for _ in range(2)]
    assert one[0] == one[1]


def test_held_out_wordings_are_never_trained_on(material):
    trained = {ask for s in material.statements for ask in s.asks}
    held_out = {ask for s in material.statements for ask in s.held_out}
    assert not trained & held_out
    assert not any(set(asks) & set(test) for _, asks, test in topics())
    assert not set(NOUNS) & set(TEST_NOUNS)


def test_made_up_names_of_the_test_are_no_names_of_training():
    rng = random.Random(3)
    trained = {made_up(rng, held_out=False).split()[-1] for _ in range(400)}
    tested = {made_up(rng, held_out=True).split()[-1] for _ in range(400)}
    assert not trained & tested


def test_made_up_rules_share_things_and_topics():
    rules = made_up_rules(random.Random(2), held_out=False, count=6)
    assert len({r.document for r in rules}) == len(rules) == 6
    assert all("{" not in text for r in rules for text in (r.text, *r.asks, *r.held_out))


def test_facts_are_asked_as_the_routers_templates_ask(material):
    facts = shelf(random.Random(2), material.phrases, held_out=True, count=5)
    assert all(f.asks and f.held_out and "{" not in f.text for f in facts)


def test_an_exam_holds_answerable_and_unanswerable_questions(material):
    questions = exam(random.Random(5), material, size=60)
    absent = [q for q in questions if q.right is None]
    assert len(questions) - len(absent) == 60
    assert 20 <= len(absent) <= 30
    assert {q.kind for q in questions} == {"handbook", "product", "rule", "stray"}


def test_halves_share_no_ask(material):
    one, other = material.halves()
    assert not set(one.owners) & set(other.owners)
    assert len(one.owners) + len(other.owners) == len(material.owners)


def test_a_typo_changes_one_word_only_a_little():
    rng = random.Random(1)
    assert typo(rng, "tv") == "tv"
    assert typo(rng, "$49.99") == "$49.99"
    assert all(abs(len(typo(rng, "restocking")) - 10) <= 1 for _ in range(50))
