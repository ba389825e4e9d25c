"""Statistics of the elements that are not NaN: those of all elements, with NaN replaced or masked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import NO_VALUE, finish, strong
from graphc.trace.numpy_functions.differences import cumprod, cumsum
from graphc.trace.numpy_functions.reductions import argmax, argmin, max_, min_, prod, sum_
from graphc.trace.numpy_functions.selection import where as select
from graphc.trace.numpy_functions.statistics import define_variance, mean


def _without_nan(a: Any, fill: float) -> tuple[Any, Any]:
    """The values with NaN replaced, and where there was none (True for integers)."""
    x = strong(a)
    if x.dtype.kind != "f":
        return x, True
    good = ~np.isnan(x)
    return select(good, x, np.asarray(fill, x.dtype)[()]), good


def _masked(a: Any, mask: Any) -> tuple[Any, Any]:
    """The values with NaN as 0, and the mask without the places where they were."""
    x, good = _without_nan(a, 0.0)
    if mask is True or mask is NO_VALUE:
        return x, good
    return x, mask if good is True else good & strong(mask)


def _define(
    function: Callable[..., Any], base: Callable[..., Any], summary: str, fill: float | None = None
) -> None:
    """Gives `function` the meaning of `base` of values with NaN replaced by `fill`, or masked without one."""

    @implements(function)
    def implementation(a: Any, *args: Any, **keywords: Any) -> Any:
        if fill is not None:
            return base(_without_nan(a, fill)[0], *args, **keywords)
        x, mask = _masked(a, keywords.pop("where", True))
        return base(x, *args, where=mask, **keywords)

    implementation.__doc__ = summary


_define(np.nansum, sum_, "Σ over the elements that are not NaN.", 0.0)
_define(np.nanprod, prod, "Π over the elements that are not NaN.", 1.0)
_define(np.nancumsum, cumsum, "Running sums with NaN as 0.", 0.0)
_define(np.nancumprod, cumprod, "Running products with NaN as 1.", 1.0)
_define(np.nanargmax, argmax, "The position of the largest element that is not NaN.", -np.inf)
_define(np.nanargmin, argmin, "The position of the smallest element that is not NaN.", np.inf)
_define(np.nanmean, mean, "The mean of the elements that are not NaN.")
define_variance(np.nanvar, "The variance of the elements that are not NaN.", False, _masked)
define_variance(np.nanstd, "The standard deviation of the elements that are not NaN.", True, _masked)


def _define_extremum(function: Callable[..., Any], base: Callable[..., Any], fill: float, word: str) -> None:
    @implements(function)
    def implementation(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = NO_VALUE,
        where: Any = True,
    ) -> Any:
        x, good = _without_nan(a, fill)
        result = base(x, axis, keepdims=keepdims, initial=initial, where=where)
        if good is not True and initial is NO_VALUE:
            empty = ~np.any(good, axis=axis, keepdims=keepdims is True)
            result = select(empty, np.asarray(np.nan, x.dtype)[()], result)
        return finish(result, out)

    implementation.__doc__ = f"The {word} element that is not NaN; NaN if there is none."


_define_extremum(np.nanmax, max_, -np.inf, "largest")
_define_extremum(np.nanmin, min_, np.inf, "smallest")
