"""`backroom hub usage` tells who used how much of the generalist."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from typer.testing import CliRunner

from sync.hub.commands import app
from sync.hub.gateway.budget import Amount, Spent, hold, settle
from sync.hub.ledger import Ledger
from sync.hub.migrate import migrate
from sync.hub.settings import load_settings
from tests.builders.hub.homes import make_home


def test_the_stores_that_used_most_come_first(tmp_path: Path) -> None:
    home = make_home(tmp_path / "hub")
    url = load_settings(home).database_url
    migrate(url)
    ledger = Ledger(url)
    now = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
    for store, tokens in (("0001", 40), ("0002", 4_000)):
        held = ledger.write(
            lambda c, s=store: hold(c, s, Amount(5_000, 0), most=Amount(9_000, 0), now=now)  # type: ignore[misc]
        )
        assert held is not None
        ledger.write(lambda c, h=held, t=tokens: settle(c, h, Spent(t, 0, 1_500_000)))  # type: ignore[misc]
    ledger.close()

    found = CliRunner().invoke(app, ["usage", "--home", str(home), "--day", "2026-11-27"])

    assert found.exit_code == 0, found.output
    assert "2026-11-27: 2 stores, 4,040 tokens, 3.00 in money." in found.output
    assert found.output.index("0002") < found.output.index("0001")
