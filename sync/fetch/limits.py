"""What a download may take: every wait, size and number of tries of the store's client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one client; the defaults are for a slow, metered line."""

    connect_s: float = 15.0
    read_s: float = 30.0  # without a byte
    least_bytes_s: int = 256  # over a window of waiting; a line that is slower is a dead one
    window_s: float = 60.0  # of waiting on the line; time the bandwidth bucket holds is not counted
    answer_s: float = 60.0  # from a request to the end of its answer's head
    metadata_s: float = 300.0  # of waiting for one metadata file
    tries: int = 5  # in a row that brought nothing; a try that brought bytes begins the count anew
    most_tries: int = 1_000  # of one file, whatever they brought
    pause_s: float = 1.0  # before the second try; doubled each time
    most_pause_s: float = 60.0
    chunk_bytes: int = 64 * 1024
    manifest_bytes: int = 4 * 2**20
    pointer_bytes: int = 64 * 1024
    part_bytes: int = 64 * 2**30  # of one part
    redirects: int = 3
    root_rotations: int = 256  # in one refresh
    delegations: int = 32
    root_bytes: int = 512_000
    timestamp_bytes: int = 16_384
    snapshot_bytes: int = 2_000_000
    targets_bytes: int = 5_000_000
