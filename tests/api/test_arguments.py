import datetime
import re

import numpy as np
import pytest

import graphc
from tests.api.raising import raises_exactly


def f(params):
    return np.sum(params["x"])


REFUSED = [
    (
        np.array([1, [2, 3]], dtype=object),
        "an array of dtype object, which graphc does not compute with",
        "Build it from numbers of one shape, with a dtype: np.array(values, dtype=np.float64).",
    ),
    (
        np.ones(2, np.clongdouble),
        f"an array of dtype {np.dtype(np.clongdouble)}, which graphc does not compute with",
        "Convert it first: x.astype(np.complex128).",
    ),
    (
        np.ones(2, np.float16),
        "an array of dtype float16, which graphc does not compute with",
        "Convert it first: x.astype(np.float32) or x.astype(np.float64).",
    ),
    (
        np.ones(2, ">f4"),
        "an array of dtype >f4, which graphc does not compute with",
        "Convert it to this machine's byte order: x.astype(np.float32).",
    ),
    (
        np.array(["a"]),
        "an array of dtype <U1, which graphc does not compute with",
        "Encode the text as integers first.",
    ),
    (
        np.array(["2020-01-01"], "datetime64[D]"),
        "an array of dtype datetime64[D], which graphc does not compute with",
        "Subtract a reference time and convert: (t - t0) / np.timedelta64(1, 's').",
    ),
    (
        np.zeros(2, [("a", "f4"), ("b", "i4")]),
        "an array of dtype [('a', '<f4'), ('b', '<i4')], which graphc does not compute with",
        "Pass its fields as separate arrays, for example a dict of them.",
    ),
    (
        np.float16(1),
        "a NumPy scalar of dtype float16, which graphc does not compute with",
        "Convert it first: x.astype(np.float32) or x.astype(np.float64).",
    ),
    (
        np.ones((1, 1)).view(np.matrix),
        "a matrix, which gives operators another meaning",
        "Pass a plain array: np.asarray(x).",
    ),
    (
        np.ma.masked_array([1.0]),
        "a MaskedArray, which gives operators another meaning",
        "Pass a plain array: np.asarray(x).",
    ),
    (2**70, f"the integer {2**70}, which does not fit 64 bits", "Pass a float."),
    (
        {1.0, 2.0},
        "a set, which is neither an array, a number nor a tree of them; "
        "as a static value it would have to be hashable",
        "Pass arrays or numbers, a tuple instead of a list or set, or a hashable object.",
    ),
]


@pytest.mark.parametrize("value, what, remedy", REFUSED, ids=[what[:30] for _, what, _ in REFUSED])
def test_arguments_that_are_refused_say_which_why_and_what_to_do(value, what, remedy):
    with raises_exactly(graphc.ArgumentError, f"argument params['x'] of f is {what}\n  {remedy}"):
        graphc.compile(f)({"x": value})


def test_a_tensor_that_numpy_cannot_read():
    torch = pytest.importorskip("torch")
    with raises_exactly(
        graphc.ArgumentError,
        "argument params['x'] of f is a torch.Tensor that NumPy cannot read (Can't export tensors that "
        "require gradient, use tensor.detach())\n"
        "  Move it to the CPU and detach it from other frameworks' gradients, or pass a NumPy array.",
    ):
        graphc.compile(f)({"x": torch.ones(3, requires_grad=True)})


def test_an_unhashable_static_argument():
    def repeat(x, times):
        return x

    with raises_exactly(
        graphc.ArgumentError,
        "argument times of repeat is a list, which is neither an array, a number nor a tree of them; "
        "as a static value it would have to be hashable\n"
        "  Pass arrays or numbers, a tuple instead of a list or set, or a hashable object.",
    ):
        graphc.compile(repeat, static_argnames="times")(1.0, [1])


def test_hashable_objects_are_static(backend):
    g = graphc.compile(lambda x, day: x * day.day, backend=backend)
    assert g(2.0, datetime.date(2020, 1, 3)) == 6.0


def test_ragged_lists_fail_as_in_numpy(backend):
    def total(rows):
        return np.sum(np.array(rows))

    compiled = graphc.compile(total, backend=backend)
    assert compiled([[1.0, 2.0], [3.0, 4.0]]) == 10.0
    for function in (total, compiled):
        with pytest.raises(ValueError, match=r"^setting an array element with a sequence. .* inhomogeneous"):
            function([[1.0, 2.0], [3.0]])


# ---- Python on traced values


def traced(function, *args):
    with pytest.raises(graphc.TraceError) as caught:
        graphc.compile(function)(*args)
    lines = str(caught.value).split("\n")
    return lines[0], re.sub(r":\d+", ":LINE", lines[1]), lines[2]


def test_branches_on_traced_values():
    def branch(x):
        if x > 0:
            return x
        return -x

    assert traced(branch, np.float64(1)) == (
        "a Python branch on the traced value bool: its value is not known while tracing",
        "  at test_arguments.py:LINE, if x > 0:",
        "  Use np.where(condition, a, b), or make the argument static (static_argnames).",
    )


def test_loops_on_traced_values():
    def loop(x):
        while x < 10:
            x = x * 2
        return x

    def count(n):
        total = 0
        for i in range(n):
            total += i
        return total

    assert traced(loop, 1.0)[1] == "  at test_arguments.py:LINE, while x < 10:"
    assert traced(count, 3) == (
        "int() of the traced value i64: its value is not known while tracing",
        "  at test_arguments.py:LINE, for i in range(n):",
        "  Use it as an array index, or make the argument static (static_argnames): a loop bound, a size.",
    )


def test_conversions_of_traced_values():
    assert traced(lambda x: int(x), 1.0)[0].startswith("int() of the traced value f64")
    assert traced(lambda x: float(x), 1)[0].startswith("float() of the traced value i64")
    with pytest.raises(TypeError, match=re.escape("len() of a traced scalar")):
        graphc.compile(lambda x: len(x))(1.0)


def test_leaked_tracers_are_found():
    kept = []

    def leak(x):
        kept.append(x)
        return x * 2

    graphc.compile(leak)(1.0)
    text = (
        "a traced value was used after the function it belongs to had returned",
        "  Return it from the compiled function instead of storing it in a global, a closure or an object.",
    )
    for use in (lambda: kept[0] + 1, lambda: graphc.compile(lambda y: y + kept[0])(1.0)):
        with pytest.raises(graphc.LeakedTracerError) as caught:
            use()
        first, place, remedy = str(caught.value).split("\n")
        assert (first, remedy) == text and place.startswith("  at test_arguments.py:")
    with pytest.raises(graphc.LeakedTracerError):
        graphc.compile(lambda y: y)(kept[0])


def test_shapes_that_do_not_fit():
    with pytest.raises(
        graphc.ShapeError, match=r"^operands could not be broadcast together with shapes \(2\) \(3\)"
    ):
        graphc.compile(lambda x, y: x + y)(np.ones(2), np.ones(3))


# ---- changes of arguments


def test_updates_of_arguments_that_the_caller_would_not_see_are_refused(backend):
    def assign(params, x):
        params["w"] = params["w"] + x

    def remove(params, x):
        return params.pop("w") * x

    text = "argument params['w'] was assigned inside the function, and the caller would not see it"
    remedy = "\n  Return the new value, or the changed object, from the function."
    with raises_exactly(graphc.TraceError, text + remedy):
        graphc.compile(assign, backend=backend)({"w": np.ones(2)}, 1.0)
    with raises_exactly(graphc.TraceError, text + remedy):
        graphc.grad(lambda params: assign(params, 1.0) or 2 * params["w"])({"w": 1.0})
    with raises_exactly(
        graphc.TraceError,
        "the arguments were changed from (({'w': *}, *), {}) to (({}, *), {}) inside the function, "
        "and the caller would not see it" + remedy,
    ):
        graphc.compile(remove, backend=backend)({"w": np.ones(2)}, 1.0)


def test_an_updated_argument_may_be_returned(backend):
    def assign(params, x):
        params["w"] = params["w"] + x
        return params

    assert graphc.compile(assign, backend=backend)({"w": 1.0}, 2.0) == {"w": 3.0}


# ---- checks="nan"


def test_the_operation_that_made_a_nan_is_named(backend):
    @graphc.compile(backend=backend, checks="nan")
    def f(x):
        y = np.log(x)
        return np.sum(y * 2)

    assert f(np.ones(3)) == 0.0
    with pytest.raises(FloatingPointError) as caught:
        f(np.array([1.0, -1.0, 2.0]))
    lines = str(caught.value).split("\n")
    assert lines[:2] == ["log in f gave nan in 1 of 3 elements", "  operand f64[3]: from -1.0 to 2.0"]
    assert re.fullmatch(r"  at test_arguments.py:\d+", lines[2])
    with raises_exactly(FloatingPointError, "argument x of f is not finite: inf in 1 of 2 elements"):
        f(np.array([1.0, np.inf]))


def test_infinities_that_do_not_reach_a_result_are_no_error(backend):
    g = graphc.compile(lambda x: np.exp(np.where(x > 0, x, -np.inf)), backend=backend, checks="nan")
    assert np.array_equal(g(np.array([0.0, -1.0])), [0, 0])


def test_without_checks_nan_is_a_value(backend):
    assert np.isnan(graphc.compile(lambda x: np.log(x), backend=backend)(-1.0))


@pytest.mark.parametrize("function", [np.sum, np.prod, np.max, np.min], ids=lambda f: f.__name__)
def test_a_reduction_of_a_0d_array_is_a_numpy_scalar(function):
    x = np.array(3.0)
    result = graphc.compile(lambda x: function(x))(x)
    assert type(result) is type(function(x)) is np.float64
    assert result == 3.0
