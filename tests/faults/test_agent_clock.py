"""A machine whose clock cannot be right still knows its hub, and is not fooled by an old one."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.clock import SystemClock
from appliance.errors import LineDown
from appliance.ports import Clock
from sync.agent.bucket import Bucket, Rate
from sync.agent.line import Line
from sync.agent.memory import HubClock, Memory
from tests.fakes.clock import FakeClock

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)


class Live(BaseHTTPRequestHandler):
    """Answers that it lives."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "14")
        self.end_headers()
        self.wfile.write(b'{"live": true}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that does not trust it hangs up."""


@contextmanager
def serving(folder: Path, *, begins: datetime, ends: datetime) -> Iterator[tuple[str, Path]]:
    """Give the URL of an HTTPS server and the file of the authority that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a hub of a test")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "both.pem").write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    server = Quiet(("127.0.0.1", 0), Live)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}", folder / "ca.pem"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def look(hub: str, ca: Path | None, machine: Clock, *, since: datetime, heard: datetime) -> bool:
    memory = Memory(Path("/nowhere/state.json"), may_write=False)
    memory.change(contact_at=heard)
    line = Line(
        hub,
        bucket=Bucket(Rate(), local=machine.now),
        clock=HubClock(machine, memory),
        since=since,
        ca_file=str(ca or ""),
    )
    try:
        return bool(line.call("GET", "/health", dict)["live"])
    finally:
        line.close()


def test_a_hub_whose_certificate_is_in_force_is_known_by_a_clock_that_is_right(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, begins=NOW - YEAR, ends=NOW + YEAR) as (hub, ca):
        assert look(hub, ca, SystemClock(), since=NOW - YEAR, heard=NOW)


@pytest.mark.parametrize("year", [1970, 2040])
def test_a_clock_that_cannot_be_right_judges_by_when_the_hub_was_last_heard(
    tmp_path: Path, year: int
) -> None:
    # The certificate has ended by this machine's true clock, which stands in for a clock of 2040:
    # what OpenSSL goes by cannot be set for one process.
    machine = FakeClock(datetime(year, 1, 1, tzinfo=UTC))
    with serving(tmp_path, begins=NOW - 2 * YEAR, ends=NOW - YEAR) as (hub, ca):
        known = NOW - YEAR * 1.5
        assert look(hub, ca, machine, since=known, heard=known)
        with pytest.raises(LineDown, match="ended before it was last heard"):
            look(hub, ca, machine, since=known, heard=NOW - YEAR * 0.9)


def test_with_a_clock_that_may_be_right_an_ended_certificate_is_refused(tmp_path: Path) -> None:
    with (
        serving(tmp_path, begins=NOW - 2 * YEAR, ends=NOW - YEAR) as (hub, ca),
        pytest.raises(LineDown, match="certificate has expired"),
    ):
        look(hub, ca, SystemClock(), since=NOW - YEAR * 1.5, heard=NOW - timedelta(days=1))


@pytest.mark.parametrize("year", [1970, 2026])
def test_a_hub_nobody_vouches_for_is_never_known_whatever_the_clock(
    tmp_path: Path, year: int
) -> None:
    machine = FakeClock(datetime(year, 11, 1, tzinfo=UTC))
    with (
        serving(tmp_path, begins=NOW - YEAR, ends=NOW + YEAR) as (hub, _),
        pytest.raises(LineDown, match="certificate verify failed"),
    ):
        look(hub, None, machine, since=NOW - YEAR, heard=NOW)
