"""The command line, run as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = """
import numpy as np
import graphc
from beside import scale

def f(x, y, n=2):
    return scale * y * (x**n + x)

@graphc.compile
def loss(w, x):
    return np.mean(np.tanh(x @ w) ** 2)

def branches(x):
    return x if x > 0 else -x
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    (path / "model.py").write_text(MODEL)
    (path / "beside.py").write_text("scale = 3.0\n")
    return path


def graphc(*arguments, folder=ROOT, **environment):
    return subprocess.run(
        [sys.executable, "-m", "graphc.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def shown(folder, *arguments):
    done = graphc("lower", *arguments, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refusal(folder, *arguments):
    done = graphc("lower", *arguments, folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


X, Y = "x=f32[N, 3]", "y=f32[3]"


def test_lower_prints_the_graph_with_the_user_s_lines(folder):
    text = shown(folder, "model.py:f", "--arg", X, "--arg", Y)
    assert text.startswith("graph(x: f32[N, 3], y: f32[3]")
    assert "# model.py:7" in text


def test_lower_takes_functions_that_are_compiled_already(folder):
    text = shown(folder, "model.py:loss", "--arg", "w=f32[784, 10]", "--arg", "x=f32[N, 784]")
    assert text.startswith("graph(w: f32[784, 10], x: f32[N, 784]):")


def test_lower_takes_numbers(folder):
    text = shown(folder, "model.py:f", "--arg", "x=2.5", "--arg", "y=f64", "--arg", "n=3")
    assert text.startswith("graph(x: f64, y: f64")


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("kernels", "for "),
        ("cost", "peak memory: "),
        ("llvm", "define i64 @"),
        ("asm", "graphc_program:"),
    ],
)
def test_lower_prints_every_stage(folder, stage, expected):
    assert expected in shown(folder, "model.py:f", "--arg", X, "--arg", Y, "--show", stage)


def test_the_cost_for_given_sizes_is_in_numbers(folder):
    text = shown(folder, "model.py:f", "--arg", X, "--arg", Y, "--show", "cost", "--size", "N=1000")
    assert "12 012 arguments + 12 000 results" in text


def test_a_size_that_is_no_number_is_refused(folder):
    message = "graphc: --size 'N': write NAME=NUMBER, such as \"N=1000\"\n"
    assert refusal(folder, "model.py:f", "--arg", X, "--arg", Y, "--size", "N") == message


def test_a_name_without_a_function_is_refused(folder):
    assert refusal(folder, "model.py") == (
        "graphc: 'model.py' does not name a function; write it as model.py:function\n"
    )


def test_a_file_that_is_not_there_is_refused(folder):
    assert refusal(folder, "mode.py:f") == "graphc: there is no file 'mode.py'\n"


def test_an_unknown_function_is_refused_with_those_that_exist(folder):
    message = "graphc: model.py has no function 'g'; it has branches, f, loss\n"
    assert refusal(folder, "model.py:g") == message


def test_an_argument_without_a_type_is_refused(folder):
    message = "graphc: --arg 'x': write NAME=TYPE, such as \"x=f32[1000]\"\n"
    assert refusal(folder, "model.py:f", "--arg", "x") == message


def test_a_type_that_is_none_is_refused(folder):
    message = "graphc: --arg 'x=float[3]': 'float[3]' is not a type; write one like f32[N, 784] or i64\n"
    assert refusal(folder, "model.py:f", "--arg", "x=float[3]", "--arg", Y) == message


def test_an_unknown_argument_is_refused_with_those_that_exist(folder):
    message = "graphc: model.py:f has no argument z; its arguments are x, y, n\n"
    assert refusal(folder, "model.py:f", "--arg", "z=f64") == message


def test_a_missing_argument_is_refused_with_an_example(folder):
    message = 'graphc: model.py:f also needs the type of y, for example --arg "y=f64[N]"\n'
    assert refusal(folder, "model.py:f", "--arg", X) == message


def test_errors_of_tracing_name_the_user_s_line(folder):
    assert "model.py:14" in refusal(folder, "model.py:branches", "--arg", "x=f64")


def test_a_reader_that_stops_early_is_no_error(folder):
    command = (
        f'"{sys.executable}" -m graphc.cli lower model.py:f --arg "{X}" --arg "{Y}" --show asm | head -1'
    )
    done = subprocess.run(
        command,
        shell=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_doctor_finds_a_working_installation(tmp_path):
    done = graphc("doctor", GRAPHC_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("everything works\n")
    assert str(tmp_path / "cache") in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="permissions differ")
def test_doctor_reports_a_cache_that_others_can_write(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o777)
    cache.chmod(0o777)
    done = graphc("doctor", GRAPHC_CACHE_DIR=str(cache))
    assert done.returncode == 1
    assert "problems: " in done.stdout and str(cache) in done.stdout.splitlines()[-1]


def test_the_cache_is_listed_and_cleared(folder, tmp_path):
    environment = {"GRAPHC_CACHE_DIR": str(tmp_path / "cache")}
    assert "0 entries" in graphc("cache", "list", **environment).stdout
    graphc("doctor", **environment)
    listed = graphc("cache", "list", **environment).stdout.splitlines()
    assert len(listed) > 1 and "last used" in listed[0]
    count = len(listed) - 1
    assert graphc("cache", "clear", **environment).stdout.endswith(f": {count} entries removed\n")
    assert ": 0 entries" in graphc("cache", "list", **environment).stdout


def test_help_explains_every_command():
    text = graphc("--help").stdout
    assert all(command in text for command in ("lower", "build", "doctor", "cache"))
    assert "NAME=VALUE" in graphc("lower", "--help").stdout


def test_misuse_has_exit_status_two():
    assert graphc("explode").returncode == 2
