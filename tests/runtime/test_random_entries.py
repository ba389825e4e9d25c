"""For random signatures the native entry and the Python entry give the same answers."""

import random

import numpy as np
import pytest
from llvmlite import ir

from graphc.backends.cpu.llvm import I8, i64
from graphc.backends.signature import ArgSpec, Group, ResultSpec, Signature
from graphc.ir.dims import evaluate, parse_dim
from graphc.ir.types import DTYPE_NAMES, parse_type
from tests.runtime.entry_programs import MISSED, buffer, executable, missing

SIZES = {"N": 3, "M": 2}
NUMBERS = {"python float": "f64", "python int": "i64", "python bool": "bool"}


def random_type(draw, shape=None):
    dims = ["0", "1", "2", "5", "N", "M", "2*N+1", "N*M", "N//2", "(N+M)%4"]
    shape = shape if shape is not None else draw.choices(dims, k=draw.randrange(4))
    return parse_type(f"{draw.choice(list(DTYPE_NAMES))}[{', '.join(shape)}]")


def random_argument(draw, i):
    kind = draw.choice(["array"] * 4 + ["numpy scalar", *NUMBERS])
    if kind in NUMBERS:
        return ArgSpec(f"a{i}", kind, parse_type(NUMBERS[kind]))
    if kind == "numpy scalar":
        return ArgSpec(f"a{i}", kind, random_type(draw, ()))
    return ArgSpec(f"a{i}", kind, random_type(draw), draw.random() < 0.4)


def random_result(draw, args):
    donated = [i for i, arg in enumerate(args) if arg.donated]
    kind = draw.choice(["array"] * 4 + ["numpy scalar", "argument", "none", *NUMBERS])
    if donated and draw.random() < 0.3:
        return ResultSpec("updated argument", argument=draw.choice(donated))
    if kind in NUMBERS:
        return ResultSpec(kind, parse_type(NUMBERS[kind]))
    if kind == "argument":
        return ResultSpec(kind, argument=draw.randrange(len(args)))
    if kind == "none":
        return ResultSpec(kind)
    return ResultSpec(kind, random_type(draw, () if kind == "numpy scalar" else None))


def random_structure(draw, leaves):
    if len(leaves) == 1 and draw.random() < 0.7:
        return leaves[0]
    cut = draw.randrange(len(leaves) + 1)
    parts = [
        random_structure(draw, part) for part in (leaves[:cut], leaves[cut:]) if 0 < len(part) < len(leaves)
    ]
    parts = parts or list(leaves)
    return Group(draw.choice(["tuple", "list"]), (*parts, *draw.sample(leaves, k=draw.randrange(2))))


def random_signature(seed):
    draw = random.Random(seed)
    base = (ArgSpec("n", "array", parse_type("f32[N, M]")),)
    args = base + tuple(random_argument(draw, i) for i in range(draw.choice([0, 1, 3, 6, 25])))
    results = tuple(random_result(draw, args) for _ in range(draw.choice([1, 1, 2, 5, 25])))
    return Signature(
        f"random{seed}",
        args,
        results,
        symbols=("N", "M"),
        structure=random_structure(draw, list(range(len(results)))),
        arena=parse_dim(draw.choice(["0", "100", "9000", "64*N*M"])),
        errors=(("ValueError", "negative"),),
        long_running=draw.random() < 0.5,
    )


def shape_of(type_):
    return tuple(evaluate(dim, SIZES) for dim in type_.shape)


def fill_outputs(signature):
    """A program that sets every byte of output k to 1 + k % 2 (a truth value for bool: 1)."""

    def body(code):
        first = len(signature.args) + len(signature.captured)
        for k, result in enumerate(signature.written):
            type_ = result.type if result.type is not None else signature.args[result.argument].type
            count = type_.dtype.itemsize * int(np.prod(shape_of(type_), dtype=int))
            value = 1 if type_.dtype == np.bool_ else 1 + k % 2
            target = buffer(code, first + k)

            def fill(i: ir.Value, target=target, value=value) -> None:
                code.store(ir.Constant(I8, value), code.at(target, I8, i))

            code.loop(count, fill)
        return i64(0)

    return body


def random_values(signature):
    values = []
    for i, arg in enumerate(signature.args):
        array = np.full(shape_of(arg.type), i % 2, arg.type.dtype)
        values.append(
            {"array": array, "numpy scalar": array[()]}.get(
                arg.kind, array.item() if not array.shape else None
            )
        )
    return values


def same(a, b):
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray | np.generic):
        return type(a) is type(b) and a.dtype is b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("seed", range(30))
def test_both_entries_agree(seed):
    signature = random_signature(seed)
    compiled = [
        missing(executable(signature, fill_outputs(signature), native=native)) for native in (True, False)
    ]
    values = [random_values(signature) for _ in compiled]
    answers = [entry(*args) for entry, args in zip(compiled, values, strict=True)]
    assert same(*answers)
    assert same(*values)  # what was updated in place
    for position in range(len(signature.args)):
        for other in (None, 1j, np.zeros((7, 7, 7), np.float32)):
            args = [*values[0][:position], other, *values[0][position + 1 :]]
            assert all(entry(*args)[0] == MISSED for entry in compiled)
