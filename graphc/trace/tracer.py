"""The stand-in for an array whose numbers do not exist yet: it records what NumPy code does with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from graphc.errors import DTypeError, TraceError, UnsupportedError, located
from graphc.ir.dims import Dim, SymbolicDim, number_maker, product
from graphc.ir.finite import is_finite, is_gated
from graphc.ir.graph import AbstractOp, Node, topological
from graphc.ir.types import TupleType, dtype_name, type_of
from graphc.ops.base import AbstractTraced
from graphc.ops.leaf import Const, Input, Size
from graphc.trace.aliasing import Alias, refresh
from graphc.trace.complex_numbers.kinds import AbstractComplex
from graphc.trace.context import (
    Trace,
    current,
    in_a_call,
    leaked,
    numpy_function,
    object_array,
    user_line,
    user_line_with_text,
)
from graphc.trace.methods import ArrayMethods
from graphc.trace.operators import Operators
from graphc.trace.selected import Selected

# Python scalars adapt to the array they meet (NEP 50); a traced one remembers its Python type.
Weak = type | None


class Tracer(Operators, ArrayMethods, AbstractTraced):
    """A traced array, or a traced Python scalar where `weak` is float, int or bool."""

    __slots__ = ("alias", "node_", "owner", "seen", "weak")
    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, trace: Trace, node: Node, weak: Weak = None, alias: Alias | None = None) -> None:
        self.owner = trace  # the run it belongs to
        self.node_ = node  # as of the write number `seen`
        self.weak = weak
        self.alias = alias
        self.seen = trace.writes

    # ---- what the value is

    @property
    def node(self) -> Node:
        """The node that holds this value now."""
        if self.alias is not None and self.seen != self.owner.writes:
            refresh(self)
        return self.node_

    @property
    def shape(self) -> tuple[Dim, ...]:
        return self.node.array_type.shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        return self.node.array_type.dtype

    @property
    def size(self) -> Dim:
        return product(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Dim:
        return self.size * self.itemsize

    @property
    def finite(self) -> bool:
        return is_finite(self.node, self.owner.finite)

    @property
    def gated(self) -> bool:
        return is_gated(self.node, self.owner.gated)

    def __repr__(self) -> str:
        return f"<traced {self.node.type}>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    # ---- recording

    def apply(self, op: AbstractOp, args: tuple[Any, ...]) -> Any:
        return record(op, *args)

    # ---- NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        from graphc.trace.ufuncs import call_ufunc

        if any(isinstance(arg, Selected) for arg in args):
            return NotImplemented
        return call_ufunc(ufunc, method, args, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        from graphc.trace.functions import call_function

        return call_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        from graphc.trace.objects import to_objects

        return to_objects(self, dtype)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The functions that code for the array API standard should call: NumPy's."""
        from graphc.trace.namespace import NAMESPACE

        return NAMESPACE

    # ---- sequences

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a traced scalar")
        if isinstance(self.shape[0], SymbolicDim):
            self._refuse(f"len() of an axis of symbolic size {self.shape[0]}", "Use x.shape[0] instead.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a traced scalar")
        if isinstance(self.shape[0], SymbolicDim):
            self._refuse(
                f"iteration over an axis of symbolic size {self.shape[0]}",
                "Work on the whole array, use graphc.scan, or trace with fixed sizes.",
            )
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        from graphc.trace.indexing import get_item

        return get_item(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        from graphc.trace.indexing import set_item

        set_item(self, index, value)

    # ---- what only numbers can do

    def _refuse(self, what: str, remedy: str) -> NoReturn:
        raise TraceError(
            located(f"{what}: its value is not known while tracing", user_line_with_text(), remedy)
        )

    def __bool__(self) -> bool:
        if from_sizes(self.node):
            self._refuse(
                "a Python branch on a number computed from a symbolic size",
                "Use np.arange(n, like=x) and graphc.zeros(shape) for arrays of that size, np.where for "
                "a choice, or trace with fixed sizes.",
            )
        function = numpy_function()
        if function is not None:
            raise object_array(
                f"numpy.{function} compares the elements of np.array([...]) of traced values one by one",
                user_line_with_text(),
            )
        called = "np.maximum for max(), np.stack([...]) for np.array([...]), " if in_a_call() else ""
        self._refuse(
            f"a Python branch on the traced value {self.node.type}",
            f"Use np.where(condition, a, b), {called}or make the argument static (static_argnames).",
        )

    def __float__(self) -> float:
        self._refuse(
            f"float() of the traced value {self.node.type}",
            "Keep it an array: use x.astype(dtype) to convert numbers, np.stack or np.array([...]) without "
            "dtype to build arrays, np.zeros_like(x) or graphc.zeros instead of filling a concrete array.",
        )

    def __int__(self) -> int:
        self._refuse(
            f"int() of the traced value {self.node.type}",
            "Use it as an array index, or make the argument static (static_argnames): a loop bound, a size.",
        )

    __index__ = __int__

    def __complex__(self) -> complex:
        self._refuse(
            f"complex() of the traced value {self.node.type}", "Keep it an array: x + 0j is complex."
        )

    def __contains__(self, item: Any) -> bool:
        self._refuse("`in` on a traced array", "Use np.any(x == item).")

    def item(self, *args: Any) -> Any:
        self._refuse("item() of a traced array", "Keep it an array, or call item() on the compiled result.")

    def tolist(self) -> Any:
        self._refuse(
            "tolist() of a traced array", "Keep it an array, or call tolist() on the compiled result."
        )


def from_sizes(node: Node) -> bool:
    """Whether a value depends on sizes only, not on data."""
    leaves = [n for n in topological([node]) if not n.args]
    return any(isinstance(n.op, Size) for n in leaves) and not any(isinstance(n.op, Input) for n in leaves)


def record(op: AbstractOp, *args: Any) -> Any:
    """`op(*args)` in the innermost trace; several results come back as a tuple."""
    trace = current()
    if trace is None:
        raise leaked(user_line_with_text())
    node = trace.builder.add(op, *(lift(trace, arg) for arg in args), source=trace.source or user_line())
    if isinstance(node.type, TupleType):
        from graphc.ir.graph import Item

        items = (trace.builder.add(Item(i), node, source=node.source) for i in range(len(node.type.elements)))
        return tuple(Tracer(trace, item) for item in items)
    return Tracer(trace, node)


def lift(trace: Trace, value: Any) -> Node:
    """The node of `trace` that holds `value`: its own, a captured outside value, or a constant."""
    if isinstance(value, Tracer):
        if value.owner is trace:
            return value.node
        if not value.owner.open or not value.owner.encloses(trace):
            raise leaked(user_line_with_text())
        node = value.node
        return trace.capture(id(node), Tracer(value.owner, node, value.weak), node.array_type)
    if isinstance(value, SymbolicDim):
        return trace.builder.add(Size(value))
    if isinstance(value, np.ndarray) and value.dtype == object:
        from graphc.trace.objects import lift_objects

        return lift(trace, lift_objects(value))
    if isinstance(value, complex) or (isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "c"):
        raise _real_expected(value)
    if isinstance(value, np.ndarray) and value.ndim:
        return trace.capture(id(value), value, type_of(value))
    if isinstance(value, bool | int | float | np.generic | np.ndarray):
        if type(value) is int and not -(2**63) <= value < 2**64:
            raise OverflowError(
                located(f"Python integer {value} does not fit 64 bits", user_line_with_text(), "Use a float.")
            )
        try:
            op = Const.of(value)
            dtype_name(op.dtype)
        except (DTypeError, OverflowError) as error:
            raise DTypeError(located(str(error), user_line_with_text())) from None
        return trace.builder.add(op)
    if isinstance(value, list | tuple):
        from graphc.trace.objects import lift_sequence

        return lift(trace, lift_sequence(value))
    if isinstance(value, Selected):
        raise value.refusal()
    if isinstance(value, AbstractComplex):
        raise _real_expected(value)
    raise UnsupportedError(
        located(
            f"a value of type {type(value).__name__} cannot take part in a traced computation",
            user_line_with_text(),
            "Use NumPy arrays, Python numbers, or lists of them.",
        )
    )


def _real_expected(value: Any) -> DTypeError:
    dtype = getattr(value, "dtype", np.dtype(complex))
    return DTypeError(
        located(
            f"a value of dtype {dtype} where real numbers are needed",
            user_line_with_text(),
            "Take its .real and .imag, or np.abs of it. docs/fourier.md says what works on complex values.",
        )
    )


def as_tracer(value: Any) -> Tracer:
    """`value` as a traced value of the innermost trace, Python scalars staying weak."""
    trace = current()
    if trace is None:
        raise leaked(user_line_with_text())
    if isinstance(value, Tracer) and value.owner is trace:
        return value
    weak: Weak = None
    if isinstance(value, Tracer):
        weak = value.weak
    elif type(value) in (bool, int, float):
        weak = type(value)
    elif isinstance(value, SymbolicDim):
        weak = int
    return Tracer(trace, lift(trace, value), weak)


number_maker[:] = [as_tracer]  # arithmetic with sizes that leaves the integers continues on traced values
