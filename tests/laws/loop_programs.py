"""Random NumPy functions with branches, loops and element writes, each a list of instructions.

`random_function(choose)` draws instructions; calling the function runs them on arrays, as Python does, or on
traced values. Values stay between -2 and 2, and every array has size `N` along all axes, so that any loop may
walk along any array.

    function = random_function(seeded(3))
    record(function, *function.arguments(4)).graph
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

import graphc
from graphc.trace.context import current
from tests.laws.random_programs import Choose

# Kinds of values: a number, a vector, a matrix; an integer, a truth value.
KINDS = {"s": 0, "v": 1, "m": 2}
Ref: TypeAlias = int


@dataclass
class Block:
    """Instructions on a list of values: parameters are its last ones at the start. `results` are refs."""

    parameters: tuple[str, ...]
    kinds: list[str]
    steps: list[Step] = field(default_factory=list)
    results: list[Ref] = field(default_factory=list)

    def run(self, outer: Sequence[Any], *given: Any) -> tuple[Any, ...]:
        values = [*outer, *given]
        for step in self.steps:
            values += step.make(values)
        return tuple(values[r] for r in self.results)

    def result_kinds(self) -> list[str]:
        return [self.kinds[r] for r in self.results]

    def lines(self, indent: str) -> list[str]:
        first = len(self.kinds) - sum(len(s.kinds) for s in self.steps) - len(self.parameters)
        found = [f"{indent}({', '.join(f'x{first + i}:{k}' for i, k in enumerate(self.parameters))})"]
        at = first + len(self.parameters)
        for step in self.steps:
            names = ", ".join(f"x{at + i}" for i in range(len(step.kinds)))
            at += len(step.kinds)
            found.append(f"{indent}  {names} = {step.text}")
            for block in step.blocks:
                found += block.lines(indent + "    ")
        return [*found, f"{indent}  return {', '.join(f'x{r}' for r in self.results)}"]


@dataclass
class Step:
    """One instruction: `make` gives its results, of these kinds."""

    text: str
    kinds: list[str]
    make: Callable[[Sequence[Any]], list[Any]]
    blocks: tuple[Block, ...] = ()


@dataclass
class Function:
    """A random function of a number, a vector, a matrix and an integer."""

    block: Block
    dtype: np.dtype

    def __call__(self, s: Any, v: Any, m: Any, i: Any) -> tuple[Any, ...]:
        return self.block.run((), s, v, m, i)

    def arguments(self, size: int, seed: int = 0) -> tuple[np.ndarray, ...]:
        random = np.random.default_rng(seed)
        made = [random.uniform(-1.5, 1.5, (size,) * n) for n in (0, 1, 2)]
        return (*(np.asarray(x, self.dtype) for x in made), np.asarray(random.integers(0, 4)))

    def types(self) -> tuple[str, ...]:
        """Types for every size at once."""
        name = "f64" if self.dtype == np.float64 else "f32"
        return f"{name}[]", f"{name}[N]", f"{name}[N, N]", "i64[]"

    def __repr__(self) -> str:
        return "\n".join(self.block.lines(""))


def random_function(choose: Choose, size: int = 8, dtype: Any = np.float64) -> Function:
    """A function of about `size` instructions, and more in its branches and loops."""
    block = Block(("s", "v", "m", "i"), ["s", "v", "m", "i"])
    writer = Writer(choose, block, depth=0)
    writer.fill(size)
    block.results = writer.several("svm", 1 + choose(3))
    return Function(block, np.dtype(dtype))


DEEPEST = 3


class Writer:
    """Adds random instructions to a block."""

    def __init__(self, choose: Choose, block: Block, depth: int) -> None:
        self.choose, self.block, self.depth = choose, block, depth

    def fill(self, count: int) -> None:
        simple = [self.unary, self.binary, self.binary, self.mixed, self.integer, self.truth, self.element]
        simple += [self.select, self.write, self.reduce]
        nested = [self.cond, self.switch, self.scan, self.scan, self.fori, self.whiles]
        for _ in range(count):
            deep = self.depth < DEEPEST and self.choose(3 + 2 * self.depth) == 0
            self.pick(nested if deep else simple)()

    # ---- choices

    def pick(self, items: Sequence[Any]) -> Any:
        return items[self.choose(len(items))]

    def find(self, kinds: str) -> Ref:
        """A value of one of these kinds, recent ones more often; a new one where there is none."""
        found = [r for r, kind in enumerate(self.block.kinds) if kind in kinds]
        if not found:
            return self.default(kinds[0])
        return self.pick(found[-3:]) if self.choose(2) else self.pick(found)

    def default(self, kind: str) -> Ref:
        if kind == "b":
            i = self.find("i")
            return self.add(f"x{i} > 1", "b", lambda x: x[i] > 1)
        raise AssertionError(kind)

    def several(self, kinds: str, count: int) -> list[Ref]:
        return [self.find(self.pick(kinds)) for _ in range(count)]

    def add(self, text: str, kind: str, make: Callable[[Sequence[Any]], Any]) -> Ref:
        return self.step(Step(text, [kind], lambda x: [make(x)]))

    def step(self, step: Step) -> Ref:
        self.block.steps.append(step)
        self.block.kinds += step.kinds
        return len(self.block.kinds) - 1

    def kind(self, ref: Ref) -> str:
        return self.block.kinds[ref]

    # ---- simple instructions

    def unary(self) -> None:
        a = self.find("svm")
        name, f = self.pick(UNARY)
        self.add(f"{name}(x{a})", self.kind(a), lambda x: f(x[a]))

    def binary(self) -> None:
        a, b = self.find("svm"), self.find("svm")
        name, f = self.pick(BINARY)
        kind = max(self.kind(a), self.kind(b), key=KINDS.__getitem__)
        self.add(f"{name}(x{a}, x{b})", kind, lambda x: f(x[a], x[b]))

    def mixed(self) -> None:
        """Integers among numbers."""
        a, i = self.find("svm"), self.find("i")
        self.add(f"x{a} * (x{i} % 3) / 2", self.kind(a), lambda x: (x[a] * (x[i] % 3) / 2).astype(x[a].dtype))

    def integer(self) -> None:
        a, b = self.find("i"), self.find("i")
        name, f = self.pick(INTEGER)
        self.add(f"{name}(x{a}, x{b})", "i", lambda x: f(x[a], x[b]))

    def truth(self) -> None:
        a, b = self.find("s"), self.find("s")
        if self.choose(2):
            i, n = self.find("i"), self.choose(4)
            self.add(f"x{i} > {n}", "b", lambda x: x[i] > n)
        else:
            self.add(f"x{a} > x{b} + 0.1357", "b", lambda x: x[a] > x[b] + 0.1357)

    def element(self) -> None:
        a, i = self.find("vm"), self.find("i")
        down = {"v": "s", "m": "v"}[self.kind(a)]
        self.add(f"x{a}[x{i} % N]", down, lambda x: x[a][x[i] % x[a].shape[0]])

    def select(self) -> None:
        b, a = self.find("b"), self.find("svm")
        c = self.pick([r for r, kind in enumerate(self.block.kinds) if kind == self.kind(a)])
        self.add(
            f"where(x{b}, x{a}, x{c})", self.kind(a), lambda x: np.where(x[b], x[a], x[c]).astype(x[a].dtype)
        )

    def reduce(self) -> None:
        a = self.find("vm")
        down = {"v": "s", "m": "v"}[self.kind(a)]
        if self.choose(2):
            self.add(f"mean(x{a}, -1)", down, lambda x: np.sum(x[a], axis=-1) / (x[a].shape[0] + 1))
        else:
            self.add(f"max(x{a}, 0)", down, lambda x: np.max(x[a], axis=0))

    def write(self) -> None:
        """x[i] = y, or x[i] += y, on a copy or on the value itself if that is the block's own."""
        a, i = self.find("vm"), self.find("i")
        value = self.find({"v": "s", "m": "sv"}[self.kind(a)])
        way = self.choose(4)

        def make(x: Sequence[Any]) -> Any:
            y = x[a] + 0 * x[value]
            at = x[i] % y.shape[0]
            if way == 0:
                y[at] = x[value]
            elif way == 1:
                y[at] *= 0.5
                y[at] += 0.5 * x[value]
            elif way == 2:
                part = y[1:]
                part *= 0.5
                part += 0.5 * x[value]
                y[0] = x[value]
            else:
                y[...] = np.where(y > 0.3, x[value], y)
            return y

        forms = [f"y[x{i} % N] = x{value}", f"y[x{i} % N] += x{value}", "y[1:] +=", "y[y > 0.3] ="]
        self.add(f"y = x{a}.copy(); {forms[way]}", self.kind(a), make)

    # ---- branches and loops

    def nested(self, parameters: Sequence[str]) -> tuple[Block, Writer]:
        block = Block(tuple(parameters), [*self.block.kinds, *parameters])
        writer = Writer(self.choose, block, self.depth + 1)
        writer.fill(1 + self.choose(7))
        return block, writer

    def closing(self, block: Block, writer: Writer, kinds: Sequence[str]) -> Block:
        """The block, returning recent values of these kinds."""
        for kind in kinds:
            block.results.append(writer.find(kind))
        return block

    def cond(self) -> None:
        b = self.find("b")
        operands = self.several("svmi", self.choose(3))
        kinds = [self.pick("svmi") for _ in range(1 + self.choose(2))]
        arms = []
        for _ in range(2):
            block, writer = self.nested([self.kind(r) for r in operands])
            arms.append(self.closing(block, writer, kinds))

        def make(x: Sequence[Any]) -> list[Any]:
            one, other = arms
            outer = tuple(x)
            return list(
                graphc.cond(
                    x[b],
                    lambda *g: one.run(outer, *g),
                    lambda *g: other.run(outer, *g),
                    *(x[r] for r in operands),
                )
            )

        self.step(Step(f"cond(x{b}, {operands})", kinds, make, tuple(arms)))

    def switch(self) -> None:
        i = self.find("i")
        operands = self.several("svmi", self.choose(3))
        kinds = [self.pick("svm") for _ in range(1 + self.choose(2))]
        arms = []
        for _ in range(1 + self.choose(3)):
            block, writer = self.nested([self.kind(r) for r in operands])
            arms.append(self.closing(block, writer, kinds))

        def make(x: Sequence[Any]) -> list[Any]:
            outer = tuple(x)
            functions = [lambda *g, a=arm: a.run(outer, *g) for arm in arms]
            return list(graphc.switch(x[i] - 1, functions, *(x[r] for r in operands)))

        self.step(Step(f"switch(x{i} - 1, {operands})", kinds, make, tuple(arms)))

    def carried(self) -> list[Ref]:
        return self.several("svmib", 1 + self.choose(3))

    def own_writes(self, count: int) -> Callable[[Sequence[Any]], None]:
        """Writes to one of the carried arrays itself, at the start of a step."""
        which, scale = self.choose(2 * count), self.pick([0.5, -0.5])

        def write(carries: Sequence[Any], i: Any) -> None:
            if which < count and np.ndim(carries[which]) and carries[which].dtype.kind == "f":
                c = carries[which]
                c[i % c.shape[0]] = c[0] * scale
                c[1:] *= 0.75

        return write

    def loop_block(self, carries: Sequence[Ref], more: Sequence[str], kinds: Sequence[str]) -> Block:
        block, writer = self.nested([*(self.kind(r) for r in carries), *more])
        return self.closing(block, writer, [*(self.kind(r) for r in carries), *kinds])

    def scan(self) -> None:
        carries, walked = self.carried(), self.several("vm", self.choose(3))
        stacked = [self.pick("sv") for _ in range(self.choose(3))]
        down = {"v": "s", "m": "v"}
        block = self.loop_block(carries, [down[self.kind(r)] for r in walked], stacked)
        reverse, length = bool(self.choose(2)), self.choose(4)
        n, writes, i = len(carries), self.own_writes(len(carries)), self.find("i")

        def make(x: Sequence[Any]) -> list[Any]:
            outer = tuple(x)

            def step(c: Any, elements: Any) -> Any:
                writes(c, x[i])
                made = block.run(outer, *c, *(elements or ()))
                return _like(made[:n], c), made[n:] if walked else None

            if not walked and length == 0 and current() is None:
                return [x[r] for r in carries]  # without steps, the eager scan would trace the block
            xs = tuple(x[r] for r in walked) or None
            c, ys = graphc.scan(
                step, tuple(x[r] for r in carries), xs, None if walked else length, reverse=reverse
            )
            return [*c, *(ys or ())]

        up = {"s": "v", "v": "m"}
        kinds = [*(self.kind(r) for r in carries), *(up[k] for k in stacked if walked)]
        what = "reverse " * reverse + f"scan({carries}, {walked}{f', length={length}' * (not walked)})"
        self.step(Step(what, kinds, make, (block,)))

    def fori(self) -> None:
        carries, i, n = self.carried(), self.find("i"), self.choose(5)
        block = self.loop_block(carries, ["i"], [])
        traced, writes = self.choose(2), self.own_writes(len(carries))

        def make(x: Sequence[Any]) -> list[Any]:
            outer = tuple(x)

            def step(j: Any, c: Any) -> Any:
                writes(c, j)
                return _like(block.run(outer, *c, j), c)

            upper = (x[i] + 1) % 4 if traced else n
            return list(graphc.fori_loop(0, upper, step, tuple(x[r] for r in carries)))

        what = f"fori_loop(0, {f'(x{i} + 1) % 4' if traced else n}, {carries})"
        self.step(Step(what, [self.kind(r) for r in carries], make, (block,)))

    def whiles(self) -> None:
        """A loop that ends after some steps, or earlier when a number in it says so."""
        carries = [self.find("s"), *self.carried()]
        block = self.loop_block(carries, [], [])
        limit, writes = 1 + self.choose(5), self.own_writes(len(carries))

        def make(x: Sequence[Any]) -> list[Any]:
            outer = tuple(x)

            def step(state: Any) -> Any:
                count, *c = state
                writes(c, count)
                return (count + 1, *_like(block.run(outer, *c), c))

            def goes_on(state: Any) -> Any:
                return (state[0] < limit) & (state[1] < 0.6531)

            return list(graphc.while_loop(goes_on, step, (0, *(x[r] for r in carries))))[1:]

        self.step(
            Step(
                f"while(count < {limit} and < 0.65, {carries})",
                [self.kind(r) for r in carries],
                make,
                (block,),
            )
        )


def _like(made: Sequence[Any], carries: Sequence[Any]) -> tuple[Any, ...]:
    """The values in the dtypes of the carries; Python numbers stay such."""
    return tuple(
        m.astype(c.dtype) if hasattr(m, "dtype") and hasattr(c, "dtype") else m
        for m, c in zip(made, carries, strict=True)
    )


UNARY: list[tuple[str, Callable[[Any], Any]]] = [
    ("sin", np.sin),
    ("tanh", np.tanh),
    ("cos", np.cos),
    ("negative", np.negative),
    ("reverse", lambda x: x[::-1] if np.ndim(x) else x * 1),
    ("roll", lambda x: np.roll(x, 1, axis=0) if np.ndim(x) else x * 0.5),
    ("transposed", lambda x: x.T if np.ndim(x) > 1 else -x),
    ("gauss", lambda x: np.exp(-x * x)),
    ("root", lambda x: np.sqrt(1 + x * x) - 0.5),
    ("running", lambda x: np.cumsum(x) / x.shape[0] if np.ndim(x) == 1 else x / 2),
    ("shifted", lambda x: np.concatenate([x[1:], x[:1]]) if np.ndim(x) else x + 0.0),
]
BINARY: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("average", lambda x, y: 0.5 * (x + y)),
    ("difference", lambda x, y: 0.5 * (x - y)),
    ("product", lambda x, y: 0.5 * x * y),
    ("maximum", np.maximum),
    ("quotient", lambda x, y: x / (1.5 + y * y)),
    ("applied", lambda x, y: x @ y / (2 * y.shape[0]) if np.ndim(x) == np.ndim(y) == 2 else 0.5 * x * y),
]
INTEGER: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("sum", lambda i, j: (i + j) % 5),
    ("next", lambda i, j: (3 * i + 1) % 7),
    ("minimum", np.minimum),
]
