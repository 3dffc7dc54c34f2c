"""`backroom hub`: headquarters' server, and what its people ask of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync.hub import answer_commands, store_commands
from sync.hub.command_home import DEFAULT_HOME, Home, out
from sync.hub.gateway import commands as gateway_commands
from sync.hub.settings import FILE_NAME, load_settings, template

if TYPE_CHECKING:
    from sync.hub.settings import HubSettings

app = typer.Typer(help="Headquarters: serve, enrol and see stores.", no_args_is_help=True)
store_commands.register(app)
answer_commands.register(app)
gateway_commands.register(app)


@app.callback()
def _group() -> None:
    """Headquarters: serve, enrol and see stores."""


@app.command("init")
def init(
    folder: Annotated[Path, typer.Argument(help="The hub's home; made if it is not there.")],
    database: Annotated[str, typer.Option(help="SQLAlchemy URL; a file in the home if none.")] = "",
) -> None:
    """Make a hub: settings, the key that signs tokens, the database. What is there stays."""
    from appliance.files import replaced  # noqa: PLC0415
    from sync.hub.keys import make_token_key  # noqa: PLC0415
    from sync.hub.migrate import migrate  # noqa: PLC0415

    if not (folder / FILE_NAME).exists():
        with replaced(folder / FILE_NAME) as file:
            file.write(template(database=database))
        (folder / FILE_NAME).chmod(0o600)  # the database's password can stand in it
    settings = load_settings(folder)
    make_token_key(settings.token_key_file)
    settings.repository_folder.mkdir(parents=True, exist_ok=True)
    migrate(settings.database_url)
    out.print(
        f"A hub lives in {folder}; its releases in {settings.repository_folder}.", markup=False
    )
    out.print(f"Next: backroom hub serve --home {folder}", style="bold", markup=False)
    out.print(f"      backroom hub code --home {folder} --store 0001 --ring pilot", markup=False)


@app.command("serve")
def serve(  # noqa: PLR0917 - a command's options, given by name
    home: Home = DEFAULT_HOME,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    database: Annotated[str | None, typer.Option(help="SQLAlchemy URL; SQLite if none.")] = None,
    blobs: Annotated[str | None, typer.Option(help="Folder or s3:// URL of batches.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that serve.", min=1)] = None,
) -> None:
    """Serve stores until Ctrl+C."""
    from sync.hub.serve import serve as serve_hub  # noqa: PLC0415 - a second of imports

    given = {"host": host, "port": port, "database": database, "blobs": blobs, "workers": workers}
    settings = load_settings(home, given)
    serve_hub(settings, announce=lambda address: _welcome(settings, address))


def _welcome(settings: HubSettings, address: str) -> None:
    kind = "SQLite" if settings.is_sqlite else "PostgreSQL"
    some = f"{settings.workers} worker{'s' if settings.workers > 1 else ''}"
    out.print(f"Backroom hub on {address} ({kind}, {some}). Stop with Ctrl+C.", markup=False)
