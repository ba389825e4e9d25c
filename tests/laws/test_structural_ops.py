"""Laws of every op that is not elementwise: its type, its gradient, and the gradient of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from graphc.autodiff.reverse import gradient
from graphc.errors import GraphcError
from graphc.ir.graph import AbstractOp
from graphc.ir.interpret import interpret
from graphc.ir.parser import registered_ops
from graphc.ir.types import ArrayType, TupleType, type_of
from graphc.ops.barrier import Barrier
from graphc.ops.base import AbstractElementwise, apply
from graphc.ops.cast import Cast
from graphc.ops.contract import Contract
from graphc.ops.convergence import Converged
from graphc.ops.cumulative import CumMax, CumMin, CumProd, CumSum, LinearRecurrence
from graphc.ops.fourier import Fourier, RealFourier, RealFourierTransposed
from graphc.ops.gather import Gather, ScatterAdd, ScatterSet
from graphc.ops.leaf import Const, Iota, Size, Unset
from graphc.ops.linalg import LU, QR, SVD, Cholesky, Eigh, TriangularSolve
from graphc.ops.norm import Norm
from graphc.ops.reduce import All, Any_, ArgMax, ArgMin, Max, Min, Prod, Sum, Supremum
from graphc.ops.sort import ArgSort, SearchSorted, Sort
from graphc.ops.view import BroadcastTo, Concatenate, Pad, Reshape, Slice, Transpose
from graphc.trace.function import Abstract, trace

RNG = np.random.default_rng(2)
X = RNG.normal(size=(3, 4))
CUBE = RNG.normal(size=(2, 3, 4))
MATRICES = RNG.normal(size=(2, 3, 3))
WELL = MATRICES @ MATRICES.swapaxes(-1, -2) + np.eye(3)
ZERO_FACTORS = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0], [1.5, 2.5, -1.0]])
POSITIONS = np.array([2, 0, 2])
I64 = np.dtype(np.int64)
F64 = np.dtype(np.float64)


@dataclass(frozen=True, eq=False)
class Case:
    """An op, operands, and how to read its results and move its operands so that it is smooth."""

    op: AbstractOp
    args: tuple[Any, ...]
    symmetric: bool = field(default=False)  # the operand is a symmetric matrix: move it as one


CASES = {
    "sum": Case(Sum((0, 2)), (CUBE,)),
    "sum_integers": Case(Sum((0,)), (np.arange(6).reshape(2, 3),)),
    "prod": Case(Prod((1,)), (X,)),
    "prod_axes": Case(Prod((0, 2)), (CUBE,)),
    "prod_with_zeros": Case(Prod((1,)), (ZERO_FACTORS,)),
    "max": Case(Max((0,)), (X,)),
    "supremum": Case(Supremum((1,)), (X,)),
    "min": Case(Min((0, 1)), (X,)),
    "norm": Case(Norm((1,)), (X,)),
    "norm_axes": Case(Norm((0, 2)), (CUBE,)),
    "all": Case(All((0,)), (X > 0,)),
    "any": Case(Any_((1,)), (X > 0,)),
    "argmax": Case(ArgMax(0), (X,)),
    "argmin": Case(ArgMin(1), (X,)),
    "broadcast_to": Case(BroadcastTo((2, 3, 4)), (X[:, :1],)),
    "reshape": Case(Reshape((2, 6)), (X,)),
    "transpose": Case(Transpose((1, 2, 0)), (CUBE,)),
    "slice": Case(Slice((2, 0), (2, 2), (-1, 3)), (X,)),
    "pad": Case(Pad((1, 6), (5, 8), (1, -2)), (X,)),
    "barrier": Case(Barrier(), (X, POSITIONS)),
    "converged": Case(Converged("it did", "wait"), (X, np.array(True), np.float32(1e-9), np.array(3))),
    "concatenate": Case(Concatenate(1), (X, X[:, :1], X[:, 1:])),
    "cast": Case(Cast(F64), (X,)),
    "cast_to_integers": Case(Cast(I64), (X,)),
    "contract": Case(Contract((0, 1, 2), (2, 3), (1, 0, 3)), (CUBE, X.T)),
    "contract_batch": Case(Contract((0, 1, 2), (0, 2), (0, 1)), (CUBE, CUBE[:, 0])),
    "contract_outer": Case(Contract((0,), (1,), (1, 0)), (X[0], X[1])),
    "gather": Case(Gather((0,)), (X, POSITIONS)),
    "gather_two_axes": Case(Gather((0, 2)), (CUBE, POSITIONS % 2, POSITIONS)),
    "scatter_add": Case(ScatterAdd((1,)), (X, RNG.normal(size=(3, 3)), POSITIONS)),
    "scatter_set": Case(ScatterSet((0,)), (X, RNG.normal(size=(3, 4)), POSITIONS)),
    "scatter_set_two_axes": Case(ScatterSet((0, 1)), (X, RNG.normal(size=3), POSITIONS, POSITIONS)),
    "cumsum": Case(CumSum(1), (X,)),
    "cumsum_reverse": Case(CumSum(0, True), (X,)),
    "cummax": Case(CumMax(1), (CUBE,)),
    "cummin": Case(CumMin(0), (X,)),
    "cummax_integers": Case(CumMax(0), (np.array([3, 1, 4, 1, 5]),)),
    "cumprod": Case(CumProd(1), (X,)),
    "cumprod_reverse": Case(CumProd(0, True), (X,)),
    "cumprod_with_zeros": Case(CumProd(1), (ZERO_FACTORS,)),
    "linear_recurrence": Case(LinearRecurrence(0), (X, X * 2 + 1)),
    "linear_recurrence_reverse": Case(LinearRecurrence(1, True), (X, X * 2 + 1)),
    "sort": Case(Sort(0), (X,)),
    "argsort": Case(ArgSort(1), (X,)),
    "searchsorted": Case(SearchSorted(True), (np.arange(4.0), X)),
    "cholesky": Case(Cholesky(), (WELL,), symmetric=True),
    "eigh": Case(Eigh(), (WELL,), symmetric=True),
    "lu": Case(LU(), (MATRICES,)),
    "qr": Case(QR(), (CUBE.swapaxes(1, 2),)),
    "qr_wide": Case(QR(), (CUBE,)),
    "svd": Case(SVD(), (CUBE,)),
    **{
        f"triangular_solve_{lower}_{turned}_{unit}": Case(
            TriangularSolve(lower, turned, unit), (MATRICES + 2 * np.eye(3), RNG.normal(size=(2, 3, 2)))
        )
        for lower in (False, True)
        for turned in (False, True)
        for unit in (False, True)
    },
    "fourier": Case(Fourier(1), (X, X[::-1] * 2)),
    "fourier_inverse": Case(Fourier(1, True), (CUBE, CUBE[:, ::-1])),
    "real_fourier": Case(RealFourier(0), (CUBE.reshape(6, 4),)),
    "real_fourier_odd": Case(RealFourier(1), (CUBE,)),
    "real_fourier_transposed": Case(RealFourierTransposed(1, 6), (X, X[::-1] + 1)),
    "real_fourier_transposed_odd": Case(RealFourierTransposed(0, 5), (X, X[::-1] + 1)),
    "const": Case(Const.of(X), ()),
    "iota": Case(Iota(I64, (2, 3), 1), ()),
    "size": Case(Size(3), ()),
    "unset": Case(Unset(ArrayType(F64, (2, 3))), ()),
}
COVERED_ELSEWHERE = {"input", "item", "stop_gradient"}


def results(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def floating(case: Case) -> list[int]:
    return [i for i, a in enumerate(case.args) if a.dtype == np.float64]


def smooth(case: Case) -> bool:
    values = results(case.op.evaluate(*case.args))
    return bool(floating(case)) and any(v.dtype == np.float64 for v in values)


def weights(case: Case) -> list[Any]:
    rng = np.random.default_rng(9)
    return [
        rng.normal(size=v.shape) if v.dtype.kind == "f" else None
        for v in results(case.op.evaluate(*case.args))
    ]


def weighted(case: Case, args: list[Any]) -> Any:
    values = results(case.op.evaluate(*args))
    return sum(np.sum(w * v) for w, v in zip(weights(case), values, strict=True) if w is not None)


def moved(case: Case, i: int, step: float) -> list[Any]:
    """The operands, the i-th moved by `step` along its direction."""
    args = list(case.args)
    args[i] = args[i] + step * direction(case, i)
    return args


def direction(case: Case, i: int) -> Any:
    d = np.random.default_rng(4 + i).normal(size=case.args[i].shape)
    return d + d.swapaxes(-1, -2) if case.symmetric else d


def test_every_op_that_is_not_elementwise_has_a_case() -> None:
    structural = {
        name
        for name, op in registered_ops().items()
        if not issubclass(op, AbstractElementwise) and op.__module__.split(".")[-1] in MODULES
    }
    assert structural - {case.op.name for case in CASES.values()} <= COVERED_ELSEWHERE


MODULES = (
    "reduce",
    "norm",
    "view",
    "contract",
    "cast",
    "gather",
    "cumulative",
    "sort",
    "linalg",
    "leaf",
    "barrier",
    "convergence",
    "fourier",
)


@pytest.mark.parametrize("name", CASES)
def test_the_inferred_type_is_that_of_the_value(name: str) -> None:
    case = CASES[name]
    inferred = case.op.infer(*(type_of(a) for a in case.args))
    types = inferred.elements if isinstance(inferred, TupleType) else (inferred,)
    assert types == tuple(type_of(np.asarray(v)) for v in results(case.op.evaluate(*case.args)))


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if smooth(c)])
def test_the_gradient_rule_on_arrays_is_the_transposed_derivative(name: str) -> None:
    case = CASES[name]
    values = case.op.evaluate(*case.args)
    g = tuple(
        np.zeros_like(v) if w is None else w for v, w in zip(results(values), weights(case), strict=True)
    )
    cotangents = case.op.vjp(g if isinstance(values, tuple) else g[0], values, *case.args)
    assert len(cotangents) == len(case.args)
    for i in floating(case):
        ahead, behind = (weighted(case, moved(case, i, s)) for s in (1e-6, -1e-6))
        assert cotangents[i].shape == case.args[i].shape
        np.testing.assert_allclose(
            np.sum(cotangents[i] * direction(case, i)), (ahead - behind) / 2e-6, rtol=2e-6, atol=1e-7
        )


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if smooth(c) and not n.startswith("argsort")])
def test_the_gradient_of_the_gradient_is_right(name: str) -> None:
    case = CASES[name]
    wrt = floating(case)

    def loss(*args: Any) -> list[Any]:
        values = results(apply(case.op, *args))
        return [sum(np.sum(np.sin(v)) for v in values if v.dtype.kind == "f")]

    first = gradient(trace(loss, [Abstract(type_of(a)) for a in case.args]).graph, wrt)

    def slope(args: list[Any]) -> float:
        return sum(
            np.sum(g * direction(case, i)) for i, g in zip(wrt, interpret(first, *args)[1:], strict=True)
        )

    from graphc.trace.function import call_graph

    def directional(*args: Any) -> list[Any]:
        gradients = call_graph(first, args)[1:]
        return [sum(np.sum(g * Dense(direction(case, i))) for i, g in zip(wrt, gradients, strict=True))]

    second = gradient(trace(directional, [Abstract(type_of(a)) for a in case.args]).graph, wrt)
    found = interpret(second, *case.args)[1:]
    for i, h in zip(wrt, found, strict=True):
        numeric = (slope(moved(case, i, 1e-5)) - slope(moved(case, i, -1e-5))) / 2e-5
        np.testing.assert_allclose(np.sum(h * direction(case, i)), numeric, rtol=2e-5, atol=2e-6)


def Dense(value: Any) -> Any:
    """A traced constant, so that the test's directions are no captured inputs."""
    from graphc.trace.numpy_functions.arguments import constant

    return constant(value)


BAD = [
    (Sum((1, 0)), "f64[2, 3]"),
    (Max((0,)), "f64[0]"),
    (BroadcastTo((4,)), "f64[3]"),
    (Reshape((4,)), "f64[3]"),
    (Transpose((0, 0)), "f64[2, 2]"),
    (Slice((1,), (3,), (1,)), "f64[3]"),
    (Pad((0,), (2,), (1,)), "f64[3]"),
    (Concatenate(0), "f64[2, 3] f64[2, 4]"),
    (Contract((0, 1), (1,), (0,)), "f64[2, 3] f64[4]"),
    (Contract((0, 1), (1,), (0,)), "f64[2, 3] f32[3]"),
    (Gather((0,)), "f64[3] f64[2]"),
    (ScatterAdd((0,)), "f64[3] f64[2] i64[3]"),
    (CumSum(1), "f64[3]"),
    (Sort(1), "f64[3]"),
    (SearchSorted(False), "f64[2, 2] f64[3]"),
    (Cholesky(), "f64[2, 3]"),
    (LU(), "i64[2, 2]"),
    (TriangularSolve(True, False, False), "f64[2, 2] f64[3, 1]"),
    (LinearRecurrence(0), "f64[2] f64[3]"),
    (Fourier(0), "f64[4] f64[5]"),
    (Fourier(0), "i64[4] i64[4]"),
    (Fourier(0), "f64[N] f64[N]"),
    (RealFourier(0), "f64[0, 3]"),
    (RealFourierTransposed(0, 6), "f64[3] f64[3]"),
]


@pytest.mark.parametrize(("op", "types"), BAD)
def test_operands_that_do_not_fit_are_refused(op: AbstractOp, types: str) -> None:
    from graphc.ir.types import parse_type

    operands: list[ArrayType] = [
        parse_type(t + "]" if "[" in t else t) for t in types.replace("] ", "|").rstrip("]").split("|")
    ]
    with pytest.raises(GraphcError):
        op.infer(*operands)
