"""What the lookup lane says of live facts passes governance, in each language, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, text

from appliance.lanes.lookup import LookupLane
from appliance.policy.notices import NOTICES_FILE, load_notices
from appliance.policy.rules import CedarPolicy
from appliance.policy.ruleset import load_rules
from appliance.policy_commands import DEMO_RULES
from appliance.records import LaneName, Outcome, Role
from appliance.stages.govern import NOTICES, Govern
from appliance.stages.personal import find_personal
from appliance.store.facts import SqlFacts
from appliance.store.languages import LANGUAGES
from tests.builders.facts import NOW, RELEASE_FACTS, sqlite_store
from tests.builders.records import a_grant, a_ladder, a_query, a_stitched, an_evidence

ASKED = {"en": "what do we know about it", "es": "qué sabemos de esto"}
A_FEW = (
    "SELECT sku FROM products WHERE age_restriction > 0 OR warranty_months > 0 LIMIT 25",
    "SELECT p.sku FROM products p JOIN promotions x USING (department) ORDER BY p.ean LIMIT 25",
    "SELECT sku FROM promotions WHERE sku IS NOT NULL LIMIT 10",
    "SELECT sku FROM stock WHERE on_hand = reserved LIMIT 10",
    "SELECT sku FROM transit ORDER BY sku LIMIT 10",
    "SELECT min(order_number) FROM pickups GROUP BY status",
    "SELECT badge FROM associates LIMIT 10",
    "SELECT receipt FROM purchases GROUP BY receipt HAVING count(*) = 1 LIMIT 10",
)


@pytest.fixture(scope="module")
def store() -> Iterator[tuple[SqlFacts, list[str]]]:
    with sqlite_store() as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            found = [str(row[0]) for sql in A_FEW for row in connection.execute(text(sql))]
        engine.dispose()
        facts = SqlFacts.open(RELEASE_FACTS, url, zone=ZoneInfo("America/Chicago"))
        yield facts, list(dict.fromkeys(found))
        facts.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fact_is_said_as_its_family_words_it(
    store: tuple[SqlFacts, list[str]], language: str
) -> None:
    facts, subjects = store
    govern = Govern(
        CedarPolicy(load_rules(DEMO_RULES)), load_notices(DEMO_RULES / NOTICES_FILE), find_personal
    )
    families: set[str] = set()
    for subject in subjects:
        reading = facts.read(
            facts.families(), subject=subject, at=NOW, role=Role.MANAGER, language=language
        )
        for fact in reading.facts:
            stitched = a_stitched(
                query=a_query(ASKED[language], language=language),
                grant=a_grant(audiences=Role.MANAGER.audiences, families=facts.families()),
                evidence=an_evidence(facts=[fact]),
                lanes=a_ladder(LaneName.LOOKUP),
            )
            draft = LookupLane().draft(stitched, remaining_s=5.0)
            (sentence,) = draft.sentences
            said, checks = govern(sentence, draft=draft, stitched=stitched)
            wrong = [(c.name, c.why) for c in checks if c.outcome is Outcome.FAIL]
            assert wrong == [], fact.text
            mended = {c.name for c in checks if c.outcome is Outcome.MEND}
            assert mended <= {NOTICES}, fact.text
            assert said.text.startswith(fact.text)
            families.add(fact.family)
    assert families == set(facts.families())
