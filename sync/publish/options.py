"""What every command of `backroom release` is told: where the repository and its keys are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync.errors import BadKey
from sync.trust.roles import is_online_key

if TYPE_CHECKING:
    from sync.publish.repository import Repository

DEFAULT_REPOSITORY = Path("var/repository")
KEYS_SUFFIX = ".keys"
MOST_PASSPHRASE_BYTES = 4096

Repo = Annotated[
    Path,
    typer.Option("--repo", envvar="BACKROOM_REPOSITORY", help="Folder of the repository."),
]
Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys", envvar="BACKROOM_KEYS", help="Folder of the keys; else REPO.keys beside it."
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="First line: the keys' passphrase. Else: asked for."),
]
OnlinePassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--online-passphrase-file",
        help="Of the keys of rings, snapshot and timestamp, where it is another.",
    ),
]


def _from_environment_only(context: typer.Context, value: str) -> str:
    source = context.get_parameter_source("passphrase")
    if source is not None and source.name == "COMMANDLINE":
        raise BadKey(
            "A passphrase on the command line can be read by everyone on this machine.",
            hint="Set BACKROOM_PASSPHRASE, or name a file by --passphrase-file.",
        )
    return value


Passphrase = Annotated[
    str,
    typer.Option(
        "--passphrase",
        envvar="BACKROOM_PASSPHRASE",
        hidden=True,
        show_default=False,
        callback=_from_environment_only,
    ),
]


def open_repository(
    repo: Path,
    keys: Path | None,
    *,
    passphrase: str = "",
    passphrase_file: Path | None = None,
    online_file: Path | None = None,
    is_new: bool = False,
) -> Repository:
    """Return the repository with the keys that are here; a passphrase is asked for when needed."""
    from appliance.clock import SystemClock  # noqa: PLC0415
    from sync.publish.keys import KeyFolder  # noqa: PLC0415
    from sync.publish.repository import Repository  # noqa: PLC0415

    secret = passphrases(passphrase, passphrase_file, online_file, is_new=is_new)
    folder = keys or repo.with_name(repo.name + KEYS_SUFFIX)
    return Repository(repo, keys=KeyFolder(folder, secret), clock=SystemClock())


def passphrases(
    given: str, file: Path | None, online_file: Path | None, *, is_new: bool
) -> Callable[[str], str]:
    """Return what tells a key's passphrase: a file's line, the environment's, or a person's."""
    known: dict[bool, str] = {}

    def secret(name: str) -> str:
        is_online = online_file is not None and is_online_key(name)
        if is_online not in known:
            path = online_file if is_online else file
            known[is_online] = _from_file(path) if path else given or _asked(is_new=is_new)
        return known[is_online]

    return secret


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(MOST_PASSPHRASE_BYTES).decode()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadKey(f"{path} holds no passphrase: {exc}.") from exc
    return text.split("\n", 1)[0].rstrip("\r")


def _asked(*, is_new: bool) -> str:
    if not sys.stdin.isatty():
        raise BadKey(
            "The keys need a passphrase, and nobody is here to type it.",
            hint="Set BACKROOM_PASSPHRASE, or name a file by --passphrase-file.",
        )
    return str(typer.prompt("Passphrase of the keys", hide_input=True, confirmation_prompt=is_new))
