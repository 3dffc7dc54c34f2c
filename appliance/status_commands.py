"""`backroom status`: the running store's figures, live in the terminal."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.live import Live

from appliance.config import Settings, load_settings
from appliance.errors import BadInput
from appliance.status_page import draw

EVERY_S = 2.0
TIMEOUT_S = 5.0
MOST_BYTES = 4 * 2**20  # an hour's minutes are some 60 kB
ANY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104  compared, not bound
HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="BACKROOM_HOME", help="Folder of the store's own data."),
]
DEFAULT_HOME = Path("var/store")


def register(app: typer.Typer) -> None:
    """Add `status` to `app`."""
    app.command("status")(status)


def status(
    home: HomeOption = DEFAULT_HOME,
    url: Annotated[str, typer.Option(help="The store's address; by its settings if empty.")] = "",
    once: Annotated[bool, typer.Option("--once", help="Print once and leave.")] = False,
    token: Annotated[
        str,
        typer.Option(envvar="BACKROOM_TOKEN", help="A manager's key; this machine needs none."),
    ] = "",
) -> None:
    """Show how the running store is doing: times, lanes, queue, pressure, breakers."""
    address = url.rstrip("/") or _address(load_settings(home))
    console = Console(highlight=False)
    found = fetch_status(address, token=token)
    if once:
        console.print(draw(found, address=address))
        return
    _watch(console, found, address=address, token=token)


def fetch_status(address: str, *, token: str = "") -> dict[str, Any]:
    """Return what `GET /v1/status` answers.

    Raises:
        BadInput: Nobody answers there, or answers something else, or does not let us look.
    """
    if urlsplit(address).scheme not in {"http", "https"}:
        raise BadInput(f"{address} is no web address.", hint="Try --url http://127.0.0.1:8080")
    request = urllib.request.Request(f"{address}/v1/status")  # noqa: S310  checked just above
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    # Without proxies: the store is on this network, whatever the shell's settings say.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return _parsed(response.read(MOST_BYTES), address)
    except urllib.error.HTTPError as exc:
        raise _refused(exc, address) from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "reason", exc)
        raise BadInput(
            f"No store answers at {address}: {reason}.", hint="Start it: backroom run"
        ) from exc


def _watch(console: Console, found: dict[str, Any], *, address: str, token: str) -> None:
    """Draw until Ctrl+C; a store that stops answering is waited for."""
    with Live(draw(found, address=address), console=console, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(EVERY_S)
                fault = ""
                try:
                    found = fetch_status(address, token=token)
                except BadInput as exc:
                    fault = exc.message
                live.update(draw(found, address=address, fault=fault), refresh=True)
        except KeyboardInterrupt:
            return


def _address(settings: Settings) -> str:
    host = "127.0.0.1" if settings.host in ANY_ADDRESS else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _parsed(body: bytes, address: str) -> dict[str, Any]:
    plain = json.loads(body)
    if not isinstance(plain, dict) or "hour" not in plain:
        raise BadInput(f"What answers at {address} is not a store.", hint="Check --url.")
    return plain


def _refused(error: urllib.error.HTTPError, address: str) -> BadInput:
    try:
        problem = json.loads(error.read(MOST_BYTES))
        detail = str(problem["detail"])
    except (OSError, ValueError, KeyError, TypeError):
        detail = f"What answers at {address} says {error.code}."
    hint = "Check --url."
    if error.code in {401, 403}:
        hint = "Give a manager's key in BACKROOM_TOKEN: backroom device key status --role manager"
    return BadInput(detail, hint=hint)
