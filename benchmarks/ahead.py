"""Exported libraries beside CasADi's generated C and ONNX Runtime: time per call, size, time to build.

    python -m benchmarks.ahead [--seconds S]

graphc's and CasADi's functions are called from one C program, in turns, on one thread; CasADi's C is compiled
with -O3 -march=native and writes dense results, as graphc's does. ONNX Runtime is called from Python with its
inputs and outputs bound beforehand; beside it stands the exported library called from C, and through
`graphc.load`. Every result is compared with NumPy's before it is timed.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402  (thread counts are read when NumPy is imported)

import graphc  # noqa: E402
from benchmarks.derivatives import arm_cost, casadi_step, logistic_loss, rosenbrock  # noqa: E402
from graphc import nn  # noqa: E402

FLAGS = ("-O3", "-march=native", "-std=c11")


@dataclass(frozen=True)
class Row:
    """A function of arrays of f64 with its form in CasADi: symbols to the list of dense results."""

    name: str
    function: Callable[..., Any]
    args: tuple[np.ndarray, ...]
    casadi: Callable[[Any, Any], Sequence[Any]]


def rows() -> list[Row]:
    rng = np.random.default_rng(0)
    x20 = rng.normal(size=20)
    logistic = (rng.normal(size=10), rng.normal(size=(100, 10)), (rng.random(100) > 0.5) * 1.0)
    arms = (np.array([0.3, -0.4, 0.1, 0.2]), rng.normal(size=2), np.array([1.0, 0.8, 1.0, 0.7]))
    derived = graphc.value_and_grad(arm_cost, argnums=(0, 1, 2))

    def arm_gradients(x: Any, u: Any, p: Any) -> Any:
        value, gradients = derived(x, u, p)
        return (value, *gradients)

    def casadi_arm(c: Any, s: Any) -> list[Any]:
        cost = c.sumsqr(casadi_step(c, *s))
        return [cost, *(c.gradient(cost, v) for v in s)]

    def casadi_rosenbrock(c: Any, s: Any) -> list[Any]:
        value = c.sum1(100 * (s[0][1:] - s[0][:-1] ** 2) ** 2 + (1 - s[0][:-1]) ** 2)
        return [c.hessian(value, s[0])[0]]

    def casadi_logistic(c: Any, s: Any) -> list[Any]:
        z = s[1] @ s[0]
        return [c.hessian(c.sum1(c.log1p(c.exp(z)) - s[2] * z) / 100, s[0])[0]]

    return [
        Row("Hessian of Rosenbrock, 20", graphc.hessian(rosenbrock), (x20,), casadi_rosenbrock),
        Row("Hessian of logistic loss, 100x10", graphc.hessian(logistic_loss), logistic, casadi_logistic),
        Row("robot arm, value and gradients", arm_gradients, arms, casadi_arm),
    ]


# ---- functions in C


DRIVER = """
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <time.h>
#include "ours.h"
int theirs(const double **arg, double **res, long long *iw, double *w, int mem);
static _Alignas(64) char workspace[%(workspace)d];
static double work[%(reals)d + 1];
static long long integers[%(integers)d + 1];
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}
/* The least seconds of a call of ours and theirs, timed in turns. */
int measure(double **a, double **r, const double **b, double **s, double seconds, double *result)
{
    double end = now() + seconds;
    int64_t calls = 1;
    result[0] = result[1] = 1e9;
    while (now() < end) {
        double start = now(), half, last;
        for (int64_t i = 0; i < calls; i++)
            if (ours(%(arguments)s, workspace, sizeof workspace)) return 1;
        half = now();
        for (int64_t i = 0; i < calls; i++)
            if (theirs(b, s, integers, work, 0)) return 2;
        last = now();
        if (half - start < 1e-3) { calls *= 2; continue; }
        if ((half - start) / calls < result[0]) result[0] = (half - start) / calls;
        if ((last - half) / calls < result[1]) result[1] = (last - half) / calls;
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Measured:
    """Seconds per call, bytes of machine code, and seconds to build graphc's library."""

    ours: float
    theirs: float
    our_bytes: int
    their_bytes: int
    build: float


def compare_in_c(row: Row, seconds: float) -> Measured:
    """Both forms of a row called from one C program, after their results are compared with the oracle's."""
    folder = Path(tempfile.mkdtemp())
    types = tuple(f"f64[{', '.join(map(str, a.shape))}]" for a in row.args)
    started = time.perf_counter()
    build = graphc.export(row.function, *types, path=folder, name="ours")
    took = time.perf_counter() - started
    expected = [np.asarray(value) for value in _flat(row.function(*row.args))]
    reals, integers = _generate_casadi(row, folder)
    arguments = [f"a[{i}]" for i in range(len(row.args))]
    results = [f"r[{i}]" for i in range(len(expected))]
    workspace = -(-max(1, _workspace_bytes(build)) // 64) * 64
    values = {"workspace": workspace, "reals": reals, "integers": integers}
    (folder / "driver.c").write_text(DRIVER % {**values, "arguments": ", ".join(arguments + results)})
    subprocess.run(["cc", *FLAGS, "-c", "-fPIC", "theirs.c"], cwd=folder, check=True)
    link = ["cc", *FLAGS, "-fPIC", "-shared", "-o", "driver.so", "driver.c", "theirs.o", "ours.o", "-lm"]
    subprocess.run(link, cwd=folder, check=True)
    measure = ctypes.CDLL(str(folder / "driver.so")).measure
    ours, theirs = ([np.zeros(e.shape, order=order) for e in expected] for order in "CF")
    lists = [row.args, ours, [np.asfortranarray(a) for a in row.args], theirs]
    pointers = [(ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays)) for arrays in lists]
    least = (ctypes.c_double * 2)()
    status = measure(*pointers, ctypes.c_double(seconds), least)
    if status:
        raise RuntimeError(f"{row.name}: function {status} failed")
    for found in (*zip(ours, expected, strict=True), *zip(theirs, expected, strict=True)):
        np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12)
    sizes = (_code_bytes(folder / name) for name in ("ours.o", "theirs.o"))
    return Measured(*least, *sizes, took)


def _flat(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


def _workspace_bytes(build: Any) -> int:
    return int(json.loads(build[".json"].read_text())["interface"]["functions"][0]["workspace_bytes"])


def _generate_casadi(row: Row, folder: Path) -> tuple[int, int]:
    """Writes CasADi's C; returns how many real numbers and integers of work memory it needs."""
    import casadi

    symbols = [casadi.SX.sym(f"x{i}", *a.shape) for i, a in enumerate(row.args)]
    results = [casadi.densify(r) for r in row.casadi(casadi, symbols)]
    function = casadi.Function("theirs", symbols, results)
    generator = casadi.CodeGenerator("theirs.c")
    generator.add(function)
    generator.generate(f"{folder}/")
    return function.sz_w(), function.sz_iw()


def _code_bytes(file: Path) -> int:
    """Machine code and constants of an object file."""
    text = subprocess.run(["size", str(file)], capture_output=True, text=True, check=True).stdout
    return int(text.splitlines()[1].split()[0])


# ---- inference


class Classifier(nn.Module):
    """The network of examples/digits.py."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        self.hidden_1, self.hidden_2 = nn.Linear(64, 128, rng=rng), nn.Linear(128, 64, rng=rng)
        self.scores = nn.Linear(64, 10, rng=rng)

    def forward(self, x: Any) -> Any:
        return self.scores(np.maximum(self.hidden_2(np.maximum(self.hidden_1(x), 0.0)), 0.0))


def onnx_session(model: Classifier) -> Any:
    """The network in ONNX Runtime, on one thread."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, arrays, last = [], [], "x"
    for name in ("hidden_1", "hidden_2", "scores"):
        layer = getattr(model, name)
        arrays += [numpy_helper.from_array(a, f"{name}.{k}") for k, a in layer.state_dict().items()]
        inputs = [last, f"{name}.weight", f"{name}.bias"]
        nodes.append(helper.make_node("Gemm", inputs, [name], transB=1))
        last = name
        if name != "scores":
            last = f"{name}.relu"
            nodes.append(helper.make_node("Relu", [name], [last]))
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])
    result = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 10])
    graph = helper.make_graph(nodes, "classifier", [given], [result], arrays)
    exported = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(exported)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(exported.SerializeToString(), options, ["CPUExecutionProvider"])


def compare_inference(batch: int, seconds: float) -> dict[str, float]:
    """Least seconds per call of the exported network, from C and from Python, and of ONNX Runtime."""
    folder, model = Path(tempfile.mkdtemp()), Classifier()
    graphc.export(model, "f32[N, 64]", path=folder, name="digits")
    x = np.random.default_rng(1).normal(size=(batch, 64)).astype(np.float32)
    expected = model(x)
    calls: dict[str, Callable[[], Any]] = {}
    library = graphc.load(folder / "digits")
    calls["graphc.load"] = lambda: library(x)
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
        session = onnx_session(model)
        y = np.zeros((batch, 10), np.float32)
        bound = session.io_binding()
        for bind, name, array in ((bound.bind_input, "x", x), (bound.bind_output, "scores", y)):
            bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        session.run_with_iobinding(bound)
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
        calls["ONNX Runtime"] = lambda: session.run_with_iobinding(bound)
    np.testing.assert_allclose(library(x), expected, rtol=1e-4, atol=1e-5)
    times = {"graphc in C": _time_in_c(folder, batch, x, expected, seconds / 3)}
    return times | _least(calls, seconds)


INFERENCE = """
#define _POSIX_C_SOURCE 200809L
#include <time.h>
#include "digits.h"
double measure(int64_t n, const float *x, float *y, void *workspace, int64_t bytes, double seconds)
{
    struct timespec t;
    double least = 1e9, begun = 0, start, last;
    int64_t calls = 1;
    do {
        clock_gettime(CLOCK_MONOTONIC, &t);
        start = t.tv_sec + 1e-9 * t.tv_nsec;
        if (!begun) begun = start;
        for (int64_t i = 0; i < calls; i++) if (digits(n, x, y, workspace, bytes)) return -1;
        clock_gettime(CLOCK_MONOTONIC, &t);
        last = t.tv_sec + 1e-9 * t.tv_nsec;
        if (last - start < 1e-3) calls *= 2;
        else if ((last - start) / calls < least) least = (last - start) / calls;
    } while (last - begun < seconds);
    return least;
}
"""


def _time_in_c(folder: Path, batch: int, x: np.ndarray, expected: np.ndarray, seconds: float) -> float:
    (folder / "driver.c").write_text(INFERENCE)
    link = ["cc", *FLAGS, "-fPIC", "-shared", "-o", "driver.so", "driver.c", "digits.o"]
    subprocess.run(link, cwd=folder, check=True)
    driver = ctypes.CDLL(str(folder / "driver.so"))
    driver.measure.restype = ctypes.c_double
    driver.digits_workspace_bytes.restype = ctypes.c_int64
    bytes_ = driver.digits_workspace_bytes(ctypes.c_int64(batch))
    room, y = np.zeros(bytes_ + 64, np.uint8), np.zeros_like(expected)
    start = room.ctypes.data + -room.ctypes.data % 64
    pointers = [ctypes.c_void_p(address) for address in (x.ctypes.data, y.ctypes.data, start)]
    sizes = ctypes.c_int64(batch), ctypes.c_int64(bytes_)
    least = driver.measure(sizes[0], *pointers, sizes[1], ctypes.c_double(seconds))
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    return float(least)


def _least(calls: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """The least seconds of each call, timed in turns."""
    least = dict.fromkeys(calls, float("inf"))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(50):
                call()
            least[name] = min(least[name], (time.perf_counter() - start) / 50)
    return least


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="time spent on each row")
    options = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if importlib.util.find_spec("casadi"):
        print(f"{'':34}{'graphc':>10}{'CasADi C':>10}{'ratio':>7}{'bytes':>9}{'bytes':>9}{'build':>8}")
        for row in rows():
            m = compare_in_c(row, options.seconds)
            times = f"{m.ours * 1e9:7.0f} ns{m.theirs * 1e9:7.0f} ns{m.ours / m.theirs:7.2f}"
            print(f"{row.name:34}{times}{m.our_bytes:9,}{m.their_bytes:9,}{m.build:6.2f} s", flush=True)
    for batch in (1, 64):
        found = compare_inference(batch, options.seconds)
        print(f"{f'digits network, batch {batch}':34}", end="")
        print("   ".join(f"{name} {seconds * 1e6:.2f} µs" for name, seconds in found.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
