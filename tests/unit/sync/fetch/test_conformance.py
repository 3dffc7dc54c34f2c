"""Our client behind the conformance suite's command line; the public suite where it is here."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Targets

from sync.fetch.conformance import main
from sync.publish.repository import Repository
from sync.publish.rotation import rotate
from sync.publish.signing import end_of, following, signed_bytes
from sync.trust.ring import RingPointer
from sync.trust.roles import TARGETS
from tests.builders.repositories import CHEAP, copied, published, release, repository
from tests.builders.web_folders import WebFolder, web_folder

CLIENT = "sync.fetch.conformance"
SUITE_S = 540


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    from appliance.clock import SystemClock

    folder = tmp_path_factory.mktemp("made")
    made = repository(folder, SystemClock())
    published(made, release(folder / "a", "rel-a", 1))
    made.promote(RingPointer("pilot", "rel-a", 1))
    return made


@pytest.fixture
def repo(made: Repository, tmp_path: Path) -> Repository:
    return copied(made, tmp_path, made.clock)


@pytest.fixture
def web(repo: Repository) -> Iterator[WebFolder]:
    with web_folder(repo.folder) as served:
        yield served


class Client:
    """The client under test, as the suite runs it."""

    def __init__(self, home: Path, repo: Repository, web: WebFolder) -> None:
        self.metadata, self.targets = home / "metadata", home / "artifacts"
        self.metadata.mkdir()
        self.targets.mkdir()
        self.web = web
        self.root = repo.disk.metadata / "1.root.json"
        self.options = [
            "--metadata-dir",
            str(self.metadata),
            "--metadata-url",
            f"{web.url}/metadata/",
        ]

    def init(self) -> int:
        return main(["--metadata-dir", str(self.metadata), "init", str(self.root)])

    def refresh(self) -> int:
        return main([*self.options, "refresh"])

    def download(self, name: str) -> int:
        more = ["--target-name", name, "--target-dir", str(self.targets)]
        more += ["--target-base-url", f"{self.web.url}/targets/"]
        return main([*self.options, *more, "download"])

    def downloaded(self) -> list[bytes]:
        return [p.read_bytes() for p in self.targets.glob("*") if p.is_file()]


@pytest.fixture
def client(tmp_path: Path, repo: Repository, web: WebFolder) -> Client:
    made = Client(tmp_path, repo, web)
    assert made.init() == 0
    return made


def test_a_refresh_asks_in_the_specifications_order_and_keeps_what_it_trusts(
    client: Client, web: WebFolder
) -> None:
    assert client.refresh() == 0

    assert web.asked == [
        "GET /metadata/2.root.json",
        "GET /metadata/timestamp.json",
        "GET /metadata/3.snapshot.json",
        "GET /metadata/1.targets.json",
    ]
    kept = sorted(p.name for p in client.metadata.glob("*.json"))
    assert kept == ["root.json", "snapshot.json", "targets.json", "timestamp.json"]


def test_a_download_refreshes_first_and_fails_for_what_nobody_signed(client: Client) -> None:
    assert client.download("nothing") == 1

    assert (client.metadata / "timestamp.json").exists()


def test_a_download_that_is_there_is_not_asked_for_again(
    client: Client, repo: Repository, web: WebFolder
) -> None:
    assert client.download("rings/pilot.json") == 0
    assert client.downloaded() == [
        repo.content(repo.view().roles["rings"].signed.targets["rings/pilot.json"])
    ]
    web.asked.clear()

    assert client.download("rings/pilot.json") == 0

    assert web.file_requests() == []


def test_a_file_that_was_put_in_anothers_place_is_not_kept(client: Client, web: WebFolder) -> None:
    web.body = lambda path, content: b"?" * len(content) if "/targets/" in path else content

    assert client.download("rings/pilot.json") == 1

    assert client.downloaded() == []


@pytest.mark.parametrize("name", ["?", "#", "/delegated", "../delegated", "%2F", "ü"])
def test_a_role_of_any_name_is_asked_for_quoted_and_kept_inside_the_folder(
    client: Client, repo: Repository, web: WebFolder, name: str
) -> None:
    from urllib.parse import quote

    now = repo.clock.now()
    view = repo.view()
    signer = CryptoSigner.generate_ed25519()
    role = DelegatedRole(name, [], 1, terminating=False, paths=["*"])
    targets = following(view.roles[TARGETS].signed, TARGETS, now)
    targets.delegations = Delegations({}, {name: role})
    targets.add_key(signer.public_key, name)
    delegated = Metadata(Targets(expires=end_of(TARGETS, now)))
    delegated.sign(signer)
    by = view.root.signed
    signed = signed_bytes(targets, TARGETS, delegators=(by,), keys=repo.keys)
    repo.disk.write({f"1.{quote(name, safe='')}.json": delegated.to_bytes()})
    repo.commit(view, {TARGETS: signed, name: delegated.to_bytes()})
    assert client.refresh() == 0

    client.download("nothing")

    asked = [line for line in web.asked if "delegated" in line or quote(name, safe="") in line]
    assert asked
    assert not (client.metadata.parent / "delegated.json").exists()


def test_a_client_that_slept_through_many_roots_walks_through_each(
    client: Client, repo: Repository
) -> None:
    for name in ("root-1", "root-2", "timestamp"):
        rotate(repo, [name], scrypt_n=CHEAP)

    assert client.refresh() == 0

    assert Metadata.from_file(str(client.metadata / "root.json")).signed.version == 4


def test_a_root_that_does_not_parse_fails_and_asks_nothing(client: Client, web: WebFolder) -> None:
    (client.metadata / "root.json").write_bytes(b"{}")

    assert client.refresh() == 1

    assert web.asked == []


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs Debian's faketime")
def test_expired_metadata_fails_under_another_clock(client: Client) -> None:
    assert client.refresh() == 0

    done = subprocess.run(
        ["faketime", "-f", "+40d", sys.executable, "-m", CLIENT, *client.options, "refresh"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "stale_metadata" in done.stderr


def test_the_public_suite_passes() -> None:
    spec = importlib.util.find_spec("tuf_conformance")
    if spec is None or spec.origin is None:
        pytest.skip(
            "tuf-conformance is not here; it is installed from its repository, not an index"
        )
    if shutil.which("faketime") is None:
        pytest.skip("the suite needs Debian's faketime")
    suite = Path(spec.origin).parent

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", str(suite), "-q", "-p", "no:cacheprovider"),
            *("--entrypoint", f"{sys.executable} -m {CLIENT}"),
        ],
        cwd=suite.parent,
        capture_output=True,
        text=True,
        timeout=SUITE_S,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4_000:]
