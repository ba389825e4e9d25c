"""The memory plan: values alive at the same time never overlap."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import graphc
from graphc.ir.dims import evaluate, symbol
from graphc.lower.kernel_ir import Buffer
from graphc.lower.memory import plan

F64 = np.dtype(float)
lifetimes = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 300), st.integers(3000, 20000)),
        st.booleans(),
        st.integers(0, 9),
        st.integers(0, 9),
    ),
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
        assert start % (4096 if _is_large(buffer) else 64) == 0
        assert end <= evaluate(made.size, {"N": n})
        for other_start, other_end, f, l in places:
            if first <= l and f <= last:
                assert end <= other_start or other_end <= start
        places.append((start, end, first, last))


def _is_large(buffer):
    return isinstance(buffer.size, int) and 8 * buffer.size >= 8 * 4096


def test_buffers_that_never_meet_share_memory():
    uses = [(Buffer(f"t{i}", F64, 1000, "arena"), i, i + 1) for i in range(0, 20, 2)]
    assert plan(uses).size < 2 * 8192


def test_what_a_kernel_calls_by_two_names_lies_in_two_places():
    """In one kernel only buffers that say so share memory: the others are promised not to meet."""

    def f(x, w):
        def step(c, v):
            a = np.tanh(w @ c + v)
            b = np.exp(a) @ w
            d = np.sin(b + np.cumsum(a))
            return np.sort(d) @ w, np.cumsum(d)

        return graphc.scan(step, np.ones(600), x)

    plan = graphc.compile(f).lower("f64[5, 600]", "f64[600, 600]").kernels
    places = plan.arena.offsets
    for kernel in plan.kernels:
        for a, b in itertools.combinations([b for b in kernel.buffers if b in places], 2):
            ends = [places[x] + x.size * x.dtype.itemsize for x in (a, b)]
            meet = places[a] < ends[1] and places[b] < ends[0]
            assert not meet or (a.shared and b.shared), (a.name, b.name)
    assert any(b.shared for kernel in plan.kernels for b in kernel.buffers)
