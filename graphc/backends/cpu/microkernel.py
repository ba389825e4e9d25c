"""The register tile of a matrix product: acc[i][j] += A[i, k] · B[k, vector j], then its epilogue.

Scalars of A are broadcast, vectors of B are loaded, and every element of C is one chain of fused
multiply-adds in ascending k, or the sum of one chain for each block of kc steps where k is long. Its
value therefore does not depend on tile shapes or threads
(Goto and van de Geijn 2008; Van Zee and van de Geijn 2015 for the loops around it).
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from graphc.backends.cpu.index import Index, minus, plus, times
from graphc.backends.cpu.llvm import I1, I64, PTR, Code, i64
from graphc.dataclass import dataclass


@dataclass
class Tile:
    """One finished vector of C, given to an epilogue: C[row, column + lane] for lane < lanes.

    If it goes `down`, it is C[row + lane, column].
    """

    row: ir.Value
    column: ir.Value
    value: ir.Value
    lanes: int
    mask: ir.Value | None
    context: ir.Value
    down: bool = False


Epilogue = Callable[[Code, Tile], None]


@dataclass(frozen=True)
class Kernel:
    """A variant of the microkernel.

    tail: valid lanes of the last vector (`lanes` where full, None where the argument `columns` gives them).
    Strides: ints, or None for run-time arguments. depth: k where constant.
    blocked: sums may enter and leave through memory, `partial_stride` elements between rows.
    inline: the epilogue is written into this kernel once per vector, else shared by all kernels.
    """

    element: ir.Type
    lanes: int
    rows: int
    vectors: int
    tail: int | None
    a_strides: tuple[int | None, int | None]
    b_stride: int | None
    depth: int | None
    blocked: bool
    partial_stride: int
    inline: bool

    def arguments(self) -> dict[str, ir.Type]:
        """The names and types of the function's parameters, in order."""
        names: dict[str, ir.Type] = {"a": PTR, "b": PTR, "context": PTR, "row": I64, "column": I64}
        run_time = {
            "depth": self.depth is None,
            "a_row": self.a_strides[0] is None,
            "a_step": self.a_strides[1] is None,
            "b_step": self.b_stride is None,
            "columns": self.tail is None,
        }
        names |= {name: I64 for name, needed in run_time.items() if needed}
        if self.blocked:
            names |= {"partial": PTR, "first": I1, "last": I1}
        return names


def emit_kernel(
    module: ir.Module, name: str, kernel: Kernel, epilogue: Epilogue, finish: Callable[[], ir.Function]
) -> ir.Function:
    """Defines `void name(kernel.arguments())`; `finish` gives the shared epilogue function."""
    types = kernel.arguments()
    code = Code(module, name, list(types.values()), internal=True)
    arguments: dict[str, ir.Value] = dict(zip(types, code.args, strict=True))
    zero = ir.Constant(ir.VectorType(kernel.element, kernel.lanes), None)
    sums: list[ir.Value] = [zero] * (kernel.rows * kernel.vectors)
    sums = _accumulate(code, kernel, arguments, sums)
    if kernel.blocked:
        # Blocks are summed on their own and then added: the error grows with kc and k / kc, not with k.
        later = code.select(arguments["first"], i64(0), i64(1))
        sums = code.loop(later, lambda _, *s: _plus_partial(code, kernel, arguments, s), sums, name="resume")

    def complete() -> None:
        if kernel.inline:
            _epilogue_inline(code, kernel, arguments, sums, epilogue)
        else:
            _epilogue_shared(code, kernel, arguments, sums, finish())

    if kernel.blocked:
        code.when(arguments["last"], complete)
        code.when(code.b.not_(arguments["last"]), lambda: _store_partial(code, kernel, arguments, sums))
    else:
        complete()
    code.ret()
    return code.function


def _accumulate(
    code: Code, kernel: Kernel, arguments: dict[str, ir.Value], sums: list[ir.Value]
) -> list[ir.Value]:
    element = kernel.element
    a_row = _known_or(kernel.a_strides[0], arguments, "a_row")
    a_step = _known_or(kernel.a_strides[1], arguments, "a_step")
    b_step = _known_or(kernel.b_stride, arguments, "b_step")
    rows = [times(code, a_row, i) for i in range(kernel.rows)]
    masks = tile_masks(code, kernel, arguments)

    def step(_: ir.Value, a: ir.Value, b: ir.Value, *acc: ir.Value) -> list[ir.Value]:
        out = list(acc)
        vectors = [
            code.load(code.at(b, element, j * kernel.lanes), element, kernel.lanes, masks[j])
            for j in range(kernel.vectors)
        ]
        for i, offset in enumerate(rows):
            scalar = code.splat(code.load(code.at(a, element, offset), element), kernel.lanes)
            for j, vector in enumerate(vectors):
                out[i * kernel.vectors + j] = code.fma(scalar, vector, out[i * kernel.vectors + j])
        return [code.at(a, element, a_step), code.at(b, element, b_step), *out]

    state = [arguments["a"], arguments["b"], *sums]
    if kernel.depth is not None and kernel.depth <= 4:
        for _ in range(kernel.depth):
            state = step(i64(0), *state)
    else:
        state = code.loop(_known_or(kernel.depth, arguments, "depth"), step, state, name="depth")
    return state[2:]


def tile_masks(code: Code, kernel: Kernel, arguments: dict[str, ir.Value]) -> list[ir.Value | None]:
    """The mask of each vector of the tile: only the last one can be partial."""
    masks: list[ir.Value | None] = [None] * kernel.vectors
    if kernel.tail is None:
        last = minus(code, arguments["columns"], (kernel.vectors - 1) * kernel.lanes)
        masks[-1] = code.mask_first(last, kernel.lanes)
    elif kernel.tail < kernel.lanes:
        masks[-1] = code.mask_first(kernel.tail, kernel.lanes)
    return masks


def _epilogue_inline(
    code: Code, kernel: Kernel, arguments: dict[str, ir.Value], sums: list[ir.Value], epilogue: Epilogue
) -> None:
    masks = tile_masks(code, kernel, arguments)
    for i in range(kernel.rows):
        row = i64(plus(code, arguments["row"], i))
        for j in range(kernel.vectors):
            column = i64(plus(code, arguments["column"], j * kernel.lanes))
            value = sums[i * kernel.vectors + j]
            epilogue(code, Tile(row, column, value, kernel.lanes, masks[j], arguments["context"]))


def _epilogue_shared(
    code: Code, kernel: Kernel, arguments: dict[str, ir.Value], sums: list[ir.Value], finish: ir.Function
) -> None:
    tile = code.scratch(kernel.element, kernel.rows * kernel.vectors * kernel.lanes)
    for index, value in enumerate(sums):
        code.store(value, code.at(tile, kernel.element, index * kernel.lanes))
    columns: Index = (kernel.vectors - 1) * kernel.lanes + (kernel.tail or 0)
    if kernel.tail is None:
        columns = arguments["columns"]
    place = [tile, arguments["context"], arguments["row"], arguments["column"]]
    sizes = [i64(kernel.rows), i64(columns), i64(kernel.vectors * kernel.lanes)]
    code.b.call(finish, [*place, *sizes])


def emit_finish(
    module: ir.Module, name: str, element: ir.Type, lanes: int, epilogue: Epilogue
) -> ir.Function:
    """Defines `void name(tile, context, row, column, rows, columns, stride)`: the epilogue over a tile."""
    code = Code(module, name, [PTR, PTR, I64, I64, I64, I64, I64], internal=True)
    tile, context, row, column, rows, columns, stride = code.args

    def one(i: ir.Value, j: ir.Value, mask: ir.Value | None) -> None:
        value = code.load(code.at(tile, element, times(code, i, stride), j), element, lanes)
        at_row, at_column = plus(code, row, i), plus(code, column, j)
        epilogue(code, Tile(i64(at_row), i64(at_column), value, lanes, mask, context))

    def single(i: ir.Value, j: ir.Value) -> None:
        value = code.load(code.at(tile, element, times(code, i, stride), j), element)
        epilogue(code, Tile(i64(plus(code, row, i)), i64(plus(code, column, j)), value, 1, None, context))

    def each_row(i: ir.Value) -> None:
        full = code.b.sub(columns, code.b.urem(columns, i64(lanes)))
        code.loop(full, lambda j: one(i, j, None), step=lanes, name="vectors")
        if not code.masks:
            code.loop(columns, lambda j: single(i, j), start=full, name="single")
            return
        rest = code.b.sub(columns, full)
        code.when(code.compare(">", rest, i64(0)), lambda: one(i, full, code.mask_first(rest, lanes)))

    code.loop(rows, each_row, name="rows")
    code.ret()
    return code.function


def _plus_partial(
    code: Code, kernel: Kernel, arguments: dict[str, ir.Value], sums: tuple[ir.Value, ...]
) -> list[ir.Value]:
    places = zip(
        _partial_pointers(code, kernel, arguments), _partial_masks(code, kernel, arguments), strict=True
    )
    return [
        code.add(code.load(pointer, kernel.element, kernel.lanes, mask), value)
        for (pointer, mask), value in zip(places, sums, strict=True)
    ]


def _store_partial(code: Code, kernel: Kernel, arguments: dict[str, ir.Value], sums: list[ir.Value]) -> None:
    places = zip(
        _partial_pointers(code, kernel, arguments), _partial_masks(code, kernel, arguments), strict=True
    )
    for value, (pointer, mask) in zip(sums, places, strict=True):
        code.store(value, pointer, mask)


def _partial_masks(code: Code, kernel: Kernel, arguments: dict[str, ir.Value]) -> list[ir.Value | None]:
    """No masks where sums lie in whole vectors; those of single columns must not touch their neighbours."""
    masks = [None] * kernel.vectors if code.masks else tile_masks(code, kernel, arguments)
    return masks * kernel.rows


def _partial_pointers(code: Code, kernel: Kernel, arguments: dict[str, ir.Value]) -> list[ir.Value]:
    return [
        code.at(arguments["partial"], kernel.element, i * kernel.partial_stride + j * kernel.lanes)
        for i in range(kernel.rows)
        for j in range(kernel.vectors)
    ]


def _known_or(value: int | None, arguments: dict[str, ir.Value], name: str) -> Index:
    return value if value is not None else arguments[name]
