"""ndarray's attributes and methods on traced values: each is the NumPy function of that name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from graphc.errors import located
from graphc.ops.view import Reshape
from graphc.trace.context import user_line_with_text

# What NumPy's object loops call on their elements: np.sin of an object array calls x.sin().
_UNARY = (
    *(np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sqrt, np.cbrt, np.square),
    *(np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan),
    *(np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh),
    *(np.rint, np.trunc, np.floor, np.ceil, np.fabs, np.degrees, np.radians, np.deg2rad, np.rad2deg),
    *(np.reciprocal, np.sign, np.isnan, np.isfinite, np.isinf, np.logical_not, np.conjugate),
)
_BINARY = (np.arctan2, np.hypot, np.logaddexp, np.fmod, np.copysign, np.logical_and, np.logical_or)


def _through(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method that hands its array to the NumPy function of the same signature."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = function.__name__
    method.__doc__ = f"numpy.{function.__name__} of this array."
    return method


def _dims(args: tuple[Any, ...]) -> Any:
    """The shape or axes given as one tuple or as separate arguments."""
    return args[0] if len(args) == 1 and (args[0] is None or isinstance(args[0], tuple | list)) else args


def _in_place(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        from graphc.trace.indexing import update

        return update(ufunc, self, other)

    return operator


class ArrayMethods:
    """The part of ndarray's interface that follows from NumPy's functions."""

    __slots__ = ()

    @property
    def T(self) -> Any:
        return np.transpose(self)

    @property
    def mT(self) -> Any:
        return np.matrix_transpose(self)

    @property
    def real(self) -> Any:
        return np.real(self)

    @property
    def imag(self) -> Any:
        return np.imag(self)

    @property
    def device(self) -> str:
        """Where NumPy's arrays are."""
        return "cpu"

    @property
    def flat(self) -> Any:
        """The elements in C order: iterable, readable and writable by position."""
        from graphc.trace.aliasing import view

        whole: Any = self
        return view(whole, Reshape((whole.size,)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            located(
                f"a traced array has no attribute {name!r}",
                user_line_with_text(),
                "Its numbers and memory do not exist while tracing; docs/coverage.md lists what there is.",
            )
        )

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        """The same numbers in another dtype; a copy unless `copy` is false and nothing changes."""
        from graphc.trace.numpy_functions.creation import astype

        return astype(self, dtype, casting=casting, copy=copy)

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
        """The same elements in another shape; one length may be -1."""
        whole: Any = self
        result: Any = np.reshape(whole, _dims(shape), order=order, copy=copy)  # type: ignore[call-overload]
        return result

    def transpose(self, *axes: Any) -> Any:
        """Axes in another order; reversed without arguments."""
        return np.transpose(self, _dims(axes) or None)

    def flatten(self, order: str = "C") -> Any:
        """A one-dimensional copy."""
        whole: Any = self
        return np.ravel(whole, order).copy()  # type: ignore[call-overload]

    def fill(self, value: Any) -> None:
        """Stores `value` everywhere."""
        self[...] = value

    def sort(self, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
        """Sorts in place."""
        self[...] = np.sort(self, axis, kind, order, stable=stable)

    def clip(self, min: Any = None, max: Any = None, out: Any = None) -> Any:
        """The elements limited to [min, max]."""
        return np.clip(self, min, max, out)

    def dot(self, b: Any, out: Any = None) -> Any:
        """np.dot(self, b)."""
        return np.dot(self, b, out)

    def choose(self, *choices: Any, out: Any = None, mode: Any = "raise") -> Any:
        """Of several arrays, or of one sequence of them, the one each element says."""
        listed: Any = choices[0] if len(choices) == 1 else choices
        whole: Any = self
        return np.choose(whole, listed, out, mode)

    def conj(self) -> Any:
        """The same values: graphc computes with real numbers."""
        return np.positive(self)

    conjugate = conj

    def copy(self, order: str = "C") -> Any:
        """The same values in memory of their own."""
        return np.copy(self)

    def __copy__(self) -> Any:
        return np.copy(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return np.copy(self)

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        """Stores values at flat positions."""
        whole: Any = self
        np.put(whole, indices, values, mode)  # type: ignore[arg-type]

    def view(self, *args: Any) -> NoReturn:
        """Refused: bits are not reinterpreted."""
        from graphc.trace.ufuncs import unsupported

        raise unsupported("ndarray.view; use astype to convert numbers")

    def partition(self, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None) -> None:
        """Sorts in place completely, which is a partition."""
        self.sort(axis)

    def tobytes(self, order: str = "C") -> NoReturn:
        """Refused: the bytes are not known while tracing."""
        from graphc.trace.ufuncs import unsupported

        raise unsupported("ndarray.tobytes")

    def __round__(self, ndigits: int | None = None) -> Any:
        return np.round(self, ndigits or 0)

    def __floor__(self) -> Any:
        return np.floor(self)

    def __ceil__(self) -> Any:
        return np.ceil(self)

    def __trunc__(self) -> Any:
        return np.trunc(self)

    sum, prod, mean, std, var = (_through(f) for f in (np.sum, np.prod, np.mean, np.std, np.var))
    min, max, ptp = _through(np.min), _through(np.max), _through(np.ptp)
    argmin, argmax, any, all = (_through(f) for f in (np.argmin, np.argmax, np.any, np.all))
    cumsum, cumprod = _through(np.cumsum), _through(np.cumprod)
    ravel, squeeze, swapaxes = _through(np.ravel), _through(np.squeeze), _through(np.swapaxes)
    round, repeat, take = _through(np.round), _through(np.repeat), _through(np.take)
    diagonal, trace, argsort = _through(np.diagonal), _through(np.trace), _through(np.argsort)
    nonzero, compress = _through(np.nonzero), _through(np.compress)
    searchsorted, argpartition = _through(np.searchsorted), _through(np.argpartition)

    __iadd__, __isub__ = _in_place(np.add), _in_place(np.subtract)
    __imul__, __itruediv__ = _in_place(np.multiply), _in_place(np.true_divide)
    __ifloordiv__, __imod__ = _in_place(np.floor_divide), _in_place(np.remainder)
    __ipow__, __imatmul__ = _in_place(np.power), _in_place(np.matmul)
    __iand__, __ior__ = _in_place(np.bitwise_and), _in_place(np.bitwise_or)
    __ixor__, __ilshift__ = _in_place(np.bitwise_xor), _in_place(np.left_shift)
    __irshift__ = _in_place(np.right_shift)


def _unary(ufunc: np.ufunc) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        return ufunc(self)

    return method


def _binary(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return ufunc(self, other)

    return method


for _ufunc in _UNARY:
    if _ufunc.__name__ not in ArrayMethods.__dict__:
        setattr(ArrayMethods, _ufunc.__name__, _unary(_ufunc))
for _two in _BINARY:
    setattr(ArrayMethods, _two.__name__, _binary(_two))
