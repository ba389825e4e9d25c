"""The memory plan: values alive at the same time never overlap."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphc.ir.dims import evaluate, symbol
from graphc.lower.kernel_ir import Buffer
from graphc.lower.memory import plan

F64 = np.dtype(float)
lifetimes = st.lists(
    st.tuples(st.integers(0, 300), st.booleans(), st.integers(0, 9), st.integers(0, 9)),
    min_size=1,
    max_size=30,
)


@given(lifetimes, st.integers(1, 50))
def test_buffers_alive_together_are_disjoint_aligned_and_inside(items, n):
    uses = []
    for i, (size, symbolic, a, b) in enumerate(items):
        dim = symbol("N") * size + 1 if symbolic and size else size
        uses.append((Buffer(f"t{i}", F64, dim, "arena"), min(a, b), max(a, b)))
    made = plan(uses)
    places = []
    for buffer, first, last in uses:
        start = evaluate(made.offsets[buffer], {"N": n})
        end = start + 8 * evaluate(buffer.size, {"N": n})
        assert start % 64 == 0
        assert end <= evaluate(made.size, {"N": n})
        for other_start, other_end, f, l in places:
            if first <= l and f <= last:
                assert end <= other_start or other_end <= start
        places.append((start, end, first, last))


def test_buffers_that_never_meet_share_memory():
    uses = [(Buffer(f"t{i}", F64, 1000, "arena"), i, i + 1) for i in range(0, 20, 2)]
    assert plan(uses).size < 2 * 8192
