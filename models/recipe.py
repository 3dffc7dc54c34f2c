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
    bf16: bool = False  # products in bfloat16: faster where the processor has AMX or AVX512-BF16
    compiled: bool = False  # by torch.compile; needs a C++ compiler and minutes at the start


@dataclass(frozen=True)
class ExamRecipe:
    """The exam at the end."""

    size: int = 600  # answerable questions; half as many more are not
    seed: int = 2026
    parity: int = 60  # prompts compared token for token


@dataclass(frozen=True)
class CorpusRecipe:
    """[corpus]: what the release is about; documents and asks stand in [data]."""

    on: str = ""  # ISO day whose rules are in force; a run needs one
    documents: str = "*"  # of the handbook, by file name without its ending
    catalogue: str = ""  # your products as CSV; empty: the demo chain's, made up from a seed
    cards: str = ""  # your cards.json; empty: the demo chain's
    products: int = 0  # only the first so many; 0: all
    examples: int = 0  # so many of the intents' examples; 0: all


@dataclass(frozen=True)
class BaseRecipe:
    """[base]: a model to start from; without one the specialist is trained from nothing."""

    source: str = ""  # a Hugging Face folder; or a specialist to train on: its training's folder,
    # or the .gguf of a release
    blend: float = 1.0  # share of what was trained on; the rest are the weights of `source`
    trained: str = ""  # the folder of a finished training of a specialist: taken as it is
    gguf: str = ""  # of that Hugging Face folder, where you have one


@dataclass(frozen=True)
class FinetuneRecipe:
    """[finetune]: LoRA over the base; see `models.lora`."""

    pairs: str = ""  # JSONL; empty: nothing is tuned
    rank: int = 8
    rate: float = 1e-3
    steps: int = 60


@dataclass(frozen=True)
class QuantizeRecipe:
    """[quantize]: what is made, and which of them ships."""

    kinds: tuple[str, ...] = ("q8_0", "q5_k_m", "q4_k_m")
    ship: str = "q8_0"


@dataclass(frozen=True)
class ProbeRecipe:
    """[[release.probes]]: an ask the release must answer on the machine that packs it."""

    text: str  # {name}: a product's name
    holds: tuple[str, ...] = ()  # all must occur in the answer; "60 days|sixty days": either
    lanes: tuple[str, ...] = ()  # one of these must answer; empty: any


@dataclass(frozen=True)
class ReleaseRecipe:
    """[release]: what it is called and what goes into it untrained."""

    id: str = "{name}-{on}"
    made_on: str = ""  # ISO day it is made; empty: [corpus] on, whose rules are in force
    counter: int = 1
    parts: str = ""  # folder with prompts.toml, rules/, facts/, injection/ and embedder/
    previous: str = ""  # the release this one follows: it must not be forgotten
    probes: tuple[ProbeRecipe, ...] = ()


@dataclass(frozen=True)
class CalibrateRecipe:
    """[calibrate]: held-out asks tried in every lane."""

    asks: int = 700  # half of them calibrate, half report


@dataclass(frozen=True)
class EvaluateRecipe:
    """[evaluate]: questions written by hand, through the whole pipeline."""

    golden: str = ""  # JSONL, see tests/golden/README.md; empty: none are asked
    asks: int = 0  # only the first so many; 0: all


@dataclass(frozen=True)
class GateRecipe:
    """[gate]: what a release must hold; see `models.gate`."""

    forgets: float = 0.01  # most that golden answers may fall
    ece: float = 0.05  # most that what is said to be sure may be off
    agreement: float = 0.95  # least share of first tokens like the source's, before quantizing
    quantized: float = 0.9  # the same of the file that ships
    probe_s: float = 2.0  # slowest probe
    most_bytes: int = 45_000_000  # of the whole release


@dataclass(frozen=True)
class Recipe:
    """A training run."""

    name: str = "specialist"
    seed: int = 1
    processes: int = 2  # of the base's training, each of one thread; finetune: see models/README.md
    model: ModelRecipe = field(default_factory=ModelRecipe)
    data: DataRecipe = field(default_factory=DataRecipe)
    copy: StageRecipe = field(
        default_factory=lambda: StageRecipe(rate=2e-3, steps=400, seconds=600.0, goal=0.95)
    )
    text: StageRecipe = field(default_factory=StageRecipe)
    exam: ExamRecipe = field(default_factory=ExamRecipe)
    corpus: CorpusRecipe = field(default_factory=CorpusRecipe)
    base: BaseRecipe = field(default_factory=BaseRecipe)
    finetune: FinetuneRecipe = field(default_factory=FinetuneRecipe)
    quantize: QuantizeRecipe = field(default_factory=QuantizeRecipe)
    release: ReleaseRecipe = field(default_factory=ReleaseRecipe)
    calibrate: CalibrateRecipe = field(default_factory=CalibrateRecipe)
    evaluate: EvaluateRecipe = field(default_factory=EvaluateRecipe)
    gate: GateRecipe = field(default_factory=GateRecipe)
    folder: Path = field(default=Path(), compare=False)
    written: str = field(default="", compare=False)  # the file as it was read

    def path(self, relative: str) -> Path:
        """Return a path of the recipe as seen from here."""
        return (self.folder / relative).resolve()


def read_recipe(path: Path) -> Recipe:
    """Return the recipe of a TOML file.

    Raises:
        BadInput: Missing, not TOML, or a key that no recipe has.
    """
    try:
        written = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"No recipe at {path}: {error.strerror}.") from error
    return parse_recipe(written, path.parent, name=str(path))


def parse_recipe(written: str, folder: Path, *, name: str = "recipe") -> Recipe:
    """Return the recipe of a text; its paths are seen from `folder`.

    Raises:
        BadInput: Not TOML, or a key that no recipe has.
    """
    try:
        table = tomllib.loads(written)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"Recipe {name} is not TOML: {error}") from error
    read = _filled(Recipe(), table, name)
    return dataclasses.replace(read, folder=folder, written=written)


def _filled(default: T, table: Any, where: str) -> T:
    """Return a recipe, or one of its tables, with what the file says."""
    if not isinstance(table, dict):
        raise BadInput(f"{where} is no table but {table!r}.")
    known = {f.name for f in dataclasses.fields(default)} - {"folder", "written"}  # type: ignore[arg-type]
    unknown = sorted(set(table) - known)
    if unknown:
        raise BadInput(
            f"{where} has unknown keys: {', '.join(unknown)}.",
            hint=f"Known: {', '.join(sorted(known))}",
        )
    read = {k: _read(getattr(default, k), v, f"{where} [{k}]") for k, v in table.items()}
    return dataclasses.replace(default, **read)  # type: ignore[type-var]


def _read(default: Any, value: Any, where: str) -> Any:
    """Return a value as its default is typed."""
    if dataclasses.is_dataclass(default):
        return _filled(default, value, where)
    if isinstance(default, tuple) and isinstance(value, list):
        probe = ProbeRecipe("")
        return tuple(_filled(probe, v, where) if isinstance(v, dict) else v for v in value)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise BadInput(f"{where} is {value!r}; it must be a {type(default).__name__}.")
    return value


def digest(*paths: Path) -> str:
    """Return one sha256 over files and the files of folders, names and contents, sorted."""
    found = hashlib.sha256()
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            found.update(f"{file.relative_to(path) if path.is_dir() else file.name}\0".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()
