"""Our client behind the command line that the public TUF conformance suite drives.

`init ROOT`, `refresh` and `download`, exit 0 or 1, as the suite's CLIENT-CLI.md wants it. Nothing
here decides anything: wire, updater and download are the store's.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from urllib.parse import quote

from appliance.clock import SystemClock
from appliance.errors import BackroomError
from appliance.files import replaced_file
from sync.errors import NotPublished, Untrusted
from sync.fetch.download import Download, Wanted
from sync.fetch.fetcher import DurableUpdater, LineFetcher
from sync.fetch.limits import FetchLimits
from sync.fetch.translation import translated
from sync.fetch.verified import VerifiedFiles
from sync.fetch.wire import Wire
from sync.trust.paths import stored_name

# The suite counts requests: a second try of one that failed would be one too many.
LIMITS = FetchLimits(tries=1)


def main(argv: list[str] | None = None) -> int:
    """Run one verb; return 0 when it succeeded fully, else 1."""
    told = _parser().parse_args(argv)
    try:
        {"init": _init, "refresh": _refresh, "download": _download}[told.verb](told)
    except BackroomError as exc:
        sys.stderr.write(f"{exc.code}: {exc}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sync.fetch.conformance", description=__doc__)
    parser.add_argument("--metadata-dir", type=Path, required=True)
    parser.add_argument("--metadata-url", default="")
    parser.add_argument("--target-name", default="")
    parser.add_argument("--target-base-url", default="")
    parser.add_argument("--target-dir", type=Path, default=Path())
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("init").add_argument("root", type=Path)
    verbs.add_parser("refresh")
    verbs.add_parser("download")
    return parser


def _init(told: argparse.Namespace) -> None:
    with replaced_file(told.metadata_dir / "root.json") as beside:
        beside.write_bytes(told.root.read_bytes())


def _refresh(told: argparse.Namespace) -> None:
    with translated():
        _updater(told, _wire()).refresh()


def _download(told: argparse.Namespace) -> None:
    wire = _wire()
    with translated():
        updater = _updater(told, wire)
        updater.refresh()
        target = updater.get_targetinfo(told.target_name)
    if target is None:
        raise NotPublished(f"No role names {told.target_name}.")
    algorithm, digest = next(iter(target.hashes.items()))
    sha256 = target.hashes.get("sha256")
    if sha256 is None:
        raise Untrusted(f"{target.path} has a {algorithm} and no sha256.")
    name = stored_name(target.path, digest) if updater.is_hash_prefixed() else target.path
    path = told.target_dir / quote(target.path, safe="")
    record = VerifiedFiles(told.target_dir)
    if record.holds(path.name, sha256, length=target.length):
        return
    wanted = Wanted(f"{told.target_base_url.rstrip('/')}/{name}", sha256, target.length)
    Download(wire, sleep=time.sleep)(wanted, path, partial=path.with_name(f".{path.name}.part"))


def _wire() -> Wire:
    return Wire(limits=LIMITS, monotonic=SystemClock().monotonic)


def _updater(told: argparse.Namespace, wire: Wire) -> DurableUpdater:
    return DurableUpdater(
        told.metadata_dir,
        metadata_url=told.metadata_url,
        fetcher=LineFetcher(wire, time.sleep),
        limits=LIMITS,
        root=None,
    )


if __name__ == "__main__":
    sys.exit(main())
