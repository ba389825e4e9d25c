"""x[mask] for a mask whose values are unknown: all elements are kept, and the mask beside them.

How many elements there are depends on the data, so such a value is no array. It goes through
elementwise functions, is reduced to a number, or is stored back under the same mask:
`x[m].sum()`, `np.sqrt(x[m]).mean()`, `x[m] *= 2`, `y[m] = np.log(x[m])`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.errors import TraceError, located
from graphc.trace.context import user_line_with_text

if TYPE_CHECKING:
    from graphc.trace.tracer import Tracer

_REDUCTIONS = (np.sum, np.prod, np.mean, np.var, np.std, np.any, np.all)


class Selected(np.lib.mixins.NDArrayOperatorsMixin):
    """The elements of `values` where `mask`, which covers its leading axes, holds."""

    __slots__ = ("mask", "values")

    def __init__(self, values: Tracer, mask: Tracer) -> None:
        self.values = values
        self.mask = mask

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    @property
    def size(self) -> Any:
        """How many elements there are, as a traced number."""
        count: Any = np.sum(self.mask)
        for n in self.values.shape[self.mask.ndim :]:
            count = count * n
        return count

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *args: Any, out: Any = None, **options: Any
    ) -> Any:
        if method == "reduce" and len(args) == 1 and ufunc in (np.add, np.multiply):
            function = np.sum if ufunc is np.add else np.prod
            return self._reduced(function, options)
        if method != "__call__" or (out is not None and out[0] is not self):
            raise self.refusal()
        result = ufunc(*(self._operand(a) for a in args), **options)
        if isinstance(result, tuple):
            return tuple(Selected(r, self.mask) for r in result)
        if out is None:
            return Selected(result, self.mask)
        self.values = result.astype(self.dtype)
        return self

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if function in _REDUCTIONS and args and args[0] is self:
            names = ("axis", "dtype") if function not in (np.any, np.all) else ("axis",)
            return self._reduced(function, dict(zip(names, args[1:], strict=False)) | kwargs)
        raise self.refusal()

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise self.refusal()

    def astype(self, dtype: Any) -> Selected:
        """The same numbers in another dtype."""
        return Selected(self.values.astype(dtype), self.mask)

    def copy(self) -> Selected:
        """The same values in memory of their own."""
        return Selected(self.values.copy(), self.mask)

    def __len__(self) -> int:
        raise self.refusal()

    def __iter__(self) -> Any:
        raise self.refusal()

    def __getitem__(self, index: Any) -> Any:
        raise self.refusal()

    def __getattr__(self, name: str) -> Any:
        for function in _REDUCTIONS:
            if function.__name__ == name:
                return lambda *args, **kwargs: function(self, *args, **kwargs)
        if name.startswith("__"):
            raise AttributeError(name)
        raise self.refusal()

    def refusal(self) -> TraceError:
        """The error for a use that would need to know how many elements there are."""
        return TraceError(
            located(
                f"x[mask] of {self.values.node.type} has a shape that depends on the data",
                user_line_with_text(),
                "Elementwise functions, sums, means and x[mask] = value work on it; otherwise use "
                "np.where(mask, x, 0), or a reduction with where=, such as np.max(x, where=mask, initial=0).",
            )
        )

    def _operand(self, value: Any) -> Any:
        """What stands for an operand in the computation on all elements."""
        if isinstance(value, Selected):
            if value.mask.node is not self.mask.node or value.values.shape != self.values.shape:
                raise self.refusal()
            return value.values
        if np.ndim(value) != 0:
            raise self.refusal()
        return value

    def _reduced(self, function: Callable[..., Any], options: dict[str, Any]) -> Any:
        """The reduction over all selected elements."""
        rest = self.values.ndim - self.mask.ndim
        whole = options.get("axis") is None or (rest == 0 and options["axis"] in (0, -1, (0,)))
        if not whole or not options.keys() <= {"axis", "dtype", "ddof"}:
            raise self.refusal()
        kept = {name: value for name, value in options.items() if name != "axis"}
        mask = np.reshape(self.mask, self.mask.shape + (1,) * rest)
        return function(self.values, where=mask, **kept)
