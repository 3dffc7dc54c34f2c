"""A recipe: everything a training run depends on, in one TOML file."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from appliance.errors import BadInput

T = TypeVar("T")


@dataclass(frozen=True)
class ModelRecipe:
    """Sizes; see `models.base.Shape`."""

    vocabulary: int = 2048
    width: int = 224
    layers: int = 5
    heads: int = 7
    inner: int = 512
    meaning_share: float = 0.4  # of a token's start that comes from how asks use it


@dataclass(frozen=True)
class DataRecipe:
    """Where asks come from; paths are relative to the recipe's folder."""

    handbook: str = "../corpus/handbook"
    asks: str = "../corpus/asks"
    intents: str = "../corpus/intents.toml"
    lexicon: str = "../corpus/lexicon.toml"
    embedder: str = ""  # folder; empty: neighbours by shared words alone
    tokens: int = 1700  # of a batch, in each process
    copy_weight: float = 0.15
    ask_weight: float = 0.04


@dataclass(frozen=True)
class StageRecipe:
    """One stage; see `models.learn.Stage`."""

    rate: float = 1.5e-3
    steps: int = 100_000
    seconds: float = 3600.0
    warmup: int = 50
    decay: float = 0.3
    weight_decay: float = 0.05
    goal: float = 2.0


@dataclass(frozen=True)
class ExamRecipe:
    """The exam at the end."""

    size: int = 600  # answerable questions; half as many more are not
    seed: int = 2026
    parity: int = 60  # prompts compared token for token


@dataclass(frozen=True)
class Recipe:
    """A training run."""

    name: str = "specialist"
    seed: int = 1
    processes: int = 2  # each of one thread
    model: ModelRecipe = field(default_factory=ModelRecipe)
    data: DataRecipe = field(default_factory=DataRecipe)
    copy: StageRecipe = field(
        default_factory=lambda: StageRecipe(rate=2e-3, steps=400, seconds=600, goal=0.95, decay=0)
    )
    text: StageRecipe = field(default_factory=StageRecipe)
    exam: ExamRecipe = field(default_factory=ExamRecipe)
    folder: Path = field(default=Path(), compare=False)

    def path(self, relative: str) -> Path:
        """Return a path of the recipe as seen from here."""
        return (self.folder / relative).resolve()


def read_recipe(path: Path) -> Recipe:
    """Return the recipe of a TOML file.

    Raises:
        BadInput: Missing, not TOML, or a key that no recipe has.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"No recipe at {path}: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"Recipe {path} is not TOML: {error}") from error
    parts: dict[str, Any] = {"model": ModelRecipe, "data": DataRecipe, "exam": ExamRecipe,
                             "copy": StageRecipe, "text": StageRecipe}  # fmt: skip
    defaults = Recipe()
    read = {
        key: _filled(getattr(defaults, key), value, f"{path} [{key}]") if key in parts else value
        for key, value in table.items()
    }
    return dataclasses.replace(_filled(defaults, read, str(path)), folder=path.parent)


def _filled(default: T, table: Any, where: str) -> T:
    known = {f.name for f in dataclasses.fields(default)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - known)
    if unknown:
        raise BadInput(
            f"{where} has unknown keys: {', '.join(unknown)}.",
            hint=f"Known: {', '.join(sorted(known))}",
        )
    return dataclasses.replace(default, **table)  # type: ignore[type-var]


def digest(*paths: Path) -> str:
    """Return one sha256 over files and the files of folders, names and contents, sorted."""
    found = hashlib.sha256()
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            found.update(f"{file.relative_to(path) if path.is_dir() else file.name}\0".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()
