"""`graphc build`, in the process: what it makes, what it prints, what it refuses."""

from __future__ import annotations

import errno
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphc.aot.link import linker_for
from graphc.cli import main

ROOT = Path(__file__).parents[2]
MODEL = '''
import numpy as np
import graphc
from graphc import nn, optim

rng = np.random.default_rng(0)
model = nn.Sequential(nn.Linear(3, 2, rng=rng), nn.Tanh())
opt = optim.SGD(lr=0.1)
state = opt.init(model)

class settings:
    scale = np.array([1.0, 2.0, 3.0])

def predict(x):
    """Scores."""
    return model(x)

def loss(w, x, y):
    return np.mean((x @ w - y) ** 2)

def train_step(params, state, x, y):
    value, g = graphc.value_and_grad(lambda p: np.mean((p(x) - y) ** 2))(params)
    params, state = opt.step(params, g, state)
    return params, state, value

def power(x, n=2, y=1.0, *, z=0.0):
    return x**n + y + z

def scaled(x, by):
    return x * by

def branches(x):
    return x if x > 0 else -x
'''
W, X, Y = ("--arg", "w=f32[3, 2]"), ("--arg", "x=f32[N, 3]"), ("--arg", "y=f32[N, 2]")
TARGETS = "native, x86-64, x86-64-v3, x86-64-v4, aarch64, aarch64-sve, riscv64, riscv64-v, wasm32"

Build = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "model", sys)  # so that what comes there is removed again
    return tmp_path


@pytest.fixture
def build(folder: Path, capsys: pytest.CaptureFixture[str]) -> Build:
    """Runs `graphc build`, without the shared library, and returns what it prints."""

    def run(*arguments: str) -> str:
        status = main(["build", *arguments, *([] if "numba" in arguments else ["--no-shared"])])
        captured = capsys.readouterr()
        assert (status, captured.err) == (0, "")
        return captured.out

    return run


@pytest.fixture
def refusal(folder: Path, capsys: pytest.CaptureFixture[str]) -> Build:
    """What `graphc build` says when it refuses; nothing may have been made."""

    def run(*arguments: str) -> str:
        status = main(["build", *arguments])
        captured = capsys.readouterr()
        assert (status, captured.out) == (1, "")
        assert not (folder / "build").exists()
        return captured.err

    return run


def test_files_are_listed_with_a_line_that_shows_how_to_use_them(build: Build) -> None:
    lines = build("model.py:predict", *X, "--target", "x86-64").splitlines()
    sizes = [line.split() for line in lines[:-1]]
    assert [words[0] for words in sizes] == [f"build/predict{s}" for s in (".h", ".o", ".a", ".json")]
    for path, size, unit in sizes:
        assert int(size.replace(",", "")) == Path(path).stat().st_size and unit == "bytes"
    machine = os.uname().machine
    compiler = "cc" if machine == "x86_64" else "x86_64-linux-gnu-gcc"
    assert lines[-1] == f'use: #include "predict.h" in main.c, then {compiler} main.c build/predict.a -Ibuild'


@pytest.mark.skipif(linker_for(os.uname().machine) is None, reason="no C compiler to link with")
def test_the_shared_library_is_made_where_it_can_be(folder: Path) -> None:
    assert main(["build", "model.py:loss", *W, *X, *Y, "--out", "made/here", "--name", "net"]) == 0
    assert len(list((folder / "made/here").glob("*net.so"))) == 1


def test_derivatives_by_name_or_number(build: Build) -> None:
    build("model.py:loss", *W, *X, *Y, "--grad", "--argnums", "w,2")
    header = Path("build/loss.h").read_text()
    assert "grad_w" in header and "grad_y" in header and "grad_x" not in header


def test_trees_come_from_variables_of_the_file(build: Build) -> None:
    trees = ("--arg", "params=@model", "--arg", "state=@state")
    build("model.py:train_step", *trees, *X, *Y, "--donate", "params,state")
    header = Path("build/train_step.h").read_text()
    assert "float *n0_weight; /* f32[2, 3]" in header and "overwritten with" in header


def test_a_variable_may_be_an_attribute(build: Build) -> None:
    build("model.py:scaled", "--arg", "x=f64[N, 3]", "--arg", "by=@settings.scale")
    assert "by         f64[3]" in Path("build/scaled.h").read_text()


def test_several_functions_share_a_library_and_arguments(build: Build) -> None:
    more = ("--arg", "params=@model", "--arg", "state=@state", "--arg", "predict.x=f32[5, 3]")
    build("model.py:train_step,predict", "model.py:loss", *W, *X, *Y, *more, "--donate", "params")
    header = Path("build/model.h").read_text()
    for name in ("train_step", "predict", "loss"):
        assert f"int model_{name}(" in header
    assert "x          f32[5, 3]" in header and "x          f32[N, 3]" in header


def test_a_module_is_a_function_too(build: Build) -> None:
    build("model.py:model", *X, "--name", "net", "--weights", "file")
    assert "net_WEIGHTS_BYTES".upper() in Path("build/net.h").read_text()
    assert Path("build/net.safetensors").is_file()


def test_targets_are_listed_or_repeated(build: Build) -> None:
    build("model.py:loss", *W, *X, *Y, "--target", "x86-64,x86-64-v3", "--target", "x86-64-v4")
    assert "for x86_64 (x86-64, x86-64-v3, x86-64-v4)." in Path("build/loss.h").read_text()


def test_objects_for_other_processors_name_their_compiler(build: Build) -> None:
    text = build("model.py:loss", *W, *X, *Y, "--target", "riscv64")
    assert "riscv64-linux-gnu-gcc main.c build/loss.a -Ibuild" in text


def test_static_arguments_become_part_of_the_code(build: Build) -> None:
    build("model.py:power", "--arg", "x=f64[N]", "--arg", "n=3", "--static-args", "n")
    assert "int64_t n" not in Path("build/power.h").read_text()


def test_the_readable_form(build: Build, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = build("model.py:predict", *X, "--format", "numba")
    assert text.endswith("use: import predict, with build in sys.path\n")
    monkeypatch.setitem(sys.modules, "predict", sys)
    monkeypatch.syspath_prepend(str(folder / "build"))
    monkeypatch.delitem(sys.modules, "predict")
    module = importlib.import_module("predict")
    x = np.ones((4, 3), np.float32)
    expected = importlib.import_module("model").predict(x)
    np.testing.assert_allclose(module.predict(x), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model.py:loss", *W, *X), 'also needs the type of y, for example --arg "y=f64[N]"'),
        (("mode.py:loss",), "there is no file 'mode.py'"),
        (("model.py",), "'model.py' does not name a function; write it as model.py:function"),
        (
            ("model.py:los",),
            "has no function 'los'; it has branches, loss, power, predict, scaled, train_step",
        ),
        (("model.py:loss", *W, *X, *Y, "--target", "sparc"), f"no target 'sparc'; choose from {TARGETS}"),
        (("model.py:loss", *W, *X, *Y, "--target", "x86-64,riscv64"), "are of different architectures"),
        (("model.py:loss", *W, *X, *Y, "--name", "3d"), "name='3d' cannot be the name of a C function"),
        (("model.py:loss", *W, *X, *Y, "--threads", "0"), "threads=0; choose a number from 1 to"),
        (("model.py:loss", *W, *W, *X, *Y), "--arg 'w=f32[3, 2]': w was given before"),
        (("model.py:loss", "--arg", "w=@weights"), "model.py has no variable 'weights'"),
        (("model.py:loss", "--arg", "w=@we-ights"), "@we-ights is no name of a variable, such as @model"),
        (("model.py:loss", "--arg", "los.w=f32[3, 2]"), "the functions are loss, none is los"),
        (("model.py:loss", *W, *X, *Y, "--donate", "z"), "donate names 'z', but the parameters of loss are"),
        (
            ("model.py:loss,predict", *W, *X, *Y, "--donate", "z"),
            "donate names 'z', which no exported function has",
        ),
        (("model.py:loss,loss", *W, *X, *Y), "model.py:loss and model.py:loss would have the same name in C"),
        (
            ("model.py:loss", *W, *X, *Y, "--argnums", "w"),
            "--argnums says what to differentiate by; it needs",
        ),
        (
            ("model.py:loss", *W, *X, *Y, "--grad", "--argnums", "z"),
            "--argnums z: the arguments of model.py:loss are w, x, y",
        ),
        (
            ("model.py:loss,predict", *W, *X, *Y, "--grad", "--argnums", "x"),
            "--argnums x: these are other positions in model.py:loss than in model.py:predict",
        ),
        (
            ("model.py:power", "--arg", "x=f64[N]", "--arg", "y=2.0"),
            "model.py:power: y is given, but not n before it; give that too",
        ),
        (
            ("model.py:power", "--arg", "x=f64", "--arg", "n=2", "--arg", "y=1.0", "--arg", "z=1.0"),
            "model.py:power takes z by name only, which C functions cannot; export a function that takes it",
        ),
        (("model.py:branches", "--arg", "x=f64"), "at model.py:33, return x if x > 0 else -x"),
        (
            ("model.py:loss", *W, *X, *Y, "--format", "numba", "--target", "x86-64"),
            "format='numba' makes Python text, to which targets cannot apply",
        ),
    ],
)
def test_what_cannot_be_is_refused(refusal: Build, arguments: tuple[str, ...], message: str) -> None:
    text = refusal(*arguments)
    assert text.startswith("graphc: ") and message in text


def test_a_folder_that_cannot_be_made_is_refused(refusal: Build) -> None:
    text = refusal("model.py:loss", *W, *X, *Y, "--no-shared", "--out", "model.py")
    assert text == "graphc: model.py: File exists\n"


def test_a_file_that_cannot_be_read_is_refused(refusal: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_bytes(path: Path) -> bytes:  # not by permissions: root may read anything
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert refusal("model.py:loss") == "graphc: 'model.py' cannot be read: Permission denied\n"


def test_variables_of_several_files_are_refused(refusal: Build, folder: Path) -> None:
    (folder / "other.py").write_text("def f(w):\n    return w\n")
    text = refusal("model.py:loss", "other.py:f", "--arg", "w=@model")
    assert text == "graphc: --arg NAME=@VARIABLE does not say of which file; build one file at a time\n"


def test_what_the_user_s_file_raises_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(x):\n    return x\n\nraise KeyError('weights')\n")
    done = subprocess.run(
        [sys.executable, "-m", "graphc.cli", "build", "broken.py:f", "--arg", "x=f64"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 1
    assert 'broken.py", line 4, in <module>' in done.stderr and "KeyError: 'weights'" in done.stderr


def test_a_missing_file_of_the_user_s_function_keeps_its_traceback(folder: Path) -> None:
    (folder / "model.py").write_text("def f(x):\n    return x + len(open('scale.txt').read())\n")
    with pytest.raises(FileNotFoundError, match=r"scale\.txt"):
        main(["build", "model.py:f", "--arg", "x=f64"])


def test_help_names_targets_and_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["build", "--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    assert f"targets: {TARGETS}" in text and "--donate params,state" in text


@pytest.mark.parametrize(
    "arguments", [(), ("model.py:f", "--weights", "nowhere"), ("model.py:f", "--threads", "x")]
)
def test_misuse_has_exit_status_two(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["build", *arguments])
    assert caught.value.code == 2
