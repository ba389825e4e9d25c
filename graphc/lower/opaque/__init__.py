"""Kernels of ops that are algorithms of their own, written in kernel IR. One family a module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from graphc.ir.graph import AbstractOp, Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.fourier.planned import Planned
from graphc.lower.opaque.convergence import converged
from graphc.lower.opaque.cumulative import cumulative, linear_recurrence
from graphc.lower.opaque.eigh import eigh
from graphc.lower.opaque.fourier import fourier
from graphc.lower.opaque.householder import qr
from graphc.lower.opaque.scatter import scatter
from graphc.lower.opaque.searching import searchsorted
from graphc.lower.opaque.sorting import argsort, sort
from graphc.lower.opaque.svd import svd
from graphc.lower.opaque.triangular import cholesky, lu, triangular_solve
from graphc.lower.writer import ErrorTable
from graphc.ops.convergence import Converged
from graphc.ops.cumulative import CumMax, CumMin, CumProd, CumSum, LinearRecurrence
from graphc.ops.gather import ScatterAdd, ScatterSet
from graphc.ops.linalg import LU, QR, SVD, Cholesky, Eigh, TriangularSolve
from graphc.ops.sort import ArgSort, SearchSorted, Sort

# (builder, node, operand buffers, result buffers, errors) -> scratch buffers the kernel needs
Emit: TypeAlias = Callable[
    [KernelBuilder, Node, Sequence[k.Buffer], Sequence[k.Buffer], ErrorTable], list[k.Buffer]
]

OPAQUE: dict[type[AbstractOp], Emit] = {
    ScatterAdd: scatter,
    ScatterSet: scatter,
    CumSum: cumulative,
    CumProd: cumulative,
    CumMax: cumulative,
    CumMin: cumulative,
    LinearRecurrence: linear_recurrence,
    Sort: sort,
    ArgSort: argsort,
    SearchSorted: searchsorted,
    Converged: converged,
    Cholesky: cholesky,
    LU: lu,
    TriangularSolve: triangular_solve,
    QR: qr,
    Eigh: eigh,
    SVD: svd,
    Planned: fourier,
}
