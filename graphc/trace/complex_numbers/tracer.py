"""The stand-in for a complex array: a pair of real ones.

It is a node of trees with two leaves, so that arguments, results, loops and derivatives need to know
nothing of it: what they put together from concrete values is a concrete complex array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from graphc.errors import TraceError, UnsupportedError, located
from graphc.ir.dims import Dim, product
from graphc.trace import tree
from graphc.trace.complex_numbers.kinds import AbstractComplex, complex_dtype, real_dtype
from graphc.trace.context import user_line_with_text
from graphc.trace.methods import ArrayMethods
from graphc.trace.operators import Operators, apply_operator
from graphc.trace.selected import Selected
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import broadcast_shapes, broadcast_to, cast, promotable

_PARTS = "Take its .real and .imag, or np.abs of it."


class ComplexTracer(Operators, ArrayMethods, AbstractComplex):
    """re + i im: two traced real arrays of one shape and one floating dtype."""

    __slots__ = ("imag_", "real_")
    __array_priority__ = 1001.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, re: Any, im: Any) -> None:
        self.real_ = re
        self.imag_ = im

    # ---- what the value is

    @property
    def real(self) -> Any:
        """The real part, which shares this array's memory."""
        return self.real_

    @real.setter
    def real(self, value: Any) -> None:
        self.real_[...] = value

    @property
    def imag(self) -> Any:
        """The imaginary part, which shares this array's memory."""
        return self.imag_

    @imag.setter
    def imag(self, value: Any) -> None:
        self.imag_[...] = value

    @property
    def weak(self) -> bool:
        """Whether it is a Python number, which adapts to the arrays it meets."""
        return self.real_.weak is not None and self.imag_.weak is not None

    @property
    def shape(self) -> tuple[Dim, ...]:
        shape: tuple[Dim, ...] = self.real_.shape
        return shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Dim:
        return product(self.shape)

    @property
    def dtype(self) -> np.dtype:
        return complex_dtype(self.real_.dtype)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Dim:
        return self.size * self.itemsize

    def __repr__(self) -> str:
        sizes = f"[{', '.join(map(str, self.shape))}]" if self.shape else ""
        return f"<traced {self.dtype}{sizes}>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    # ---- NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        from graphc.trace.ufuncs import call_ufunc

        return call_ufunc(ufunc, method, args, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        from graphc.trace.functions import call_function

        return call_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise UnsupportedError(
            located(
                f"conversion of the traced value {self!r} to a concrete array",
                user_line_with_text(),
                "Use the array itself, np.copy(z), or np.stack([...]) to build arrays.",
            )
        )

    # ---- parts of it

    def __len__(self) -> int:
        return len(self.real_)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        re = self.real_[index]
        if isinstance(re, Selected):
            raise UnsupportedError(
                located("z[mask] of a complex value", user_line_with_text(), "Use np.where(mask, z, 0).")
            )
        return ComplexTracer(re, self.imag_[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        from graphc.trace.complex_numbers.parts import both_parts

        re, im = both_parts(value)
        self.real_[index] = re
        self.imag_[index] = im

    @property
    def flat(self) -> NoReturn:
        raise UnsupportedError(
            located("flat of a complex value", user_line_with_text(), "Use z.ravel(), or its parts.")
        )

    def conj(self) -> Any:
        """re - i im."""
        return apply_operator(np.conjugate, self)

    conjugate = conj

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        """The same numbers in another complex dtype."""
        to = dtype_of_parts(dtype)
        return ComplexTracer(self.real_.astype(to, copy=copy), self.imag_.astype(to, copy=copy))

    # ---- what only numbers can do

    def _refuse(self, what: str, remedy: str) -> NoReturn:
        raise TraceError(
            located(f"{what}: its value is not known while tracing", user_line_with_text(), remedy)
        )

    def __bool__(self) -> bool:
        self._refuse(
            f"a Python branch on the traced value {self!r}",
            "Use np.where(condition, a, b), or make the argument static (static_argnames).",
        )

    def __float__(self) -> float:
        self._refuse(f"float() of the traced value {self!r}", _PARTS)

    def __int__(self) -> int:
        self._refuse(f"int() of the traced value {self!r}", _PARTS)

    def __complex__(self) -> complex:
        self._refuse(f"complex() of the traced value {self!r}", "Keep it an array.")

    def item(self, *args: Any) -> Any:
        self._refuse("item() of a traced array", "Keep it an array, or call item() on the compiled result.")


def joined(re: Any, im: Any) -> ComplexTracer:
    """re + i im for real values that broadcast; a part that is None is zero."""
    given = [as_tracer(part) for part in (re, im) if part is not None]
    dtype = real_dtype(np.result_type(np.complex64, *(promotable(part) for part in given)))
    shape = broadcast_shapes(*(part.shape for part in given))
    if all(part.weak is not None for part in given):
        parts = (cast(0.0 if part is None else part, np.float64) for part in (re, im))
        return ComplexTracer(*(Tracer(part.owner, part.node, float) for part in parts))
    return ComplexTracer(
        *(broadcast_to(cast(0.0 if part is None else part, dtype), shape) for part in (re, im))
    )


def dtype_of_parts(dtype: Any) -> np.dtype:
    """The dtype of the parts of values converted to a complex dtype; TraceError for a real one."""
    if np.dtype(dtype).kind != "c":
        raise TraceError(
            located(
                f"conversion of a complex value to {np.dtype(dtype)} would lose its imaginary part",
                user_line_with_text(),
                _PARTS,
            )
        )
    return real_dtype(dtype)


def _take_apart(z: ComplexTracer) -> tuple[tuple[Any, Any], None, tuple[str, str]]:
    return (z.real_, z.imag_), None, ("real", "imag")


def _put_together(rest: None, parts: Any) -> Any:
    """A concrete complex number or array where both parts are concrete floats; a tree of trees of parts."""
    re, im = parts
    if re is not None and not tree.is_leaf(re):
        return tree.tree_map(lambda a, b: _put_together(None, (a, b)), re, im)
    if type(re) is float and type(im) is float:
        return complex(re, im)
    concrete = (isinstance(part, np.ndarray | np.floating) and part.dtype.kind == "f" for part in parts)
    if not all(concrete):
        return ComplexTracer(re, im)
    z = np.empty(np.shape(re), complex_dtype(np.result_type(re, im)))
    z.real, z.imag = re, im
    return z if isinstance(re, np.ndarray) else z[()]


tree.register(ComplexTracer, _take_apart, _put_together)
