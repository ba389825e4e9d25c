"""Laws of patterns and colourings: no entry is missed, and each can be read by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import assume, given
from hypothesis import strategies as st

from graphc.autodiff.colouring import column_colours, star_colours, symmetric_places
from graphc.autodiff.forward import pushforward
from graphc.autodiff.sparsity import jacobian_pattern
from graphc.errors import UnsupportedError
from graphc.ir.graph import Graph
from graphc.ir.interpret import interpret
from graphc.passes.pipeline import optimise
from tests.helpers import record
from tests.laws.random_programs import programs
from tests.laws.test_forward import LAWFUL
from tests.laws.test_random_transformations import ORDINARY, floating, smooth_outputs


def numeric_pattern(derived: Graph, arrays: list[Any], output: int) -> Any:
    """Where ∂output/∂(last input) is not zero, from one column at a time in the interpreter."""
    type_ = derived.inputs[-1].array_type
    columns = []
    for k in range(type_.size):  # type: ignore[arg-type]
        e = np.zeros(type_.size)  # type: ignore[arg-type]
        e[k] = 1
        columns.append(interpret(derived, *arrays, e.reshape(type_.shape))[output].ravel() != 0)  # type: ignore[arg-type]
    return (
        np.stack(columns, axis=1) if columns else np.zeros((derived.outputs[output].array_type.size, 0), bool)
    )


# Ops whose patterns are exact where no number happens to be zero.
EXACT = {
    "broadcast_to",
    "reshape",
    "transpose",
    "slice",
    "pad",
    "concatenate",
    "cast",
    "contract",
    "sum",
    "gather",
}


@pytest.mark.parametrize("name", LAWFUL)
def test_the_pattern_of_every_op_holds_all_entries(name: str) -> None:
    make, key = LAWFUL[name]
    graph, arrays, wrt = make(key)
    for i in wrt:
        derived = pushforward(graph, [i])
        known = {k: a for k, a in enumerate(arrays) if a.dtype.kind != "f"}
        simple = optimise(derived)
        for output in range(len(graph.outputs), len(derived.outputs)):
            pattern = jacobian_pattern(simple, len(arrays), output, known).toarray()
            entries = numeric_pattern(derived, arrays, output)
            assert pattern.shape == entries.shape and not np.any(entries & ~pattern)
            if key in EXACT or name.startswith("op "):
                assert pattern.sum() <= max(entries.sum(), entries.shape[0])


@ORDINARY
@given(programs(largest=20, dtypes=(np.float64,)))
def test_the_patterns_of_random_programs_hold_all_entries(program):
    graph = program.graph
    assume(floating(graph) and smooth_outputs(graph))
    i = floating(graph)[0]
    derived = pushforward(graph, [i])
    simple = optimise(derived)
    known = {k: a for k, a in enumerate(program.inputs) if a.dtype.kind != "f"}
    for output in range(len(graph.outputs), len(derived.outputs)):
        pattern = jacobian_pattern(simple, len(program.inputs), output, known).toarray()
        entries = numeric_pattern(derived, list(program.inputs), output)
        assert not np.any(entries & ~pattern)


def test_symbolic_sizes_have_no_pattern():
    derived = pushforward(record(np.sin, "f64[N]").graph, [0])
    with pytest.raises(UnsupportedError, match="the sparsity pattern of a program with the symbolic size N"):
        jacobian_pattern(derived, 1, 1, {})


patterns = st.builds(
    lambda m, n, density, seed: scipy.sparse.random_array(
        (m, n), density=density, rng=np.random.default_rng(seed), format="csr"
    ).astype(bool),
    st.integers(1, 25),
    st.integers(1, 25),
    st.floats(0.02, 0.5),
    st.integers(0, 10**6),
)


@given(patterns)
def test_columns_of_one_colour_share_no_row(pattern):
    colours = column_colours(pattern)
    dense = pattern.toarray()
    for colour in range(colours.max(initial=-1) + 1):
        assert dense[:, colours == colour].sum(axis=1).max() <= 1


@given(patterns)
def test_every_entry_of_a_symmetric_matrix_is_recovered_from_star_colours(pattern):
    n = min(pattern.shape)
    half = pattern[:n, :n]
    symmetric = (half + half.T).tocsr()
    symmetric.sort_indices()
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, n))
    matrix = np.where(symmetric.toarray(), values + values.T, 0.0)
    colours = star_colours(symmetric)
    compressed = np.stack([matrix[:, colours == c].sum(axis=1) for c in range(colours.max() + 1)])
    read = compressed[symmetric_places(symmetric, colours)]
    rows = np.repeat(np.arange(n), np.diff(symmetric.indptr))
    np.testing.assert_allclose(read, matrix[rows, symmetric.indices], rtol=1e-12)
    # No path of four vertices in two colours, by trying all of them.
    edges = [set(np.flatnonzero(row)) - {i} for i, row in enumerate(symmetric.toarray())]
    for a in range(n):
        for b in edges[a]:
            assert colours[a] != colours[b]
            for c in edges[b] - {a}:
                for d in edges[c] - {a, b}:
                    assert len({colours[a], colours[b], colours[c], colours[d]}) > 2


def test_known_numbers_of_colours():
    """A band of width 2k + 1 takes 2k + 1 columns; an arrow takes all columns, and a star of two colours."""
    band = scipy.sparse.diags_array([np.ones(40)] * 5, offsets=range(-2, 3), shape=(40, 40)).tocsr()
    assert column_colours(band).max() + 1 == 5
    arrow = np.eye(15, dtype=bool)
    arrow[0] = arrow[:, 0] = True
    arrow = scipy.sparse.csr_array(arrow)
    assert column_colours(arrow).max() + 1 == 15 and star_colours(arrow).max() + 1 == 2
