"""The release's lexicon of shorthand and synonyms, as its TOML file writes it."""

from __future__ import annotations

from pathlib import Path

from appliance.damage import found
from appliance.errors import DamagedRelease
from appliance.release import AGAIN, load_toml
from appliance.stages.lexicon import Lexicon


def load_lexicon(path: Path) -> Lexicon:
    """Return the lexicon written in a TOML file.

    Raises:
        DamagedRelease: It does not parse or has other than [shorthand] and [synonyms].
    """
    table = load_toml(path)
    unknown = set(table) - {"shorthand", "synonyms"}
    if unknown:
        raise DamagedRelease(f"{path.name}: unknown table {min(unknown)!r}.")
    try:
        shorthand = {str(k).lower(): str(v) for k, v in table.get("shorthand", {}).items()}
        synonyms = {str(k): tuple(map(str, v)) for k, v in table.get("synonyms", {}).items()}
    except (AttributeError, TypeError) as exc:
        raise DamagedRelease(
            f"{path.name}: expected texts in [shorthand] and lists of texts in [synonyms], found"
            f" {found(exc)}.",
            hint=AGAIN,
        ) from exc
    return Lexicon(shorthand, synonyms)
