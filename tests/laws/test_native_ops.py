"""Machine code of every op gives what its NumPy definition gives, for sizes known and symbolic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from graphc.ir.graph import Item
from graphc.lower.opaque import OPAQUE
from graphc.lower.prepare import prepare
from graphc.lower.storage import is_pointwise
from graphc.ops.base import AbstractElementwise, AbstractReduction
from graphc.ops.contract import Contract
from graphc.ops.leaf import Const, Input
from graphc.ops.reduce import ArgMax, ArgMin
from graphc.ops.view import Concatenate
from tests.laws import native_samples as samples
from tests.laws.native_samples import (
    ELEMENTWISE,
    MARKERS,
    OPS,
    REDUCTIONS,
    UNIQUE,
    WITH_CORNERS,
    agree,
    graph_of,
)
from tests.laws.test_structural_ops import CASES
from tests.native import Native, run_native

INLINED = ("checkpoint", "custom_call", "closed", "fixed_point", "root")  # as these are; see tests/api
IN_LOOPS = ("unset", "scan", "switch", "while")  # compared with Python's loops in tests/control


def run(chosen: Iterable[samples.Sample]) -> None:
    for sample in chosen:
        program = Native(sample.graph)
        for arrays in sample.calls:
            agree(sample.graph, program, *arrays, ulps=sample.ulps)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_machine_code_is_the_definition(name: str) -> None:
    run([samples.elementwise(name)])


@pytest.mark.parametrize("name", WITH_CORNERS)
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_elementwise_machine_code_is_the_definition_at_corner_values(name: str, kind: str) -> None:
    run(samples.at_corners(name, kind))


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_over_all_axes_are_the_definition(name: str) -> None:
    run(samples.reductions(name))


@pytest.mark.parametrize("op", [ArgMax, ArgMin])
def test_positions_of_extrema_along_every_axis_are_the_definition(op: Any) -> None:
    run(samples.positions_of_extrema(op))


@pytest.mark.parametrize("name", ["sum", "prod", "all", "any"])
def test_reductions_of_nothing_are_the_identity(name: str) -> None:
    run(samples.reductions_of_nothing(name))


@pytest.mark.parametrize("name", UNIQUE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_structural_machine_code_is_the_definition(name: str, dtype: Any) -> None:
    run([samples.structural(name, dtype)])


def test_memory_that_is_not_set_is_memory_for_what_is() -> None:
    """Its elements mean nothing: a kernel writes where it is told to, and reads what was written."""
    run([samples.unset_memory()])


def test_leaves_are_their_values() -> None:
    run(samples.leaves())


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.bool_])
def test_views_move_every_dtype(dtype: Any) -> None:
    run(samples.views(dtype))


def test_parts_are_joined_along_every_axis_in_every_size() -> None:
    run(samples.joined())


def test_casts_between_all_dtypes_are_numpys() -> None:
    run(samples.casts())


@pytest.mark.parametrize("kind", ["f32", "f64", "i64", "bool"])
def test_products_over_any_labels_are_the_definition(kind: str) -> None:
    run(samples.products(kind))


def test_every_registered_op_has_a_kernel() -> None:
    """Leaves and views have no code of their own; all others are computed in some kind of kernel."""
    for name, op in OPS.items():
        if issubclass(op, AbstractElementwise | AbstractReduction | Contract | Input | Item | Concatenate):
            continue
        if name in (*MARKERS, *INLINED, *IN_LOOPS):
            continue
        case = next((c for c in CASES.values() if c.op.name == name), None)
        assert case is not None, f"{name} has no case"
        graph = prepare(graph_of(case.op, *((np.asarray(a).dtype, np.shape(a)) for a in case.args)))
        for node in graph:
            known = (
                type(node.op) in OPAQUE
                or is_pointwise(node)
                or isinstance(node.op, AbstractReduction | Input | Item | Const)
            )
            assert known, name


def test_stopping_a_gradient_changes_no_value() -> None:
    x = np.random.default_rng(5).random((3, 4))
    graph = graph_of(OPS["stop_gradient"](), (x.dtype, x.shape))
    np.testing.assert_array_equal(run_native(graph, x)[0], x)
