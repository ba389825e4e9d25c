"""Which values share a kernel, and what reaches memory."""

import numpy as np
import pytest

import graphc
from graphc.lower import kernel_ir as k
from graphc.lower.printer import format_kernel

X = np.ones((64, 48), np.float32)
ROW = np.ones(48, np.float32)


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def layernorm(x, g, b):
    d = x - np.mean(x, axis=1, keepdims=True)
    return d / np.sqrt(np.mean(d * d, axis=1, keepdims=True) + 1e-5) * g + b


def chain(x):
    y = np.tanh(x) * x
    return np.sqrt(y * y + 1) + x


def kernels(function, *args, **options):
    return graphc.compile(function, threads=1, **options).lower(*args).kernels.kernels


def statements(kernel):
    return list(k.statements(list(kernel.body)))


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (softmax, [X]),
        (lambda x, w: graphc.grad(lambda x: np.sum(softmax(x) * w))(x), [X, X]),
        (layernorm, [X, ROW, ROW]),
        (
            lambda x, g, b, w: graphc.grad(lambda *a: np.sum(layernorm(*a) * w), argnums=(0, 1, 2))(x, g, b),
            [X, ROW, ROW, X],
        ),
        (chain, [X]),
        (lambda x: graphc.value_and_grad(lambda x: np.sum(chain(x)))(x), [X]),
    ],
    ids=["softmax", "softmax gradient", "layernorm", "layernorm gradient", "chain", "chain gradient"],
)
def test_a_row_operation_and_its_gradient_are_one_kernel(function, args):
    assert len(kernels(function, *args)) == 1


def test_bias_and_activation_run_on_the_finished_tile_of_a_product():
    (kernel,) = kernels(
        lambda x, w, b: np.maximum(x @ w + b, 0), X, np.ones((48, 32), np.float32), np.ones(32, "f")
    )
    (product,) = [s for s in statements(kernel) if isinstance(s, k.Matmul)]
    assert {s.op for s in product.body if isinstance(s, k.Let)} == {"add", "maximum"}
    assert [b.space for b in kernel.buffers].count("arena") == 0


def test_transposes_are_strides_of_the_product():
    (kernel,) = kernels(lambda x, w: x.T @ w.T, X, np.ones((32, 64), np.float32))
    (product,) = [s for s in statements(kernel) if isinstance(s, k.Matmul)]
    assert sorted([product.left.strides, product.right.strides]) == [(1, 48), (1, 64)]


def test_intermediates_of_one_kernel_stay_in_registers():
    (kernel,) = kernels(chain, X)
    assert [b.space for b in kernel.buffers] == ["input", "output"]


def test_elementwise_loops_over_contiguous_arrays_are_one_dimensional():
    (kernel,) = kernels(chain, X)
    loops = [s for s in statements(kernel) if isinstance(s, k.Loop)]
    assert [loop.axis.extent for loop in loops] == [64 * 48]


def test_an_invariant_of_the_row_is_computed_once_a_row():
    (kernel,) = kernels(lambda x, v: x * (v * v + 1)[:, None], X, np.ones(64, np.float32))
    outer = next(s for s in kernel.body if isinstance(s, k.Loop))
    assert "square" in [s.op for s in outer.body if isinstance(s, k.Let)]


def test_equal_kernels_have_equal_canonical_texts():
    def layers(x, w):
        for _ in range(3):
            x = softmax(x) @ w
        return x

    texts = [format_kernel(kernel, canonical=True) for kernel in kernels(layers, X, np.eye(48, dtype="f"))]
    assert len(set(texts)) < len(texts)


def test_small_work_is_not_divided_and_large_work_is():
    def parallel(n):
        x = np.ones((n, 64), np.float32)
        return [s for s in statements(kernels(chain, x)[0]) if isinstance(s, k.Loop) and s.kind == "parallel"]

    assert not parallel(8)
    assert [loop.axis.extent for loop in parallel(1000)] == [14]
    assert [loop.axis.extent for loop in parallel(100_000)] == [64]
