"""What `sync` adds to the one command: release, hub, rollout, agent."""

from __future__ import annotations

import typer

from sync.agent import commands as agent
from sync.chain import commands as chain
from sync.hub import commands as hub
from sync.hub import rollout_commands as rollout
from sync.publish import commands as release


def register(app: typer.Typer) -> None:
    """Add the line's commands to `app`; heavy imports wait until one of them runs."""
    app.add_typer(release.app, name="release")
    app.add_typer(hub.app, name="hub")
    app.add_typer(rollout.app, name="rollout")
    app.add_typer(agent.app, name="agent")
    chain.register(app)
