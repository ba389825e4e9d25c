"""`graphc.load`: libraries called from Python compute what the function computes, with the same checks."""

from __future__ import annotations

import array
import gc
import inspect
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc
from graphc import nn, optim
from graphc.aot.link import linker_for

pytestmark = pytest.mark.skipif(linker_for("x86_64") is None, reason="no C compiler to link with")

RNG = np.random.default_rng(0)
W, X, Y = (RNG.normal(size=s).astype(np.float32) for s in ((7, 3), (5, 7), (5, 3)))


def loss(w: Any, x: Any, y: Any) -> Any:
    """Mean squared error of one layer."""
    return np.mean((np.tanh(x @ w) - y) ** 2)


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The loss and its gradient as a library."""
    folder = tmp_path_factory.mktemp("losses")
    graphc.export(loss, "f32[7, 3]", "f32[N, 7]", "f32[N, 3]", path=folder, grad=True)
    return graphc.load(folder)


def loaded(folder: Path, function: Any, *types: Any, **options: Any) -> Any:
    """`function` exported and loaded again."""
    graphc.export(function, *types, path=folder, **options)
    return graphc.load(folder)


def refused(error: type[Exception], function: Any, *args: Any, **named: Any) -> str:
    """The text of the error that a call raises."""
    with pytest.raises(error) as caught:
        function(*args, **named)
    return str(caught.value)


# ---- values


def test_values_are_those_of_the_process_to_the_bit(losses: Any) -> None:
    dynamic = {"x": ("N", None), "y": ("N", None)}
    found = losses.loss(W, X, Y)
    assert type(found) is np.float32
    assert found == graphc.compile(loss, dynamic=dynamic)(W, X, Y)
    value, *gradients = losses.loss_grad(W, X, Y)
    expected = graphc.compile(graphc.value_and_grad(loss, argnums=(0, 1, 2)), dynamic=dynamic)(W, X, Y)
    assert value == expected[0]
    for gradient, wanted in zip(gradients, expected[1], strict=True):
        np.testing.assert_array_equal(gradient, wanted)


def test_arguments_go_by_name_and_sizes_change_from_call_to_call(losses: Any) -> None:
    for n in (1, 4, 0, 5):
        x, y = X[:n], Y[:n]
        expected = loss(W.astype(np.float64), x, y) if n else np.nan
        np.testing.assert_allclose(losses.loss(y=y, w=W, x=x), expected, rtol=1e-6)


def test_results_are_new_arrays(losses: Any) -> None:
    first, second = losses.loss_grad(W, X, Y)[1], losses.loss_grad(W, X, Y)[1]
    assert first is not second and not np.shares_memory(first, second)


def test_the_library_itself_is_its_main_function(losses: Any) -> None:
    assert losses(W, X, Y) == losses.loss(W, X, Y)
    assert repr(losses) == "<library loss: loss(w, x, y), loss_grad(w, x, y)>"
    assert "x86_64" in losses.__doc__ or "aarch64" in losses.__doc__
    assert "Mean squared error of one layer." in losses.loss.__doc__
    assert "x: (N, 7) float32" in losses.loss.__doc__
    assert str(inspect.signature(losses.loss)) == "(w, x, y)"
    assert {"loss", "loss_grad"} <= set(dir(losses))
    with pytest.raises(AttributeError, match="no function 'los'; it has loss, loss_grad"):
        losses.los  # noqa: B018


def test_several_functions_have_no_main_one(tmp_path: Path) -> None:
    functions = {"sin": (lambda x: np.sin(x), "f64[3]"), "cos": (lambda x: np.cos(x), "f64[3]")}
    graphc.export(functions, path=tmp_path, name="waves")
    library = graphc.load(tmp_path / "waves")
    x = np.arange(3.0)
    np.testing.assert_allclose(library.waves_sin(x), np.sin(x), rtol=1e-15)
    np.testing.assert_allclose(library.functions["waves_cos"](x), np.cos(x), rtol=1e-15)
    assert refused(graphc.ArgumentError, library, x) == "waves has several functions; call waves.waves_sin"


@pytest.mark.parametrize("name", ["", "loss", "loss.json", "loss.so", "loss.h", "loss.py"])
def test_a_library_is_found_by_folder_stem_or_file(losses: Any, name: str) -> None:
    assert graphc.load(losses.path.parent / name)(W, X, Y) == losses(W, X, Y)
    assert graphc.load(str(losses.path.parent / name)).name == "loss"


def test_a_library_is_found_through_symbolic_links(losses: Any, tmp_path: Path) -> None:
    (tmp_path / "there").symlink_to(losses.path.parent)
    assert graphc.load(tmp_path / "there" / "loss")(W, X, Y) == losses(W, X, Y)


def test_loading_imports_no_compiler(losses: Any) -> None:
    code = (
        "import sys, graphc; library = graphc.load(sys.argv[1]); "
        "print([m for m in sys.modules if m.split('.')[0] in ('numba', 'llvmlite', 'sympy', 'optree')])"
    )
    command = [sys.executable, "-c", code, str(losses.path.parent)]
    environment = {**os.environ, "PYTHONPATH": str(Path(graphc.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"


def test_a_library_that_was_exported_again_is_loaded_anew(tmp_path: Path) -> None:
    x = np.arange(3.0)
    first = loaded(tmp_path, lambda x: x + 1.0, "f64[3]", name="f")
    second = loaded(tmp_path, lambda x: x + 2.0, "f64[3]", name="f")
    np.testing.assert_array_equal(second(x), x + 2.0)
    np.testing.assert_array_equal(first(x), x + 1.0)


# ---- trees and numbers


def test_trees_keep_their_nesting(tmp_path: Path) -> None:
    def step(params: Any, both: Any, nothing: Any) -> Any:
        return {"sum": [params["w"] + both[0], (both[1] * 2.0, None)], "as it came": both[1], "text": "done"}

    step.__name__ = "step"
    library = loaded(tmp_path, step, {"w": "f64[3]"}, ["f64[3]", "f64[2]"], None)
    w, a, b = np.arange(3.0), np.ones(3), np.arange(2.0)
    result = library({"w": w}, [a, b], None)
    assert list(result) == ["as it came", "sum", "text"] and result["text"] == "done"
    assert type(result["sum"]) is list and type(result["sum"][1]) is tuple
    np.testing.assert_array_equal(result["sum"][0], w + a)
    np.testing.assert_array_equal(result["sum"][1][0], 2 * b)
    assert result["as it came"] is b
    assert "argument both of step is a tuple of 2, but the library takes a list of 2" in refused(
        graphc.ArgumentError, library, {"w": w}, (a, b), None
    )
    assert "argument both of step is a list of 1, but the library takes a list of 2" in refused(
        graphc.ArgumentError, library, {"w": w}, [a], None
    )
    assert "argument params of step has the keys v, but the library takes w" in refused(
        graphc.ArgumentError, library, {"v": w}, [a, b], None
    )
    assert "argument params of step is the ndarray" in refused(graphc.ArgumentError, library, w, [a, b], None)
    assert refused(graphc.ArgumentError, library, {"w": w}, [a, b], 1.5) == (
        "argument nothing of step is the float 1.5, but the library was exported for None\n"
        "  Export it again for other values."
    )
    assert "argument params['w'] of step is f64[2], but the library takes f64[3]" in refused(
        graphc.ShapeError, library, {"w": b}, [a, b], None
    )


def test_modules_are_dicts_like_their_state(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(7, 4, rng=RNG), nn.Tanh(), nn.Linear(4, 3, rng=RNG))

    def doubled(model: Any, x: Any) -> Any:
        return model(x), graphc.grad(lambda m: np.sum(m(x)))(model)

    library = loaded(tmp_path, doubled, model, "f32[N, 7]")
    y, gradient = library(model, X)
    y_again, gradient_again = library(model.state_dict(), X)
    np.testing.assert_allclose(y, model(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(y, y_again)
    expected = graphc.compile(doubled)(model, X)[1].state_dict()
    assert list(gradient) == list(expected)
    for key, array_ in expected.items():
        np.testing.assert_allclose(gradient[key], array_, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(gradient[key], gradient_again[key])
    assert "argument model of doubled has the keys weight, but the library takes 0.weight" in refused(
        graphc.ArgumentError, library, {"weight": W}, X
    )


@dataclass
class Point:
    """A dataclass, which is a tree."""

    x: Any
    rest: Any


class Split(NamedTuple):
    """Two parts of an array."""

    low: Any
    high: Any


def test_named_tuples_are_named_tuples(tmp_path: Path) -> None:
    def shifted(parts: Split, by: float) -> Any:
        return Split(parts.low - by, Split(parts.high + by, parts.high))

    library = loaded(tmp_path, shifted, Split("f64[2]", "f64[N]"), 1.5)
    low, high = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])
    for parts in (Split(low, high), (low, high)):
        result = library(parts, 0.5)
        np.testing.assert_array_equal(result.low, low - 0.5)
        np.testing.assert_array_equal(result.high.low, high + 0.5)
        first, (_, last) = result
        assert first is result.low
        np.testing.assert_array_equal(last, high)
    with pytest.raises(graphc.ArgumentError, match="a tuple of 3, but the library takes a tuple of 2"):
        library((low, high, high), 0.5)


def test_dataclasses_are_taken_as_they_are_or_as_dicts(tmp_path: Path) -> None:
    library = loaded(tmp_path, lambda p: p.x * p.rest[0], Point("f64[3]", ["f64[3]"]), name="scaled")
    a, b = np.arange(3.0), np.ones(3) * 2
    np.testing.assert_array_equal(library(Point(a, [b])), a * b)
    np.testing.assert_array_equal(library({"x": a, "rest.0": b}), a * b)
    assert "has no rest.0; the library takes a dict with the keys x, rest.0" in refused(
        graphc.ArgumentError, library, Point(a, [])
    )


def test_numbers_are_taken_and_given_as_their_kind_says(tmp_path: Path) -> None:
    def mixed(a: Any, n: Any, flag: Any, small: Any) -> Any:
        return a * 2.0, n + 1, flag, small

    library = loaded(tmp_path, mixed, 0.5, 3, True, np.uint8(3))
    found = library(1, 4, False, np.uint8(9))
    assert found == (2.0, 5, False, 9) and list(map(type, found)) == [float, int, bool, np.uint8]
    assert library(np.float64(2), np.int64(5), np.bool_(True), 200)[1] == 6
    assert library(1.0, -(2**63), False, np.array(3, np.uint8))[1] == -(2**63) + 1
    remarks = [
        ((True, 1, True, 1), "argument a of mixed is the bool True, but the library takes f64"),
        ((1.0, 1.0, True, 1), "argument n of mixed is the float 1.0, but the library takes i64"),
        ((1.0, 2**63, True, 1), "argument n of mixed is the integer 9223372036854775808, which does not fit"),
        ((1.0, 1, 1, 1), "argument flag of mixed is 1, but the library takes bool"),
        ((1.0, 1, True, 256), "argument small of mixed is the integer 256, which does not fit"),
        ((2**64, 1, True, 1), "the integer 18446744073709551616, which does not fit 64 bits"),
        ((1.0, 1, True, None), "argument small of mixed is None, no array, but the library takes u8"),
        (("1", 1, True, 1), "argument a of mixed is the str '1', but the library takes f64"),
    ]
    for args, text in remarks:
        assert text in refused(graphc.ArgumentError, library, *args)
    wrong = refused(graphc.DTypeError, library, np.float32(1), 1, True, 1)
    assert wrong == (
        "argument a of mixed is f32, but the library takes f64\n  Convert it first: x.astype(np.float64)."
    )
    assert "takes one number f64" in refused(graphc.ShapeError, library, np.ones(1), 1, True, 1)


# ---- arrays


def test_arrays_of_any_layout_and_owner_are_accepted(losses: Any, tmp_path: Path) -> None:
    expected = losses(W, X, Y)
    file = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, X.shape)
    file[...] = X
    unaligned = np.frombuffer(b"_" + X.tobytes(), np.uint8)[1:].view(np.float32).reshape(X.shape)
    read_only = X.copy()
    read_only.flags.writeable = False
    views = [np.asfortranarray(X), X[::-1][::-1], np.repeat(X, 2, 1)[:, ::2], file, unaligned, read_only]
    for x in [*views, memoryview(X), Foreign(X)]:
        assert losses(W, x, Y) == expected
    numbers = loaded(tmp_path, lambda v: v * 2.0, "f64[3]", name="twice")
    np.testing.assert_array_equal(numbers(array.array("d", [1, 2, 3])), [2.0, 4.0, 6.0])


class Foreign:
    """An array of another library."""

    def __init__(self, value: np.ndarray) -> None:
        self.value = value

    def __array__(self, *args: Any, **named: Any) -> np.ndarray:
        return self.value


def test_arrays_that_do_not_fit_are_refused_with_the_remedy(losses: Any) -> None:
    f = losses.loss
    assert refused(graphc.DTypeError, f, W, X.astype(np.float64), Y) == (
        "argument x of loss is f64[5, 7], but the library takes f32[N, 7]\n"
        "  Convert it first: x.astype(np.float32)."
    )
    assert refused(graphc.ShapeError, f, W, X, Y[:4]) == (
        "argument y of loss is f32[4, 3], but the library takes f32[N, 3] with N = 5 by argument x"
    )
    assert refused(graphc.ShapeError, f, W, X[:, :6], Y) == (
        "argument x of loss is f32[5, 6], but the library takes f32[N, 7] with N = 5 by argument x"
    )
    assert refused(graphc.ShapeError, f, W, X[0], Y) == (
        "argument x of loss is f32[7], but the library takes f32[N, 7]"
    )
    assert refused(graphc.ArgumentError, f, W, [[1.0]], Y) == (
        "argument x of loss is the list [[1.0]], no array, but the library takes f32[N, 7]\n"
        "  Pass np.asarray(x, dtype=np.float32)."
    )
    assert refused(graphc.ArgumentError, f, W, 2.0, Y) == (
        "argument x of loss is the float 2.0, no array, but the library takes f32[N, 7]\n"
        "  Pass np.asarray(x, dtype=np.float32)."
    )
    assert refused(graphc.ArgumentError, f, W, np.ma.array(X), Y) == (
        "argument x of loss is a MaskedArray, which gives operators another meaning, "
        "but the library takes f32[N, 7]\n  Pass a plain array: np.asarray(x)."
    )
    swapped = X.astype(X.dtype.newbyteorder())
    assert "in another byte order" in refused(graphc.DTypeError, f, W, swapped, Y)
    for odd in (X.astype(complex), X.astype(object), np.array("text")):
        assert "but the library takes f32[N, 7]" in refused(graphc.DTypeError, f, W, odd, Y)


def test_wrong_calls_are_refused(losses: Any) -> None:
    takes = "loss takes (w, x, y), but "
    assert refused(graphc.ArgumentError, losses.loss, W, X) == takes + "y was not given"
    assert refused(graphc.ArgumentError, losses.loss) == takes + "w, x, y was not given"
    assert refused(graphc.ArgumentError, losses.loss, W, X, Y, Y) == takes + "4 arguments were given"
    assert refused(graphc.ArgumentError, losses.loss, W, X, Y, x=X) == takes + "x was given twice"
    assert refused(graphc.ArgumentError, losses.loss, W, X, z=Y) == takes + "'z' was given"


def test_arrays_without_elements_and_of_no_axes(tmp_path: Path) -> None:
    library = loaded(tmp_path, lambda x, c: (x * c, np.sum(x)), "f64[N, 3]", "f64", name="scale")
    for n in (0, 1):
        x = np.ones((n, 3))
        scaled, total = library(x, np.array(2.0))
        assert scaled.shape == (n, 3) and total == 3 * n
        np.testing.assert_array_equal(scaled, 2 * x)


dtypes = st.sampled_from(["f8", "f4", "i8", ">f8", "c16", "O", "U3", "M8[s]", "?"])
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=9).map(memoryview)
    | st.builds(np.zeros, shapes, dtypes)
    | st.just((3, 2)).map(np.ones)
    | st.builds(lambda shape, dtype: np.flip(np.zeros(shape, dtype).T), shapes, dtypes)
    | st.floats().map(np.float64)
    | st.sampled_from(
        [object(), int, Foreign(np.ones((3, 2))), Foreign("text"), range(3), np.ma.zeros((3, 2))]
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(anything, max_size=4), st.dictionaries(st.sampled_from(["tree", "x", "n", "N"]), anything))
def test_any_arguments_are_taken_or_refused(tangled: Any, args: Any, named: Any) -> None:
    try:
        result = tangled(*args, **named)
    except graphc.GraphcError as error:
        assert str(error)
    else:
        assert result[0].dtype == np.float64 and type(result[1]) is int


@settings(max_examples=100, deadline=None)
@given(anything, st.integers(-(2**63), 2**63 - 1))
def test_any_one_argument_is_taken_or_refused(tangled: Any, value: Any, number: int) -> None:
    good = [{"a": np.ones(2), "b": [np.ones((3, 2))]}, np.ones((3, 2)), number]
    assert tangled(*good)[1] == number
    for i in range(3):
        args = [*good[:i], value, *good[i + 1 :]]
        try:
            tangled(*args)
        except graphc.GraphcError as error:
            assert "of tangled" in str(error)


@pytest.fixture(scope="module")
def tangled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A library whose function takes a tree with an array that it overwrites, an array and a number."""

    def tangled(tree: Any, x: Any, n: Any) -> Any:
        return tree["b"][0] + x, n, {"a": tree["a"] * 2.0}

    types = ({"a": "f64[2]", "b": ["f64[N, 2]"]}, "f64[N, 2]", 3)
    folder = tmp_path_factory.mktemp("tangled")
    graphc.export(tangled, *types, path=folder)
    return graphc.load(folder)


# ---- sizes


def test_sizes_that_no_array_has_are_arguments_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "GRAPHC_VERIFY", "0"
    )  # graphs have no such sizes in the process, where none gives them
    library = loaded(tmp_path, lambda x: x[::2] * 2.0, "f64[2*N]", name="every_other")
    x = np.arange(6.0)
    np.testing.assert_array_equal(library(x, N=3), [0.0, 4.0, 8.0])
    assert refused(graphc.ArgumentError, library, x) == "every_other takes (x, *, N), but N was not given"
    assert refused(graphc.ShapeError, library, x, N=4) == (
        "argument x of every_other is f64[6], but the library takes f64[2*N]"
    )
    for n in (-1, 1.5, 2**70, "3"):
        assert "the size N of every_other is" in refused(graphc.ArgumentError, library, x, N=n)
    assert repr(library.every_other) == "<every_other(x, *, N)>"


def test_a_size_called_as_an_argument_gets_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_VERIFY", "0")
    library = loaded(tmp_path, lambda N: N + 1.0, "f64[2*N]", name="more")
    np.testing.assert_array_equal(library(np.zeros(4), size_N=2), np.ones(4))


def test_sizes_by_name_are_told_apart_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_VERIFY", "0")
    library = loaded(tmp_path, lambda x, y: (x * 2.0, y + 1.0), "f64[2*N]", "f64[2*M]", name="pair")
    x, y = np.ones(4), np.ones(6)
    assert [r.shape for r in library(x, y, N=2, M=3)] == [r.shape for r in library(x, y, M=3, N=2)]
    assert "argument x of pair is f64[4]" in refused(graphc.ShapeError, library, x, y, M=2, N=3)


def test_sizes_without_a_result_are_refused(tmp_path: Path) -> None:
    library = loaded(tmp_path, lambda x: graphc.ones((x.shape[0] - 3,)), "f64[N]", name="fewer")
    assert library(np.ones(5)).shape == (2,)
    assert "is impossible with N = 1" in refused(graphc.ShapeError, library, np.ones(1))


def test_results_that_no_memory_holds_are_refused(tmp_path: Path) -> None:
    library = loaded(
        tmp_path, lambda x: np.broadcast_to(x[0], (x.shape[0],) * 4) + 0.0, "f64[N]", name="grow"
    )
    assert library(np.ones(2)).shape == (2, 2, 2, 2)
    assert "too large for any memory" in refused(MemoryError, library, np.ones(10_000))


# ---- errors


def test_checks_raise_what_the_compiled_function_raises(tmp_path: Path) -> None:
    def chosen(x: Any, i: Any) -> Any:
        return np.linalg.inv(x)[i]

    library = loaded(tmp_path, chosen, "f64[2, 2]", "i64[N]")
    compiled = graphc.compile(chosen)
    good, singular = np.eye(2), np.ones((2, 2))
    np.testing.assert_array_equal(library(good, np.array([1])), good[[1]])
    for args in ((singular, np.array([0])), (good, np.array([2]))):
        with pytest.raises(Exception) as expected:
            compiled(*args)
        with pytest.raises(expected.type) as found:
            library(*args)
        assert str(found.value) == str(expected.value)
    assert expected.type is IndexError
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        library(singular, np.array([0]))


# ---- arguments that are overwritten


def test_updated_arguments_are_overwritten_and_returned(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(7, 4, rng=RNG), nn.Tanh(), nn.Linear(4, 3, rng=RNG))
    opt = optim.Adam(lr=0.01)

    def step(params: Any, state: Any, x: Any, y: Any) -> Any:
        value, gradients = graphc.value_and_grad(lambda p: np.mean((p(x) - y) ** 2))(params)
        params, state = opt.step(params, gradients, state)
        return params, state, value

    types = (model, opt.init(model), "f32[N, 7]", "f32[N, 3]")
    library = loaded(tmp_path, step, *types, donate=("params", "state"))
    params = {key: value.copy() for key, value in model.state_dict().items()}
    state = opt.init(model)
    compiled = graphc.compile(step, donate=("params", "state"), dynamic={"x": ("N", None), "y": ("N", None)})
    other_state = opt.init(model)
    for i in range(1, 4):
        new, state, value = library(params, state, X, Y)
        model, other_state, expected = compiled(model, other_state, X, Y)
        assert value == expected and state["step"] == i and type(state["step"]) is np.int64
        for key, array_ in model.state_dict().items():
            assert new[key] is params[key]
            np.testing.assert_array_equal(params[key], array_)


def test_arrays_that_cannot_be_overwritten_are_refused(tmp_path: Path) -> None:
    library = loaded(tmp_path, lambda x, y: x + y, "f64[N, 3]", "f64[N, 3]", donate="x", name="add")
    memory = np.zeros((9, 3))
    x, y = memory[:4], np.ones((4, 3))
    assert library(x, y) is x
    np.testing.assert_array_equal(memory[:5], [[1.0] * 3] * 4 + [[0.0] * 3])
    shares = "argument x of add is overwritten, but it shares memory with argument y of add. "
    for other in (memory[:4], memory[3:7], memory[1:5]):
        assert refused(graphc.DonationError, library, x, other) == shares + "Pass a copy of one of them."
    library(x, memory[4:8])
    read_only = np.zeros((4, 3))
    read_only.flags.writeable = False
    assert refused(graphc.DonationError, library, read_only, y) == (
        "argument x of add is overwritten, but it is read-only. Pass a copy."
    )
    assert "not contiguous in C order" in refused(graphc.DonationError, library, np.zeros((3, 4)).T, y)
    assert "argument x of add is a memoryview" in refused(graphc.ArgumentError, library, memoryview(x), y)
    assert "takes f64[N, 3]" in refused(graphc.DTypeError, library, x.astype(np.float32), y)


# ---- weights


@pytest.mark.parametrize("mode", ["embed", "file", "arguments"])
def test_weights_are_inside_in_a_file_or_arguments(tmp_path: Path, mode: Any) -> None:
    model = nn.Sequential(nn.Linear(7, 4, rng=RNG), nn.Tanh(), nn.Linear(4, 3, rng=RNG))
    library = loaded(tmp_path, model, "f32[N, 7]", weights=mode, name="net")
    given = (model, X) if mode == "arguments" else (X,)
    np.testing.assert_allclose(library(*given), model(X), rtol=1e-5, atol=1e-6)
    state = model.state_dict()
    assert set(library.weights) == (set(state) if mode == "file" else set())
    for key, array_ in library.weights.items():
        np.testing.assert_array_equal(array_, state[key])
        assert not array_.flags.writeable


def test_a_function_keeps_the_weights_that_it_needs(tmp_path: Path) -> None:
    table = RNG.normal(size=(100, 7))

    def look(x: Any) -> Any:
        return x @ table.T

    library = loaded(tmp_path, look, "f64[N, 7]", weights="file")
    x = np.eye(7)
    function = library.look
    library.weights.clear()
    del library
    gc.collect()
    np.testing.assert_allclose(function(x), table.T, rtol=1e-15)


# ---- threads and processes


def test_calls_from_many_threads_at_once_are_right(losses: Any) -> None:
    xs = [RNG.normal(size=(n, 7)).astype(np.float32) for n in range(1, 9)]
    ys = [RNG.normal(size=(n, 3)).astype(np.float32) for n in range(1, 9)]
    expected = [losses.loss_grad(W, x, y)[1] for x, y in zip(xs, ys, strict=True)]
    wrong: list[int] = []
    start = threading.Barrier(8)

    def run(i: int) -> None:
        start.wait()
        for _ in range(300):
            if not np.array_equal(losses.loss_grad(W, xs[i], ys[i])[1], expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_calls_in_a_forked_process_are_right(losses: Any) -> None:
    code = (
        "import os, sys, numpy as np, graphc\n"
        "f = graphc.load(sys.argv[1]).loss\n"
        "args = np.ones((7, 3), 'f'), np.ones((5, 7), 'f'), np.ones((5, 3), 'f')\n"
        "before = f(*args)\n"
        "child = os.fork()\n"
        "fine = f(*args) == before\n"
        "if not child: os._exit(0 if fine else 1)\n"
        "assert fine and os.waitpid(child, 0)[1] == 0\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(graphc.__file__).parents[1])}
    command = [sys.executable, "-c", code, str(losses.path.parent)]
    subprocess.run(command, check=True, env=environment, timeout=60)


def test_a_finalizer_that_calls_in_the_middle_of_a_call_disturbs_nothing(losses: Any) -> None:
    from graphc.aot.loaded.workspace import workspace

    held, address = workspace(1 << 10)
    larger, other = workspace(held.nbytes * 4)
    assert other != address and address % 64 == other % 64 == 0
    held[...] = 1  # still there, though replaced
    larger[...] = 2
    assert (held == 1).all()


def test_threads_of_the_library_are_set(tmp_path: Path, losses: Any) -> None:
    library = loaded(tmp_path, lambda x: np.tanh(x @ x), "f64[N, N]", name="square", threads=2)
    x = RNG.normal(size=(64, 64)) / 8
    expected = library(x)
    library.set_threads(1)
    np.testing.assert_array_equal(library(x), expected)
    np.testing.assert_allclose(expected, np.tanh(x @ x), rtol=1e-12, atol=1e-14)
    assert "square was exported for 1 to 2 threads" in refused(graphc.ArgumentError, library.set_threads, 3)
    losses.set_threads(1)
