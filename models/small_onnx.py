"""Write the small graphs of a release as ONNX: the search ranker, the answerability model.

The graphs are put together node by node from trained weights: no framework's exporter stands
between, so what is in them is what is here.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines.small_onnx import SCHEMA
from appliance.errors import BadInput
from appliance.files import replaced_file
from appliance.store.ranker import FEATURES, Ranker

OPSET, IR = 17, 8  # read by onnxruntime 1.17 and later
FLOAT = 1  # onnx.TensorProto.FLOAT
Weights = Mapping[str, NDArray[Any]]
Nodes = Sequence[tuple[str, Sequence[str], Sequence[str], Mapping[str, Any]]]


def write_ranker(ranker: Ranker, path: Path) -> None:
    """Write the search ranker as a graph from `features` (n, FEATURES) to `p` (n,).

    Mean and scale are folded into the weights: three nodes cost less than six at every ask.

    Raises:
        BadInput: The `models` extra is not installed.
    """
    slope = ranker.weights.astype(np.float64) / ranker.scale
    weights: Weights = {
        "slope": slope[:, None].astype(np.float32),
        "bias": np.array([ranker.bias - slope @ ranker.mean], np.float32),
        "last": np.array([1], np.int64),
    }
    nodes: Nodes = (
        ("Gemm", ("features", "slope", "bias"), ("logit",), {}),
        ("Sigmoid", ("logit",), ("odds",), {}),
        ("Squeeze", ("odds", "last"), ("p",), {}),
    )
    inputs = {"features": ("n", len(FEATURES))}
    made = graph("ranker", nodes, weights, inputs=inputs)
    save(made, path, features=FEATURES, figures=ranker.figures)


def graph(name: str, nodes: Nodes, weights: Weights, *, inputs: Mapping[str, Sequence[Any]]) -> Any:
    """Return a checked ONNX model with one output, `p` (n,).

    Args:
        name: The graph's.
        nodes: Operator, inputs, outputs and attributes of each, in order.
        weights: By name.
        inputs: The shape of each; a string is a free dimension.

    Raises:
        BadInput: The `models` extra is not installed.
    """
    try:
        import onnx  # noqa: PLC0415
    except ImportError as error:
        raise BadInput(
            f"Writing ONNX needs a package that is not installed ({error.name}).",
            hint="Run: pip install 'backroom[models]'",
        ) from error
    make = onnx.helper
    made = make.make_graph(
        [make.make_node(op, list(of), list(to), **more) for op, of, to, more in nodes],
        name,
        [make.make_tensor_value_info(k, FLOAT, list(shape)) for k, shape in inputs.items()],
        [make.make_tensor_value_info("p", FLOAT, ["n"])],
        [onnx.numpy_helper.from_array(np.asarray(w), k) for k, w in weights.items()],
    )
    model = make.make_model(made, opset_imports=[make.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model, full_check=True)
    return model


def quantized(model: Any) -> Any:
    """Return a graph whose products with weights run on int8, scaled at each ask.

    uint8 weights, for the reason that the embedder has them: see `models/embedder.py`.
    """
    import onnx  # noqa: PLC0415
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    # The library warns of graphs that its own preparation has not seen; these need none.
    onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with tempfile.TemporaryDirectory(prefix="backroom-int8-") as folder:
        made = Path(folder) / "int8.onnx"
        quantize_dynamic(model, made, weight_type=QuantType.QUInt8)
        return onnx.load(str(made))


def save(model: Any, path: Path, *, features: Sequence[str], figures: Mapping[str, Any]) -> None:
    """Write a graph with what it was made for, whole or not at all."""
    import onnx  # noqa: PLC0415

    told = {"schema": SCHEMA, "features": list(features), "figures": figures}
    onnx.helper.set_model_props(model, {k: json.dumps(v) for k, v in told.items()})
    with replaced_file(path) as beside:
        beside.write_bytes(model.SerializeToString())
