"""A training that diverges stops and says at which step, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.training


def test_a_loss_that_is_no_number_stops_with_the_step_and_the_remedy(tmp_path: Path) -> None:
    import random

    from appliance.errors import BadInput
    from models.base import Shape, Transformer
    from models.batch import copies
    from models.learn import Stage, learn
    from models.specialist import silent

    model = Transformer(Shape(vocabulary=300, width=32, layers=1, heads=1, inner=16, context=64))
    with torch.no_grad():
        model.blocks[0].qkv.weight[0, 0] = float("nan")
    fed = copies(random.Random(1), vocabulary=300)
    stage = Stage("text", rate=0.5, steps=9)
    with pytest.raises(BadInput, match=r"text: the loss is nan at step 1, rate 0\.5") as caught:
        learn(model, fed, stage=stage, folder=tmp_path, say=silent)
    assert "Lower the rate, say to 0.05" in caught.value.hint
    assert not (tmp_path / "text.pt").exists()
