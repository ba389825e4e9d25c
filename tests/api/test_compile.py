"""What can be compiled, with which options, and what can be seen of it."""

import collections
import copy
import dataclasses
import functools
import inspect
import pickle

import numpy as np
import pytest

import graphc
from tests.api.raising import raises_exactly

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Affine:
    w: np.ndarray
    b: np.ndarray

    def __call__(self, x):
        return x @ self.w + self.b


@graphc.compile(backend="interpret")
def at_module_level(x):
    return x + 1.0


# ---- what can be compiled


def test_a_compiled_function_looks_like_the_original():
    def model(x, scale=2.0):
        """Doubles."""
        return x * scale

    f = graphc.compile(model)
    assert (f.__name__, f.__doc__, f.__wrapped__) == ("model", "Doubles.", model)
    assert inspect.signature(f) == inspect.signature(model)
    assert repr(f) == f"<compiled {model.__qualname__}>"


def test_default_and_keyword_arguments(backend):
    def f(x, *rest, scale=2.0, **more):
        return x * scale + sum(rest) + sum(more.values())

    compiled = graphc.compile(f, backend=backend)
    for args, kwargs in (((3.0,), {}), ((3.0, 1.0, 2.0), {"scale": 5.0}), ((), {"x": 1.0, "z": 4.0})):
        assert compiled(*args, **kwargs) == f(*args, **kwargs)


def test_wrong_arguments_raise_what_python_raises():
    f = graphc.compile(lambda x: x)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        f()
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        f(x=1.0, z=2.0)


def test_methods_are_compiled_per_object(backend):
    class Model:
        def __init__(self, w):
            self.w = w

        @graphc.compile(backend=backend)
        def predict(self, x):
            return x * self.w

    one, two = Model(np.array([1.0, 2.0])), Model(3.0)
    assert np.array_equal(one.predict(2.0), [2, 4])
    assert two.predict(2.0) == 6.0
    one.w = np.array([5.0, 5.0])
    two.w = 4.0
    assert np.array_equal(one.predict(2.0), [10, 10])
    assert two.predict(2.0) == 8.0


def test_bound_methods_and_callable_objects(backend):
    model = Affine(np.eye(2), np.ones(2))
    f = graphc.compile(model, backend=backend)
    x = np.array([1.0, 2.0])
    assert np.array_equal(f(x), [2, 3])
    model.b = np.zeros(2)
    assert np.array_equal(f(x), [1, 2])
    assert np.array_equal(graphc.compile(model.__call__, backend=backend)(x), [1, 2])


def test_partial_functions_and_builtins(backend):
    power = functools.partial(lambda n, x: sum(x for _ in range(n)), 3)
    assert graphc.compile(power, backend=backend)(2.0) == 6.0
    assert graphc.compile(np.tanh, backend=backend)(0.0) == 0.0


def test_compiled_functions_nest(backend):
    inner = graphc.compile(lambda x: x * 2.0, backend=backend)
    outer = graphc.compile(lambda x: inner(x) + inner(1.0), backend=backend)
    assert outer(3.0) == 8.0
    assert graphc.compile(outer, backend=backend)(3.0) == 8.0


def test_recursion(backend):
    @graphc.compile(backend=backend, static_argnames="n")
    def power(x, n):
        return x if n == 1 else x * power(x, n - 1)

    assert power(2.0, 5) == 32.0


def test_compiled_functions_are_copied_and_pickled_by_name():
    assert copy.deepcopy(at_module_level) is at_module_level
    assert pickle.loads(pickle.dumps(at_module_level)) is at_module_level


def test_what_cannot_be_compiled():
    with pytest.raises(graphc.ArgumentError, match="compile takes a function, got 3 of type int"):
        graphc.compile(3)

    def generator(x):
        yield x

    with pytest.raises(graphc.ArgumentError, match="generator is a generator or a coroutine; compile a fun"):
        graphc.compile(generator)


def test_what_a_traced_mask_selects_is_no_result(backend):
    selected = graphc.compile(lambda x: {"y": x[x > 0]}, backend=backend)
    with pytest.raises(graphc.TraceError) as caught:
        selected(np.ones(3))
    first, place, remedy = str(caught.value).split("\n")
    assert first == "x[mask] of f64[3] has a shape that depends on the data"
    assert place.startswith("  at test_compile.py:")
    assert remedy.startswith(
        "  Elementwise functions, sums, means and x[mask] = value work on it; otherwise use"
    )


# ---- options


def test_static_arguments_are_part_of_the_program(backend):
    @graphc.compile(backend=backend, static_argnames=("n", "kind"))
    def f(x, n, kind="sum"):
        total = 0.0
        for _ in range(n):
            total = total + x
        return total if kind == "sum" else total / n

    assert f(2.0, 3) == 6.0
    assert f(2.0, n=4, kind="mean") == 2.0
    assert f(2.0, 3) == 6.0
    assert f.cache_info().programs == 2


def test_strings_and_functions_in_arguments_are_static(backend):
    f = graphc.compile(lambda x, config: config["f"](x) if config["on"] == "yes" else x, backend=backend)
    assert f(2.0, {"f": np.negative, "on": "yes"}) == -2.0
    assert f(2.0, {"f": np.negative, "on": "no"}) == 2.0


def test_a_compiled_function_as_an_argument_is_static(backend):
    double = graphc.compile(lambda x: x * 2, backend=backend)
    apply = graphc.compile(lambda f, x: f(x), backend=backend)
    for x in (1.0, 2.0, 3.0):
        assert apply(double, x) == double(x)
    assert apply.cache_info().programs == 1


def test_static_values_of_different_types_are_different_programs(backend):
    f = graphc.compile(
        lambda x, n: x / n if type(n) is float else x // n, backend=backend, static_argnames="n"
    )
    assert f(7.0, 2) == 3.0
    assert f(7.0, 2.0) == 3.5


def test_options_name_parameters_that_exist():
    for option in ({"static_argnames": "z"}, {"donate": ("z",)}, {"dynamic": {"z": "f32[N]"}}):
        (name,) = option
        with raises_exactly(graphc.ArgumentError, f"{name} names 'z', but the parameters of f are: x, y"):
            graphc.compile(_f, **option)


def _f(x, y):
    return x + y


_f.__name__ = "f"


def test_unknown_options_say_what_there_is():
    with pytest.raises(graphc.ArgumentError, match=r"^there is no backend 'tpu'; choose one of "):
        graphc.compile(_f, backend="tpu")
    with raises_exactly(graphc.ArgumentError, "checks='inf'; choose 'off' or 'nan'"):
        graphc.compile(_f, checks="inf")
    with raises_exactly(
        graphc.ArgumentError, "dynamic='N'; choose True, or a dict from argument to its type or axes"
    ):
        graphc.compile(_f, dynamic="N")
    with raises_exactly(graphc.ArgumentError, "threads=0; choose a positive number, or None for all"):
        graphc.compile(_f, threads=0)


def test_donated_arrays_hold_the_results(backend):
    @graphc.compile(backend=backend, donate="params")
    def step(params, x):
        return {"w": params["w"] - x, "b": params["b"] * 2}, np.sum(params["w"])

    params = {"w": np.ones(3), "b": np.ones((2, 2))}
    new, total = step(params, np.arange(3.0))
    assert new["w"] is params["w"] and new["b"] is params["b"]
    assert np.array_equal(new["w"], [1, 0, -1]) and total == 3.0


def test_a_donated_array_that_is_also_returned_is_not_overwritten(backend):
    x = np.ones(3)
    same, more = graphc.compile(lambda x: (x, x + 1), backend=backend, donate="x")(x)
    assert same is x and np.array_equal(x, [1, 1, 1]) and np.array_equal(more, [2, 2, 2])


def test_donated_arrays_must_be_writeable_and_alone(backend):
    f = graphc.compile(lambda x, y: x + y, backend=backend, donate="x")
    x = np.ones(3)
    with raises_exactly(
        graphc.DonationError,
        "argument 'x' is overwritten, but it shares memory with argument 'y'. Pass a copy of one of them.",
    ):
        f(x, x)
    x.flags.writeable = False
    with raises_exactly(
        graphc.DonationError,
        "argument 'x' is overwritten, but it is read-only. Pass a copy, or do not donate it.",
    ):
        f(x, np.ones(3))


# ---- looking inside


def test_lower_takes_values_or_types(backend):
    f = graphc.compile(lambda w, x: np.sum(w * x), backend=backend)
    by_value = f.lower(np.ones(3, np.float32), np.ones(3, np.float32)).graph
    by_type = f.lower("f32[3]", "f32[3]").graph
    assert str(by_value) == str(by_type)
    symbolic = f.lower("f32[N]", x="f32[N]").graph
    assert symbolic.symbols == ("N",)
    assert str(symbolic).startswith("graph(w: f32[N], x: f32[N]):\n")
    assert f.cache_info().programs == 0


def test_stages_that_a_backend_does_not_have():
    lowered = graphc.compile(_f, backend="interpret").lower(1.0, 2.0)
    for stage in ("source", "llvm", "asm", "kernels"):
        with pytest.raises(
            graphc.UnsupportedError,
            match=f"^this backend has no {stage}; compile with backend='cpu' to see it$",
        ):
            getattr(lowered, stage)


# ---- arrays to fill


def test_zeros_ones_and_full_are_numpys_outside_and_traced_inside(backend):
    assert np.array_equal(graphc.zeros(3), np.zeros(3)) and graphc.ones((2, 1), np.int32).dtype == np.int32

    @graphc.compile(backend=backend)
    def f(x):
        y = graphc.zeros(3)
        y[0] = x
        return y, graphc.ones((2, 2), np.float32), graphc.full(2, x), graphc.full((), x, np.float32)

    y, ones, twice, single = f(4.0)
    assert np.array_equal(y, [4, 0, 0])
    assert np.array_equal(ones, np.ones((2, 2))) and ones.dtype == np.float32
    assert np.array_equal(twice, [4, 4]) and single == np.float32(4) and single.dtype == np.float32
