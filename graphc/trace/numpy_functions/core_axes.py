"""The products that are ufuncs of whole vectors and matrices, with axis=, axes= and keepdims=."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import finish, refuse, strong
from graphc.trace.numpy_functions.products import matmul, matvec, vecdot, vecmat
from graphc.trace.ufuncs import COMPOSED, cast


def _generalised(name: str, product: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """`product`, which works on the last axes, as NumPy's ufunc of that name."""

    def call(
        x1: Any,
        x2: Any,
        /,
        out: Any = None,
        *,
        axes: Any = None,
        axis: Any = None,
        keepdims: Any = False,
        dtype: Any = None,
        casting: Any = "same_kind",
        order: Any = "K",
        subok: bool = True,
    ) -> Any:
        refuse(name, casting=(casting, "same_kind"))
        if (axis is not None or keepdims) and product is not vecdot:
            which = "axis" if axis is not None else "keepdims"
            raise TypeError(f"{name}: {which} can only be used with a single shared core dimension")
        if axis is not None and axes is not None:
            raise TypeError("cannot specify both 'axis' and 'axes'")
        operands = [strong(x) if dtype is None else cast(x, dtype) for x in (x1, x2)]
        places = [(axis,), (axis,)] if axis is not None else [_tuple(a) for a in axes or ()]
        if product is vecdot and not keepdims and places[2:] not in ([], [()]):
            raise np.exceptions.AxisError("vecdot: operand 2 has 0 core dimensions; its axes are ()")
        moved = [_to_the_end(x, place) for x, place in zip(operands, places or [()] * 2, strict=False)]
        result = product(*moved)
        if keepdims:
            return finish(np.expand_dims(result, -1 if not places else places[-1]), out)
        if len(places) == 3 and places[2]:
            result = np.moveaxis(result, tuple(range(-len(places[2]), 0)), places[2])
        return finish(result, out)

    call.__doc__ = product.__doc__
    return call


def _tuple(axes: Any) -> tuple[Any, ...]:
    return tuple(axes) if isinstance(axes, tuple | list) else (axes,)


def _to_the_end(x: Any, axes: tuple[Any, ...]) -> Any:
    return np.moveaxis(x, axes, tuple(range(-len(axes), 0))) if axes else x


COMPOSED[np.matmul] = _generalised("matmul", matmul)
COMPOSED[np.vecdot] = _generalised("vecdot", vecdot)
# NumPy 2.2 and newer.
for _name, _product in {"matvec": matvec, "vecmat": vecmat}.items():
    if _name in np.__dict__:
        COMPOSED[np.__dict__[_name]] = _generalised(_name, _product)


@implements(np.linalg.vecdot)
def linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Σ over one axis of both."""
    return COMPOSED[np.vecdot](x1, x2, axis=axis)
