"""Scalars that go through the same long formula at the same time, as the lanes of one vector.

A formula such as sin costs a vector as much as a number. In straight-line code on numbers, the next calls
of the same formula are moved up to the first, with what their operands need, where none depends on another
(superword-level parallelism, Larsen & Amarasinghe 2000, for calls). Every lane computes what it would alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from graphc.backends.cpu.math.table import LONG
from graphc.dataclass import dataclass
from graphc.lower import kernel_ir as k

Pure: TypeAlias = k.Let | k.Constant | k.SizeOf | k.Coordinate | k.Load
LOOK_AHEAD: Final = 64  # calls that are tried for one vector
MOVED: Final = 256  # statements that are moved up for one call


@dataclass(frozen=True)
class Together:
    """Calls of one formula on operands of one type that do not depend on each other."""

    calls: tuple[k.Let, ...]


def arranged(body: Sequence[k.Statement], lanes: int) -> Iterator[k.Statement | Together]:
    """The statements of `body` with up to `lanes` numbers of the widest type brought together."""
    run: list[Pure] = []
    for statement in body:
        if isinstance(statement, Pure):
            run.append(statement)
        else:
            yield from _Run(run, lanes).arranged()
            yield statement
            run = []
    yield from _Run(run, lanes).arranged()


def _key(statement: Pure) -> tuple[str, str] | None:
    """What calls have in common that can run together."""
    if isinstance(statement, k.Let) and statement.op in LONG and statement.operands[0].dtype.kind == "f":
        return statement.op, statement.result.dtype.str
    return None


class _Run:
    """Statements without effects: they may be evaluated in any order that defines operands first."""

    def __init__(self, statements: Sequence[Pure], vector_bytes: int) -> None:
        self.statements = statements
        self.vector_bytes = vector_bytes
        self.made = {s.result: s for s in statements}
        self.done: set[Pure] = set()
        self.calls: dict[tuple[str, str], list[k.Let]] = {}
        for s in statements:
            key = _key(s)
            if key is not None and isinstance(s, k.Let):
                self.calls.setdefault(key, []).append(s)

    def arranged(self) -> Iterator[k.Statement | Together]:
        for s in self.statements:
            if s in self.done:
                continue
            key = _key(s)
            if key is None or len(self.calls[key]) == 1:
                self.done.add(s)
                yield s
                continue
            assert isinstance(s, k.Let)
            yield from self._together(s, self.calls[key])

    def _together(self, first: k.Let, calls: Sequence[k.Let]) -> Iterator[k.Statement | Together]:
        """`first` with the calls that can join it, after what these need."""
        room = self.vector_bytes // first.result.dtype.itemsize
        later = [c for c in calls if c not in self.done and c is not first][:LOOK_AHEAD]
        joined = [first]
        for call in later:
            needed = self._needed(call) if len(joined) < room else None
            if needed is not None:
                self.done.update(needed)
                yield from needed
                joined.append(call)
        self.done.update(joined)
        yield Together(tuple(joined)) if len(joined) > 1 else first

    def _needed(self, call: k.Let) -> list[Pure] | None:
        """What must be evaluated before `call`, in order; None if that includes a long formula."""
        found: dict[Pure, None] = {}

        def visit(statement: Pure) -> bool:
            for value in _operands(statement):
                made = self.made.get(value)
                if made is None or made in self.done or made in found:
                    continue
                if _key(made) is not None or len(found) >= MOVED or not visit(made):
                    return False
                found[made] = None
            return True

        return list(found) if visit(call) else None


def _operands(statement: Pure) -> tuple[k.Value, ...]:
    match statement:
        case k.Let():
            return statement.operands
        case k.Load():
            guard = (statement.guard,) if statement.guard is not None else ()
            return (*(value for value, _ in statement.index.dynamic), *guard)
        case k.Coordinate():
            return tuple(value for value, _ in statement.index.dynamic)
        case _:
            return ()
