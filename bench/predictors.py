"""Trained networks as functions of NumPy arrays, in each system that bench/prediction.py compares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import lamella as lm
from lamella.bench.systems import lamella_step
from lamella.bench.workloads import Workload

Predictor = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class System:
    """``make(workload, threads)`` gives its version and the function."""

    make: Callable[[Workload, int], tuple[str, Predictor]]
    packages: tuple[str, ...] = ()


def _lamella(workload: Workload, threads: int) -> lm.nn.Module:
    model = lamella_step.make_trainer(workload, threads).model
    model.eval()
    return model


def lamella_predict(workload: Workload, threads: int) -> tuple[str, Predictor]:
    """``model.predict(x)``."""
    return f"{lamella_step.describe()} predict", _lamella(workload, threads).predict


def lamella_call(workload: Workload, threads: int) -> tuple[str, Predictor]:
    """``model(x)``."""
    return f"{lamella_step.describe()} call", _lamella(workload, threads)


def torch_eager(
    workload: Workload, threads: int, compiler: Callable[[Any], Any] = lambda model: model
) -> tuple[str, Predictor]:
    """The module under inference_mode."""
    import torch

    from lamella.bench.systems import torch_step

    torch.set_num_threads(threads)
    model = compiler(torch_step.make_model(workload).eval())

    def predict(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(x)).numpy()

    return torch_step.describe(), predict


def torch_compiled(workload: Workload, threads: int) -> tuple[str, Predictor]:
    """The same compiled."""
    import torch

    return f"torch.compile {torch.__version__}", torch_eager(workload, threads, torch.compile)[1]


def onnx_runtime(workload: Workload, threads: int) -> tuple[str, Predictor]:
    """A session on a graph of Gemm and activation nodes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(_graph(workload), options, providers=["CPUExecutionProvider"])
    return f"ONNX Runtime {onnxruntime.__version__}", lambda x: session.run(None, {"x": x})[0]


def _graph(workload: Workload) -> bytes:
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, constants, last = [], [], "x"
    for index, (weight, bias) in enumerate(workload.weights()):
        constants += [numpy_helper.from_array(weight, f"w{index}"), numpy_helper.from_array(bias, f"b{index}")]
        nodes.append(helper.make_node("Gemm", [last, f"w{index}", f"b{index}"], [f"z{index}"], transB=1))
        last = f"z{index}"
        if index < workload.hidden:
            nodes.append(helper.make_node({"relu": "Relu", "tanh": "Tanh"}[workload.activation], [last], [f"h{index}"]))
            last = f"h{index}"
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
        for name, width in (("x", workload.widths[0]), (last, workload.widths[-1]))
    ]
    graph = helper.make_graph(nodes, workload.name, ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()


PREDICTORS = {
    "lamella": System(lamella_predict),
    "lamella_call": System(lamella_call),
    "torch": System(torch_eager, ("torch",)),
    "compile": System(torch_compiled, ("torch",)),
    "onnxruntime": System(onnx_runtime, ("onnxruntime", "onnx")),
}
