"""NumPy ufuncs on traced values: NumPy's own type resolution, explicit casts and broadcasts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError, UnsupportedError, located
from graphc.ir.dims import Dim
from graphc.ir.types import DTYPE_NAMES
from graphc.ops.base import SPECIAL_TO_OP, UFUNC_TO_OP, AbstractElementwise
from graphc.trace.complex_numbers.kinds import is_complex
from graphc.trace.context import user_line_with_text
from graphc.trace.meanings import filling
from graphc.trace.tracer import Tracer, as_tracer, record

# ufuncs that are not elementwise primitives: matmul, divmod, positive, …
# Each takes the operands and the options given (dtype, casting), without out and where.
COMPOSED: dict[np.ufunc, Callable[..., Any]] = {}
composed = filling(COMPOSED)
# The same for ufuncs of scipy.special, by name; each takes operands already converted.
SPECIAL_COMPOSED: dict[str, Callable[..., Any]] = {}
SPECIAL_SYNONYMS: dict[str, np.ufunc] = {
    "cbrt": np.cbrt,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log1p": np.log1p,
}
# ufunc methods: (ufunc, "reduce") and so on.
METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {}


def call_ufunc(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy's `ufunc` means on operands of which at least one is traced.

    `out=` stores into a traced array; `where=` needs `out=`, whose elements stay where it is false.
    """
    from graphc.trace import ufunc_rules  # noqa: F401  (fills the table of composed ones)
    from graphc.trace.numpy_functions import find

    if any(is_complex(arg) for arg in args):
        from graphc.trace.complex_numbers.ufuncs import call_complex_ufunc, not_weak

        return not_weak(call_complex_ufunc(ufunc, method, args, kwargs))
    if method != "__call__":
        implementation = find(METHODS, (ufunc, method))
        if implementation is None:
            raise unsupported(f"{full_name(ufunc)}.{method}")
        return implementation(*args, **kwargs)
    mask, out = kwargs.get("where", True), kwargs.get("out")
    if out is not None:
        from graphc.trace.rebinding import rebound

        args, out = rebound(args, out)
    rest = {name: value for name, value in kwargs.items() if name not in ("where", "out")}
    operands, out = (args, out) if out is not None else (args[: ufunc.nin], args[ufunc.nin :])
    result = _call(ufunc, operands, rest)
    if mask is not True and (not out or any(o is None for o in out)):
        raise unsupported(f"{full_name(ufunc)} with where= and no out=: the rest would be uninitialised")
    casting = rest.get("casting", "same_kind")
    if ufunc.nout == 1:
        return result if not out or out[0] is None else write_out(ufunc, out[0], result, mask, casting)
    given = (*out, *(None,) * (ufunc.nout - len(out)))
    pairs = tuple(zip(given, result, strict=True))
    return tuple(r if o is None else write_out(ufunc, o, r, mask, casting) for o, r in pairs)


def _call(ufunc: np.ufunc, operands: tuple[Any, ...], options: dict[str, Any]) -> Any:
    from graphc.trace.numpy_functions import find

    composed_ = COMPOSED.get(ufunc) if ufunc in UFUNC_TO_OP else find(COMPOSED, ufunc)
    if composed_ is not None:
        return composed_(*operands, **options)
    name = ufunc.__name__ if _is_special(ufunc) else ""
    op = UFUNC_TO_OP.get(ufunc) or SPECIAL_TO_OP.get(name)
    if name in SPECIAL_SYNONYMS:  # scipy.special has ufuncs of its own for these
        op = UFUNC_TO_OP[SPECIAL_SYNONYMS[name]]
    if op is None and name in SPECIAL_COMPOSED:
        raw = tuple(x if type(x) in (int, float) else as_tracer(x) for x in operands)
        dtypes = loop_dtypes(ufunc, raw, options.get("dtype"), options.get("casting", "same_kind"))
        return SPECIAL_COMPOSED[name](*(cast(x, t) for x, t in zip(raw, dtypes, strict=True)))
    if op is None:
        raise unsupported(full_name(ufunc))
    unknown = options.keys() - {"dtype", "casting", "order", "subok"}
    if unknown:
        raise unsupported(f"{full_name(ufunc)} with {', '.join(sorted(unknown))}=")
    return elementwise(
        op(),
        *operands,
        ufunc=ufunc,
        dtype=options.get("dtype"),
        casting=options.get("casting", "same_kind"),
    )


def _is_special(ufunc: np.ufunc) -> bool:
    """Whether it is SciPy's: others may have functions of the same names."""
    module = sys.modules.get("scipy.special._ufuncs")
    return module is not None and vars(module).get(ufunc.__name__) is ufunc


def full_name(ufunc: np.ufunc) -> str:
    """`numpy.add`, `scipy.special.erf`, `the ufunc mine`."""
    if getattr(np, ufunc.__name__, None) is ufunc:
        return f"numpy.{ufunc.__name__}"
    return f"scipy.special.{ufunc.__name__}" if _is_special(ufunc) else f"the ufunc {ufunc.__name__}"


def write_out(ufunc: np.ufunc, out: Any, result: Any, mask: Any, casting: Any) -> Any:
    """NumPy's out=: the traced array `out` now holds `result` where `mask` is true."""
    from graphc.trace.indexing import store

    if not isinstance(out, Tracer):
        raise concrete_out(full_name(ufunc))
    if not np.can_cast(result.dtype, out.dtype, casting):
        raise dtype_error(
            f"Cannot cast ufunc '{ufunc.__name__}' output from {result.dtype!r} to {out.dtype!r} "
            f"with casting rule '{casting}'"
        )
    stored: Any = cast(result, out.dtype)
    if mask is not True:
        stored = np.where(mask, stored, out)
    store(ufunc, out, stored)
    return out


def elementwise(
    op: AbstractElementwise,
    *args: Any,
    ufunc: np.ufunc | None = None,
    dtype: Any = None,
    casting: Any = "same_kind",
) -> Any:
    """`op` on operands converted and broadcast as NumPy does."""
    operands = tuple(arg if type(arg) in (int, float) else as_tracer(arg) for arg in args)
    known = outside_range(ufunc, operands)
    if known is not None:
        return known
    dtypes = loop_dtypes(ufunc if ufunc is not None else op.numpy, operands, dtype, casting)
    converted = tuple(cast(x, t) for x, t in zip(operands, dtypes, strict=True))
    shape = broadcast_shapes(*(operand.shape for operand in converted))
    return record(op, *(broadcast_to(x, shape) for x in converted))


COMPARISONS = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)


def outside_range(ufunc: np.ufunc | None, operands: tuple[Any, ...]) -> Any:
    """The constant answer of comparing an integer array with a Python integer that its dtype cannot hold."""
    if ufunc not in COMPARISONS or {type(x) for x in operands} != {int, Tracer}:
        return None
    (value,) = (x for x in operands if type(x) is int)
    (x,) = (x for x in operands if type(x) is Tracer)
    if x.dtype.kind not in "iu" or np.iinfo(x.dtype).min <= value <= np.iinfo(x.dtype).max:
        return None
    zeros = (np.zeros((), x.dtype) if type(operand) is Tracer else operand for operand in operands)
    return broadcast_to(np.bool_(ufunc(*zeros)), x.shape)


def loop_dtypes(
    ufunc: np.ufunc | None, operands: tuple[Any, ...], dtype: Any = None, casting: Any = "same_kind"
) -> tuple[np.dtype, ...]:
    """The operand dtypes of the loop NumPy picks; Python scalars adapt (NEP 50)."""
    if ufunc is None:
        return tuple(np.result_type(*(promotable(x) for x in operands)) for _ in operands)
    types = tuple(promotion_type(x) for x in operands)
    if all(t is int for t in types):  # NumPy would compare Python's integers as objects
        types = (np.dtype(np.int64),) * len(types)
    given: dict[str, Any] = (
        {} if dtype is None else {"signature": (*(None for _ in operands), np.dtype(dtype))}
    )
    try:
        resolved = ufunc.resolve_dtypes((*types, *(None,) * ufunc.nout), casting=casting, **given)
    except TypeError as error:
        named = ", ".join(t.__name__ if isinstance(t, type) else str(t) for t in types)
        raise dtype_error(f"{full_name(ufunc)} of {named}: {error}") from None
    if resolved[-1] in DTYPE_NAMES.values():  # small integers looked at in f16 are the same numbers in f32
        resolved = tuple(np.dtype(np.float32) if t == np.float16 else t for t in resolved)
    strange = [t for t in resolved if t not in DTYPE_NAMES.values()]
    if strange:
        named = ", ".join(t.__name__ if isinstance(t, type) else str(t) for t in types)
        raise dtype_error(
            f"{full_name(ufunc)} of {named} computes in {strange[0]}, which graphc does not",
            "Convert the operands first: x.astype(np.float32).",
        )
    return tuple(resolved[: len(operands)])


def promotion_type(x: Any) -> Any:
    """What resolve_dtypes should see: the dtype, or int or float for a Python scalar."""
    if isinstance(x, Tracer):
        return x.weak if x.weak in (int, float) else x.dtype
    return type(x)


def promotable(x: Any) -> Any:
    """What np.result_type should see: the dtype, or a Python scalar for a weak operand."""
    if type(x) in (int, float):
        return x
    x = as_tracer(x)
    return x.weak(1) if x.weak in (int, float) else x.dtype


def dtype_error(message: str, remedy: str | None = None) -> DTypeError:
    """A `DTypeError` at the user's line."""
    return DTypeError(located(message, user_line_with_text(), remedy))


def cast(x: Any, dtype: Any) -> Any:
    """`x` converted to `dtype`, as astype does; the same value if it has that dtype already.

    A Python number becomes a constant; OverflowError where an integer does not fit.
    """
    from graphc.ops.cast import Cast

    dtype = np.dtype(dtype)
    if type(x) in (bool, int, float):
        return as_tracer(np.asarray(x, dtype))
    x = as_tracer(x)
    if x.dtype == dtype:
        return x if x.weak is None else Tracer(x.owner, x.node)
    return record(Cast(dtype), x)


def broadcast_shapes(*shapes: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """NumPy's broadcasting; a symbolic size fits only itself and one."""
    ndim = max(map(len, shapes), default=0)
    result: list[Dim] = []
    for axis in range(-ndim, 0):
        sizes = {s[axis] for s in shapes if len(s) >= -axis and s[axis] != 1}
        if len(sizes) > 1:
            listed = " ".join(f"({', '.join(map(str, s))})" for s in shapes)
            raise ShapeError(
                located(
                    f"operands could not be broadcast together with shapes {listed}", user_line_with_text()
                )
            )
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def broadcast_to(x: Any, shape: tuple[Dim, ...]) -> Any:
    """`x` repeated to `shape`."""
    from graphc.ops.view import BroadcastTo

    x = as_tracer(x)
    return x if x.shape == shape else record(BroadcastTo(tuple(shape)), x)


def concrete_out(function: str) -> UnsupportedError:
    """The error for a concrete array that is to hold traced values."""
    return UnsupportedError(
        located(
            f"{function} cannot store traced values in a concrete array",
            user_line_with_text(),
            "Write total = total + x for total += x, or start from np.zeros_like(x) or graphc.zeros(shape).",
        )
    )


def unsupported(what: str) -> UnsupportedError:
    """The error for a NumPy feature that is not covered."""
    return UnsupportedError(
        located(
            f"graphc cannot trace {what}",
            user_line_with_text(),
            "See the list of covered functions in docs/coverage.md, or write it with covered ones.",
        )
    )
