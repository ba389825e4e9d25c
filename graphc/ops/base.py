"""What ops share: the table of all ops, `apply`, and the abstract kinds a backend must know."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, TypeVar, dataclass_transform

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import DTypeError, ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Item, Node
from graphc.ir.types import ArrayType

ALL_OPS: dict[str, type[AbstractOp]] = {"item": Item}
UFUNC_TO_OP: dict[np.ufunc, type[AbstractElementwise]] = {}
# scipy.special ufuncs are recognised by name, so that SciPy need not be imported.
SPECIAL_TO_OP: dict[str, type[AbstractElementwise]] = {}

OpClass = TypeVar("OpClass", bound=type[AbstractOp])


@dataclass_transform(frozen_default=True)
def register(cls: OpClass) -> OpClass:
    """Make `cls` a frozen dataclass known to the tracer, the parser, the tests and the docs."""
    # A class without parameters of its own is complete already: most ops are, and importing stays fast.
    frozen = dataclass(frozen=True)(cls) if _has_own_fields(cls) else cls
    if frozen.name in ALL_OPS:
        raise ValueError(f"two ops are called {frozen.name!r}")
    ALL_OPS[frozen.name] = frozen
    if issubclass(frozen, AbstractElementwise):
        if frozen.numpy is not None:
            UFUNC_TO_OP[frozen.numpy] = frozen
        elif frozen.special is not None:
            SPECIAL_TO_OP[frozen.special] = frozen
    return frozen


def _has_own_fields(cls: type) -> bool:
    annotations = inspect.get_annotations(cls)
    return any(not str(annotation).startswith("ClassVar") for annotation in annotations.values())


class AbstractTraced:
    """A stand-in for an array. `apply` on any of these records the op instead of running it."""

    __slots__ = ()

    @abc.abstractmethod
    def apply(self, op: AbstractOp, args: tuple[Any, ...]) -> Any:
        """Record `op(*args)` in the program that is being traced."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[Dim, ...]:
        """The sizes of the axes."""

    @property
    @abc.abstractmethod
    def finite(self) -> bool:
        """Whether the value is finite whenever the inputs of the program are (see `ir/finite.py`)."""

    @property
    @abc.abstractmethod
    def gated(self) -> bool:
        """Whether the zeros of the value are those of a choice (see `ir/finite.py`)."""


class Unknown:
    """The type of UNKNOWN."""

    __slots__ = ()


# In place of a local gradient: there is one, but no op that computes it. Refused where it is asked for.
UNKNOWN: Final = Unknown()


def apply(op: AbstractOp, *args: Any) -> Any:
    """`op` on values: recorded if one of them is traced, evaluated in NumPy otherwise."""
    for arg in args:
        if isinstance(arg, AbstractTraced):
            return arg.apply(op, args)
    return op.evaluate(*args)


def every_example(size: Dim, batched: Sequence[bool], args: Sequence[Any]) -> tuple[Any, ...]:
    """Operands of a batch rule, those that all examples share repeated along a new axis 0."""
    return tuple(
        x if marked else np.broadcast_to(x, (size, *x.shape))  # type: ignore[arg-type]
        for x, marked in zip(args, batched, strict=True)
    )


class AbstractLinear(AbstractOp):
    """An op that is linear in its operands, taken together: its derivative is the op itself."""

    def is_gated(self, gated: Sequence[bool], *args: Node) -> bool:
        return all(gated)

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        traced = any(isinstance(t, AbstractTraced) for t in tangents)
        zeros = np.zeros_like if traced else lambda x: np.zeros(x.shape, x.dtype)
        return apply(self, *(zeros(x) if t is None else t for t, x in zip(tangents, args, strict=True)))


class AbstractElementwise(AbstractOp):
    """Result element i depends on operand elements i only. Operand shapes are equal.

    Broadcasting and type conversion are explicit (`BroadcastTo`, `Cast`), so no rule undoes them:
    operand dtypes are exactly those of one loop of the ufunc.
    """

    arity: ClassVar[int]
    numpy: ClassVar[np.ufunc | None] = None
    special: ClassVar[str | None] = None  # name in scipy.special, where NumPy has no such ufunc
    expression: ClassVar[str]  # SymPy expression in x (and y, z): meaning and derivative
    # Stable forms of SymPy's derivatives, in x, y, z and the result r; ops/derive.py proves them equal.
    # "unknown": there is one, but it is refused.
    gradients: ClassVar[tuple[str | None, ...] | None] = None
    numba: ClassVar[str]  # Python expression over {0}, {1}, {2}, legal in numba.njit code
    domain: ClassVar[tuple[tuple[float, float], ...]] = ((-3.0, 3.0),)  # where tests draw operands
    differentiable: ClassVar[bool] = True
    finite: ClassVar[bool] = True  # whether finite operands give a finite result
    annihilated_by: ClassVar[tuple[int, ...]] = ()  # operands each of which makes the result 0 by being 0

    def infer(self, *args: ArrayType) -> ArrayType:
        if len(args) != self.arity:
            raise DTypeError(f"{self.name} takes {self.arity} operands, got {len(args)}")
        if len({arg.shape for arg in args}) != 1:
            raise ShapeError(f"{self.name}: operands differ in shape: {', '.join(map(str, args))}")
        return ArrayType(self.result_dtype(*(arg.dtype for arg in args)), args[0].shape)

    def result_dtype(self, *dtypes: np.dtype) -> np.dtype:
        """The dtype NumPy's loop for exactly these operand dtypes returns."""
        if self.numpy is None:
            raise NotImplementedError(f"{self.name} must define result_dtype")
        resolved = self.numpy.resolve_dtypes((*dtypes, None))
        if tuple(resolved[: len(dtypes)]) != dtypes:
            raise DTypeError(f"{self.name}: operands {dtypes} must be converted to {resolved[:-1]} first")
        return resolved[-1]

    def evaluate(self, *args: Any) -> Any:
        if self.numpy is None:
            raise NotImplementedError(f"{self.name} must define evaluate")
        return self.numpy(*args)

    def stays_finite(self, *args: Node) -> bool:
        return self.finite

    def is_gated(self, gated: Sequence[bool], *args: Node) -> bool:
        return any(gated[i] for i in self.annihilated_by)

    def numba_for(self, *dtypes: np.dtype) -> str:
        """The template `numba` for operands of these dtypes."""
        return self.numba

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """g times the local gradients that SymPy derived from `expression`; 0 where g is 0."""
        if not self.differentiable:
            return (None,) * len(args)
        from graphc.ops.elementwise.cotangents import contributions

        return contributions(self.name, g, y, args)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(self, *every_example(size, batched, args))


@dataclass(frozen=True)
class AbstractReduction(AbstractOp):
    """Folds `axes` away with an associative monoid, starting from its identity."""

    axes: tuple[int, ...]

    monoid: ClassVar[str]  # add, mul, maximum, minimum, and, or
    domain: ClassVar[tuple[tuple[float, float], ...]] = ((-3.0, 3.0),)

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        if any(not 0 <= axis < x.ndim for axis in self.axes) or list(self.axes) != sorted(set(self.axes)):
            raise ShapeError(f"{self.name}: axes {self.axes} of {x}")
        kept = tuple(n for axis, n in enumerate(x.shape) if axis not in self.axes)
        return ArrayType(self.result_dtype(x.dtype), kept)

    def result_dtype(self, dtype: np.dtype) -> np.dtype:
        """Reductions keep their operand's dtype: the tracer casts first where NumPy accumulates wider."""
        return dtype

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(replace(self, axes=tuple(axis + 1 for axis in self.axes)), *args)


Rule = Callable[..., Any]
