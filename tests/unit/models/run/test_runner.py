"""Steps in order: fresh ones kept, stale ones made again and said why, faults by their step."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console

from appliance.errors import BadInput
from models.recipe import EvaluateRecipe, Recipe
from models.run import runner, story
from models.run.bench import Bench, Step
from models.run.runner import Span, run
from models.run.watch import Watch
from tests.builders.disks import small_disk


@dataclass
class Shop:
    """Three small real steps: milk (of a file and [evaluate]), cheese (of milk), cake (of both)."""

    folder: Path
    done: list[str] = field(default_factory=list)
    trouble: Callable[[Bench], None] = lambda bench: None
    said: io.StringIO = field(default_factory=io.StringIO)
    recipe: Recipe = field(default_factory=lambda: Recipe(evaluate=EvaluateRecipe(asks=3)))

    def files(self, _: Recipe) -> dict[str, Path]:
        return {"grass": self.folder / "grass.txt"}

    def steps(self) -> tuple[Step, ...]:
        def milk(bench: Bench) -> dict[str, int]:
            self.done.append("milk")
            grass = (self.folder / "grass.txt").read_text()
            (bench.out / "milk.txt").write_text(grass.strip())
            return {"litres": len(grass)}

        def cheese(bench: Bench) -> dict[str, int]:
            self.done.append("cheese")
            (bench.out / "half.txt").write_text("half")
            self.trouble(bench)
            milk = (bench.made("milk") / "milk.txt").read_text()
            (bench.out / "cheese.txt").write_text(milk.upper())
            return {}

        def cake(bench: Bench) -> dict[str, int]:
            self.done.append("cake")
            (bench.out / "cake.txt").write_text((bench.made("cheese") / "cheese.txt").read_text())
            return {}

        return (
            Step(
                "milk",
                milk,
                tables=("evaluate",),
                paths=lambda _: {"grass": self.folder / "grass.txt"},
            ),
            Step("cheese", cheese, needs=("milk",)),
            Step("cake", cake, needs=("milk", "cheese")),
        )

    def run(self, first: str = "", last: str = "") -> list[str]:
        """Run; return which steps were made this time."""
        self.done.clear()
        with Watch.over(Console(file=self.said, width=200), steps=3) as watch:
            run(self.recipe, self.folder / "run", span=Span(first, last), watch=watch)
        return list(self.done)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(tmp_path)
    (tmp_path / "grass.txt").write_text("green")
    for module in (runner, story):
        monkeypatch.setattr(module, "STEPS", made.steps())
    return made


def test_a_second_run_makes_nothing_again(shop: Shop) -> None:
    assert shop.run() == ["milk", "cheese", "cake"]
    assert shop.run() == []
    assert "cake       is as it was: kept" in shop.said.getvalue()


def test_a_changed_file_makes_the_step_and_what_follows_stale_and_is_named(shop: Shop) -> None:
    shop.run()
    (shop.folder / "grass.txt").write_text("brown")
    assert shop.run() == ["milk", "cheese", "cake"]
    assert "milk       changed since: grass" in shop.said.getvalue()
    assert "cheese     changed since: step milk" in shop.said.getvalue()


def test_a_step_that_comes_out_as_before_leaves_the_later_ones_fresh(shop: Shop) -> None:
    shop.run()
    (shop.folder / "grass.txt").write_text("green\n")  # stripped by milk
    assert shop.run() == ["milk"]


def test_a_changed_table_of_the_recipe_is_named_and_others_do_not_matter(shop: Shop) -> None:
    shop.run()
    shop.recipe = replace(shop.recipe, gate=replace(shop.recipe.gate, ece=0.2))
    assert shop.run() == []
    shop.recipe = replace(shop.recipe, evaluate=EvaluateRecipe(asks=4))
    assert shop.run()[0] == "milk"
    assert r"changed since: [evaluate]" in shop.said.getvalue()


def test_a_span_stops_where_it_is_told_and_goes_on_later(shop: Shop) -> None:
    assert shop.run(last="cheese") == ["milk", "cheese"]
    assert shop.run() == ["cake"]


def test_from_makes_that_step_again_and_keeps_what_still_fits(shop: Shop) -> None:
    shop.run()
    assert shop.run(first="cheese") == ["cheese"]


def test_from_refuses_when_an_earlier_step_is_stale(shop: Shop) -> None:
    shop.run()
    (shop.folder / "grass.txt").write_text("brown")
    with pytest.raises(BadInput, match=r"milk comes earlier .* changed since: grass"):
        shop.run(first="cheese")
    assert shop.done == []


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [("bread", "", "No step 'bread'"), ("", "bread", "No step 'bread'"),
     ("cake", "milk", "milk comes before cake")],
)  # fmt: skip
def test_a_span_that_is_none_is_refused(shop: Shop, first: str, last: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        shop.run(first, last)


def test_a_fault_names_its_step_leaves_no_half_and_keeps_what_was_finished(shop: Shop) -> None:
    def trouble(_: Bench) -> None:
        raise BadInput("line 3 has no source.", hint="Name one.")

    shop.trouble = trouble
    with pytest.raises(BadInput, match=r"^cheese: line 3 has no source\.") as caught:
        shop.run()
    assert caught.value.hint == "Name one."
    names = sorted(p.name for p in (shop.folder / "run").iterdir() if not p.name.startswith("."))
    assert names == ["milk", "run.json"]
    shop.trouble = lambda bench: None
    assert shop.run() == ["cheese", "cake"]


@pytest.mark.parametrize(
    "fault",
    [OSError(errno.ENOSPC, "No space left on device"),
     RuntimeError("PytorchStreamWriter failed writing file data/3: No space left on device"),
     BadInput("router.json cannot be written: No space left on device.")],
)  # fmt: skip
def test_a_full_disk_is_told_whoever_noticed_it(shop: Shop, fault: Exception) -> None:
    def trouble(_: Bench) -> None:
        raise fault

    shop.trouble = trouble
    with pytest.raises(BadInput, match=r"cheese: the disk is full; .* MB are free") as caught:
        shop.run()
    assert "finished steps are kept" in caught.value.hint
    assert not (shop.folder / "run" / "cheese.partial").exists()


def test_a_real_full_disk_leaves_no_half_step_and_the_run_goes_on_with_space(
    shop: Shop, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "run"):
        shop.trouble = lambda bench: (bench.out / "big.bin").write_bytes(b"x" * 2_000_000) and None
        with pytest.raises(BadInput, match="cheese: the disk is full"):
            shop.run()
        assert not (tmp_path / "run" / "cheese.partial").exists()
        shop.trouble = lambda bench: None
        assert shop.run() == ["cheese", "cake"]


def test_the_story_tells_what_everything_was_made_from_and_came_to(shop: Shop) -> None:
    shop.recipe = replace(shop.recipe, written='name = "dairy"\n', folder=shop.folder)
    shop.run()
    told = json.loads((shop.folder / "run" / "run.json").read_text())
    assert told["recipe"] == 'name = "dairy"\n'
    assert told["machine"]["python"]
    assert set(told["steps"]) == {"milk", "cheese", "cake"}
    assert told["steps"]["milk"]["figures"] == {"litres": 5}
    assert set(told["steps"]["milk"]["inputs"]) == {"seed", "[evaluate]", "grass"}
    assert str(shop.folder) not in json.dumps(told)


def test_a_run_made_again_from_its_story_comes_out_the_same(shop: Shop, tmp_path: Path) -> None:
    shop.recipe = replace(shop.recipe, written='name = "dairy"\n', folder=shop.folder)
    shop.run()
    written, folder = story.told_recipe(tmp_path / "run" / "run.json")
    assert (written, folder) == ('name = "dairy"\n', tmp_path)
    (tmp_path / "run").rename(tmp_path / "first")
    shop.run()
    same = story.same_outcomes(tmp_path / "first" / "run.json", tmp_path / "run" / "run.json")
    assert same == {"milk": True, "cheese": True, "cake": True}


def test_nothing_but_whole_steps_is_told_without_a_terminal(shop: Shop) -> None:
    shop.run()
    lines = shop.said.getvalue().splitlines()
    assert len(lines) == 6  # why and done, of three steps
    assert all("\x1b" not in line for line in lines)
