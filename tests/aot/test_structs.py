"""Trees in C: one structure for the same arrays, memory to hold them, and names that do not clash."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphc
from graphc import nn, optim
from graphc.aot.build import Build

PARAMS = {"w": "f32[3, 2]", "b": "f32[2]"}
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler `cc`")


class Stepped(NamedTuple):
    """What a step gives back."""

    params: Any
    loss: Any


@graphc.compile(donate=("params",))
def step(params: Any, x: Any, y: Any) -> Stepped:
    def loss(p: Any) -> Any:
        return np.mean((x @ p["w"] + p["b"] - y) ** 2)

    value, gradients = graphc.value_and_grad(loss)(params)
    return Stepped({k: params[k] - 0.1 * gradients[k] for k in params}, value)


def predict(params: Any, x: Any) -> Any:
    return x @ params["w"] + params["b"]


def export(path: Path, **functions: Any) -> Build:
    return graphc.export(functions, name="net", path=path, shared=False)


def header(path: Path, **functions: Any) -> str:
    return export(path, **functions)[".h"].read_text()


def test_what_one_function_updates_another_reads_from_the_same_structure(tmp_path: Path) -> None:
    for order in (1, -1):
        rows = {"step": (step, PARAMS, "f32[5, 3]", "f32[5, 2]"), "predict": (predict, PARAMS, "f32[5, 3]")}
        text = header(tmp_path, **dict(list(rows.items())[::order]))
        assert text.count("typedef struct net_params {") == 1
        assert text.count("const struct net_params *params") == 2
        assert "    float *w; /* f32[3, 2]: params['w'] */\n" in text
        assert "params     net_params, whose arrays are read\n" in text
        assert "params     net_params, whose arrays are read, then overwritten with result.params\n" in text


def test_arrays_that_are_only_read_are_const(tmp_path: Path) -> None:
    text = header(tmp_path, predict=(predict, PARAMS, "f32[5, 3]"))
    assert "    const float *w; /* f32[3, 2]: params['w'] */\n" in text


def test_arrays_of_another_shape_need_another_structure(tmp_path: Path) -> None:
    wide = {"w": "f32[3, 4]", "b": "f32[4]"}
    text = header(tmp_path, thin=(predict, PARAMS, "f32[5, 3]"), wide=(predict, wide, "f32[5, 3]"))
    assert "const struct net_params *params" in text
    assert "const struct net_wide_params *params" in text


def test_a_partly_updated_structure_says_which_of_its_arrays_are_overwritten(tmp_path: Path) -> None:
    @graphc.compile(donate=("params",))
    def shift(params: Any) -> Any:
        return {"b": params["b"] + params["w"][0]}

    text = header(tmp_path, shift=(shift, PARAMS))
    assert "    float *b;       /* f32[2]: params['b'] */\n    const float *w;" in text
    assert "params     net_params, whose arrays are read, and of which these are overwritten:\n" in text
    assert "  b        f32[2]: params['b'], overwritten with result['b']\n" in text


def test_fields_of_a_named_tuple_name_the_parameters_for_results(tmp_path: Path) -> None:
    text = header(tmp_path, step=(step, PARAMS, "f32[5, 3]", "f32[5, 2]"))
    assert "float *loss,\n" in text


def test_a_gradient_says_what_it_is_with_respect_to(tmp_path: Path) -> None:
    def area(width: Any, height: Any, unit: Any) -> Any:
        return width * height * unit

    types = ("f64", "f64", "f64")
    build = graphc.export(area, *types, path=tmp_path, grad=True, argnums=(0, 1), shared=False)
    text = build[".h"].read_text()
    assert " * Computes the value and gradient of area with respect to width, height.\n" in text


def test_the_state_of_an_optimizer_has_the_names_of_the_parameters(tmp_path: Path) -> None:
    model, optimizer = nn.Sequential(nn.Linear(3, 2, rng=np.random.default_rng(0))), optim.Adam()

    def update(params: Any, state: Any, grads: Any) -> Any:
        return optimizer.step(params, grads, state)

    text = header(tmp_path, update=(update, model, optimizer.init(model), model))
    assert "*exp_avg_0_weight;" in text and "*exp_avg_sq_0_bias;" in text


def test_a_structure_never_has_the_name_of_a_function(tmp_path: Path) -> None:
    rows = {"params": (predict, PARAMS, "f32[5, 3]"), "params_of": (predict, PARAMS, "f32[5, 3]")}
    text = header(tmp_path, **rows)
    assert "} net_params_params;" in text
    assert text.count("int net_params(") == 1 and text.count("int net_params_of(") == 1


@needs_compiler
def test_the_arrays_of_a_structure_are_read_from_a_file_of_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    params = {"b": rng.normal(size=2).astype(np.float32), "w": rng.normal(size=(3, 2)).astype(np.float32)}
    x = rng.normal(size=(1, 3)).astype(np.float32)
    export(tmp_path, predict=(predict, params, x))
    with (tmp_path / "params.bin").open("wb") as file:
        for array in params.values():
            array.tofile(file)
    x.tofile(tmp_path / "x.bin")
    (tmp_path / "main.c").write_text(_PREDICT)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(["cc", *flags, "main.c", "net.a", "-o", "main"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], cwd=tmp_path, check=True, capture_output=True, text=True)
    expected = x.astype(np.float64) @ params["w"] + params["b"]
    np.testing.assert_allclose([float(v) for v in done.stdout.split()], expected[0], rtol=1e-6)


_PREDICT = """\
#include <stdio.h>
#include "net.h"

static int read_file(const char *name, void *memory, size_t bytes)
{
    FILE *file = fopen(name, "rb");
    size_t count = file ? fread(memory, 1, bytes, file) : 0;
    int whole = file && count == bytes && fgetc(file) == EOF;
    if (file) fclose(file);
    return whole;
}

int main(void)
{
    net_params_arrays arrays;
    float x[3], out[2];
    union { double aligned[8]; char bytes[NET_PREDICT_WORKSPACE_BYTES + 128]; } room;
    char *workspace = room.bytes + (64 - (uintptr_t)room.bytes % 64) % 64;
    net_params params = net_params_of(&arrays);
    if (!read_file("params.bin", &arrays, sizeof arrays) || !read_file("x.bin", x, sizeof x)) return 1;
    if (net_predict(&params, x, out, workspace, NET_PREDICT_WORKSPACE_BYTES)) return 2;
    printf("%.9g %.9g\\n", out[0], out[1]);
    return 0;
}
"""


@pytest.mark.parametrize("shape", ["f32[N]", "f32[0]", "f32"])
def test_memory_is_declared_for_arrays_of_known_sizes_only(tmp_path: Path, shape: str) -> None:
    def doubled(params: Any) -> Any:
        return params["a"] * 2

    text = header(tmp_path, doubled=(doubled, {"a": shape}))
    assert "typedef struct net_params {" in text
    assert "net_params_arrays" not in text and "net_params_of" not in text


def test_memory_with_gaps_does_not_say_that_a_file_fits(tmp_path: Path) -> None:
    def total(p: Any) -> Any:
        return np.sum(p["a"]) + np.sum(p["b"])

    for a, b, fits in (("f32[3]", "f64[2]", False), ("f32[4]", "f64[2]", True), ("f64[2]", "f32[3]", False)):
        build = graphc.export(total, {"a": a, "b": b}, path=tmp_path, name="total", shared=False)
        assert ("without gaps" in build[".h"].read_text()) == fits
