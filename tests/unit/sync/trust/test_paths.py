"""Names in a repository and a release: what may be one, and where it leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import Untrusted
from sync.trust import paths
from sync.trust.roles import CONTENT, ROLES, TERMS

DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("part", "role"),
    [
        ("specialist/specialist.gguf", "models"),
        ("adapters/returns.gguf", "models"),
        ("embedder/tokenizer.json", "models"),
        ("router/router.npz", "models"),
        ("index.db", "indexes"),
        ("known/asks.json", "indexes"),
        ("cards/cards.json", "indexes"),
        ("rules/reading.cedar", "policy"),
        ("facts/facts.toml", "policy"),
        ("something/new.bin", "policy"),
    ],
)
def test_a_part_belongs_to_the_role_that_signs_it(part: str, role: str) -> None:
    assert paths.collection_of(part) == role
    assert paths.part_target(part, DIGEST) == f"{role}/{DIGEST}/{part.rsplit('/', 1)[-1]}"


def test_a_target_lies_under_its_digest() -> None:
    assert paths.stored_name("models/x/base.gguf", "d1") == "models/x/d1.base.gguf"
    assert paths.stored_name("top.json", "d1") == "d1.top.json"


def test_every_role_may_sign_exactly_its_own_paths() -> None:
    from tuf.api.metadata import DelegatedRole

    examples = {
        "models": paths.part_target("specialist/a.gguf", DIGEST),
        "indexes": paths.delta_target("index.db", new=DIGEST, old=DIGEST),
        "policy": paths.part_target("prompts.toml", DIGEST),
        "releases": paths.release_target("r-1"),
        "rings": paths.ring_target("pilot"),
    }
    for role, terms in TERMS.items():
        if not terms.paths:
            continue
        delegated = DelegatedRole(role, [], 1, terminating=True, paths=list(terms.paths))
        may = {name for name, path in examples.items() if delegated.is_delegated_path(path)}
        assert may == {role}
        back = delegated.is_delegated_path(paths.back_target("pilot", "r-1"))
        assert back == (role == "releases")


@given(st.text(max_size=200))
def test_no_name_leaves_its_folder(text: str) -> None:
    if paths.is_name(text):
        assert "/" not in text
        assert "\\" not in text
        assert not text.startswith(".")
        assert not text.startswith("-")
        assert len(text) <= paths.MOST_NAME
        assert text.isascii()


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "-x", "a b", "a\n", "a.", "é", "x" * 121])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(Untrusted):
        paths.ring_target(text)


@pytest.mark.parametrize("digest", ["", "ab", "AB" * 32, "g" * 64, "../" + "a" * 61])
def test_what_is_no_digest_makes_no_path(digest: str) -> None:
    with pytest.raises(Untrusted):
        paths.part_target("index.db", digest)


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(Untrusted, match="at most 2,000"):
        paths.check_parts((f"p{n}" for n in range(2_001)), release="r")


@pytest.mark.parametrize(
    "path",
    [
        f"releases/{DIGEST}/from-{DIGEST}.zst",
        f"models/{'0' * 64}/from-{DIGEST}.zst",
        f"models/{DIGEST}/from-x.zst",
        f"models/{DIGEST}/../from-{DIGEST}.zst",
        f"models/{DIGEST}/specialist.gguf",
    ],
)
def test_only_a_delta_that_leads_to_the_file_is_one(path: str) -> None:
    assert not paths.is_delta_target(path, new=DIGEST)
    assert paths.is_delta_target(paths.delta_target("index.db", new=DIGEST, old=DIGEST), new=DIGEST)


def test_content_roles_are_roles() -> None:
    assert set(CONTENT) < set(ROLES) == set(TERMS)
