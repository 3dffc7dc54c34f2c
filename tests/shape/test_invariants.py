"""What holds of the code as text and as modules; each check is shown a culprit."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from appliance import ports, records

ROOT = Path(__file__).parents[2]
PACKAGES = ("appliance", "sync", "models", "installer")
STORE_HALF = ("appliance", "sync")
MOST_LINES = 340
# Sets the variable that llama.cpp's OpenMP reads when its library is loaded; reads none.
READS_ENVIRONMENT = {
    "appliance/engines/llama_library.py",
    "sync/chain/processes.py",  # hands it on, whole, to the programs it starts
}
TRAINING = ("torch", "transformers", "sklearn", "optimum")

# Imports every module named on the command line, then says what else came along.
IMPORTER = """
import contextlib, importlib, io, json, sys, threading
said, threads = io.StringIO(), []
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    for name in sys.argv[1:]:
        importlib.import_module(name)
        if threading.active_count() > 1:
            threads.append(name)
print(json.dumps({"said": said.getvalue(), "threads": threads, "loaded": sorted(sys.modules)}))
"""

Fault = Callable[[ast.Module], Iterator[str]]


def sources(*packages: str) -> list[Path]:
    return sorted(p for name in packages for p in (ROOT / name).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def faults_of(check: Fault, *packages: str) -> list[str]:
    return [
        f"{relative(path)}: {fault}"
        for path in sources(*packages)
        for fault in check(ast.parse(path.read_text(encoding="utf-8")))
    ]


def no_docstring(tree: ast.Module) -> Iterator[str]:
    if tree.body and not ast.get_docstring(tree):
        yield "the module has no docstring"


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield public functions, classes and methods without a docstring."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in tree.body:
        if not isinstance(node, (*functions, ast.ClassDef)) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield node.name
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if not isinstance(inner, functions):
                continue
            is_public = inner.name == "__call__" or not inner.name.startswith("_")
            if is_public and not ast.get_docstring(inner):
                yield f"{node.name}.{inner.name}"


def reads_environment(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}:
            yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (f"imports os.{a.name}" for a in node.names if "env" in a.name)


def thawed(module: ModuleType | SimpleNamespace) -> list[str]:
    """Return the dataclasses of a module that are not frozen or have no slots."""
    kinds = {n: k for n, k in vars(module).items() if inspect.isclass(k)}
    return [
        name
        for name, kind in kinds.items()
        if dataclasses.is_dataclass(kind)
        and not (kind.__dataclass_params__.frozen and "__slots__" in vars(kind))  # type: ignore[attr-defined]
    ]


def imported(names: list[str], *, folder: Path = ROOT) -> dict[str, list[str] | str]:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTER, *names],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *before, report = done.stdout.splitlines()
    found = dict(json.loads(report))
    found["said"] = "\n".join([*before, done.stderr, found["said"]]).strip()
    return found


def module_names(*packages: str) -> list[str]:
    # Alembic's env.py is its script, run by it inside a migration and nowhere else.
    found = (p for p in sources(*packages) if "migrations" not in p.parts)
    parts = (p.relative_to(ROOT).with_suffix("").parts for p in found)
    return [".".join(n[:-1] if n[-1] == "__init__" else n) for n in parts]


def test_every_record_is_frozen_and_has_slots() -> None:
    assert thawed(records) == []
    assert thawed(ports) == []


def test_every_module_says_what_it_is_for() -> None:
    assert faults_of(no_docstring, *PACKAGES) == []


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lines = {relative(p): len(p.read_text("utf-8").splitlines()) for p in sources(*PACKAGES)}
    # The records are one page on purpose: a newcomer reads an ask's whole life in one file.
    lines.pop("appliance/records.py")
    assert {name: n for name, n in lines.items() if n > MOST_LINES} == {}


def test_no_module_reads_the_environment_but_those_named() -> None:
    found = {fault.split(":")[0] for fault in faults_of(reads_environment, *PACKAGES)}
    assert found <= READS_ENVIRONMENT


def test_public_functions_of_the_store_say_what_they_do() -> None:
    assert faults_of(undocumented, "appliance") == []


def test_importing_the_store_half_loads_no_training_framework_prints_nothing_starts_nothing() -> (
    None
):
    found = imported(module_names(*STORE_HALF))
    assert [name for name in TRAINING if name in found["loaded"]] == []
    assert found["said"] == ""
    assert found["threads"] == []


@pytest.mark.parametrize(
    ("check", "culprit"),
    [
        (no_docstring, "x = 1"),
        (undocumented, "def walk(): ..."),
        (undocumented, "class Dog:\n    'A dog.'\n    def bark(self): ..."),
        (undocumented, "class Dog:\n    'A dog.'\n    def __call__(self): ..."),
        (reads_environment, "import os\nhome = os.environ['HOME']"),
        (reads_environment, "import os\nhome = os.getenv('HOME')"),
        (reads_environment, "from os import environ"),
    ],
)
def test_a_culprit_is_found(check: Fault, culprit: str) -> None:
    assert list(check(ast.parse(culprit)))


def test_a_record_that_can_be_changed_is_found() -> None:
    @dataclasses.dataclass(frozen=True)
    class WithoutSlots:
        text: str

    @dataclasses.dataclass(slots=True)
    class Thawed:
        text: str

    found = thawed(SimpleNamespace(WithoutSlots=WithoutSlots, Thawed=Thawed))
    assert found == ["WithoutSlots", "Thawed"]


def test_a_module_that_works_at_import_is_found(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(
        "import threading, time\nprint('hello')\n"
        "threading.Thread(target=time.sleep, args=(1,), daemon=True).start()\n"
    )
    found = imported(["busy"], folder=tmp_path)
    assert found["said"] == "hello"
    assert found["threads"] == ["busy"]
    assert "busy" in found["loaded"]


def test_what_is_installed_is_what_the_project_declares() -> None:
    # An entry point that stands in the environment alone works here and nowhere else.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {**project["entry-points"], "console_scripts": project["scripts"]}
    installed: dict[str, dict[str, str]] = {}
    for point in distribution("backroom").entry_points:
        installed.setdefault(point.group, {})[point.name] = point.value
    assert installed == declared
