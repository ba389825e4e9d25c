"""Discrete Fourier transforms of real and complex values, as NumPy's: of one axis or of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError, located
from graphc.ops.fourier import Fourier, RealFourier, RealFourierTransposed
from graphc.trace.complex_numbers.functions import implements as implements_complex
from graphc.trace.complex_numbers.kinds import is_complex
from graphc.trace.complex_numbers.parts import both_parts, parts_of
from graphc.trace.complex_numbers.tracer import joined
from graphc.trace.context import user_line_with_text
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import coordinates, one_axis, refuse, strong
from graphc.trace.tracer import record
from graphc.trace.ufuncs import cast

# For each norm the powers of 1/n that scale the transform and its inverse.
_SCALES = {None: (0.0, 1.0), "backward": (0.0, 1.0), "ortho": (0.5, 0.5), "forward": (1.0, 0.0)}


def _function(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers the meaning of a NumPy function on real and on complex values."""

    def add(implementation: Callable[..., Any]) -> Callable[..., Any]:
        implements_complex(function)(implementation)
        return implements(function)(implementation)

    return add


# ---- one axis


@_function(np.fft.fft)
def fft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """X[k] = Σ a[j] exp(-2πi jk/n) along an axis."""
    refuse("fft.fft", out=(out, None))
    return _transform(a, n, axis, norm, inverse=False)


@_function(np.fft.ifft)
def ifft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """The inverse of fft."""
    refuse("fft.ifft", out=(out, None))
    return _transform(a, n, axis, norm, inverse=True)


@_function(np.fft.rfft)
def rfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """The first half of the fft of real numbers, whose other half is its conjugate mirrored."""
    refuse("fft.rfft", out=(out, None))
    x, axis = _real(a, "rfft"), _axis(a, axis)
    x = _fitted(x, axis, _length(x, axis, n))
    scale = _scale(x.shape[axis], norm, inverse=False)
    return joined(*(_times(part, scale) for part in record(RealFourier(axis), x)))


@_function(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """The inverse of rfft: n real numbers from the first half of their fft."""
    refuse("fft.irfft", out=(out, None))
    return _to_real(a, n, axis, norm, inverse=True)


@_function(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """The real fft of numbers given by their first half; the other one is its conjugate mirrored."""
    refuse("fft.hfft", out=(out, None))
    return _to_real(np.conjugate(a), n, axis, norm, inverse=False)


@_function(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """The inverse of hfft."""
    refuse("fft.ihfft", out=(out, None))
    x, axis = _real(a, "ihfft"), _axis(a, axis)
    x = _fitted(x, axis, _length(x, axis, n))
    re, im = record(RealFourier(axis), x)
    scale = _scale(x.shape[axis], norm, inverse=True)
    return joined(_times(re, scale), -_times(im, scale))


# ---- several axes


@_function(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """fft along several axes, by default all."""
    refuse("fft.fftn", out=(out, None))
    return _along_all(fft, a, *_sizes(a, s, axes), norm)


@_function(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """The inverse of fftn."""
    refuse("fft.ifftn", out=(out, None))
    return _along_all(ifft, a, *_sizes(a, s, axes), norm)


@_function(np.fft.fft2)
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """fft along two axes."""
    return fftn(a, s, axes, norm, out)


@_function(np.fft.ifft2)
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """The inverse of fft2."""
    return ifftn(a, s, axes, norm, out)


@_function(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """rfft along the last of several axes, fft along the others."""
    refuse("fft.rfftn", out=(out, None))
    sizes, axes = _sizes(a, s, axes)
    first = rfft(a, sizes[-1], axes[-1], norm)
    return _along_all(fft, first, sizes[:-1], axes[:-1], norm)


@_function(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """The inverse of rfftn."""
    refuse("fft.irfftn", out=(out, None))
    sizes, axes = _sizes(a, s, axes)
    last = sizes[-1] if s is not None else None
    rest = _along_all(ifft, a, sizes[:-1], axes[:-1], norm, backwards=False)
    return irfft(rest, last, axes[-1], norm)


@_function(np.fft.rfft2)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """rfft along the second of two axes, fft along the first."""
    return rfftn(a, s, axes, norm, out)


@_function(np.fft.irfft2)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """The inverse of rfft2."""
    return irfftn(a, s, axes, norm, out)


# ---- how


def _transform(a: Any, n: Any, axis: Any, norm: Any, *, inverse: bool) -> Any:
    axis = _axis(a, axis)
    re, im = (None if part is None else _floating(part) for part in parts_of(a))
    length = _length(re if re is not None else im, axis, n)
    scale = _scale(length, norm, inverse=inverse)
    if im is None:
        re, im = _of_real(_fitted(re, axis, length), axis)
        return joined(_times(re, scale), _times(-im if inverse else im, scale))
    pair = (_fitted(part, axis, length) for part in _pair(a))
    return joined(*(_times(part, scale) for part in record(Fourier(axis, inverse), *pair)))


def _of_real(x: Any, axis: int) -> tuple[Any, Any]:
    """The whole fft of real numbers from its first half."""
    n = x.shape[axis]
    re, im = record(RealFourier(axis), x)
    mirrored = (slice(None),) * axis + (slice((n - 1) // 2, 0, -1),)
    return np.concatenate([re, re[mirrored]], axis), np.concatenate([im, -im[mirrored]], axis)


def _to_real(a: Any, n: Any, axis: Any, norm: Any, *, inverse: bool) -> Any:
    axis = _axis(a, axis)
    re, im = _pair(a)
    length = 2 * (re.shape[axis] - 1) if n is None else n
    length = _checked(length, re, axis)
    half = length // 2 + 1
    k = np.reshape(coordinates((half,), 0), (-1,) + (1,) * (re.ndim - axis - 1))
    alone = (k == 0) | (2 * k == length)  # all others stand for two numbers
    scale = _scale(length, norm, inverse=inverse) or 1.0
    factors = np.where(alone, re.dtype.type(scale), re.dtype.type(2 * scale))
    pair = (_fitted(part, axis, half) * factors for part in (re, im))
    return record(RealFourierTransposed(axis, length), *pair)


def _along_all(
    function: Callable[..., Any],
    a: Any,
    sizes: Sequence[Any],
    axes: Sequence[Any],
    norm: Any,
    backwards: bool = True,
) -> Any:
    """One axis after another, as NumPy does: the last one first, or the first one."""
    pairs = list(zip(sizes, axes, strict=True))
    for n, axis in reversed(pairs) if backwards else pairs:
        a = function(a, n, axis, norm)
    return a


def _sizes(a: Any, s: Any, axes: Any) -> tuple[list[Any], list[Any]]:
    """A length, None for that of the array, for every axis."""
    ndim = len(a.shape)
    if axes is None:
        axes = range(ndim) if s is None else range(-len(s), 0)
    listed = list(axes)
    sizes = [None] * len(listed) if s is None else [None if n == -1 else n for n in s]
    if len(sizes) != len(listed):
        raise ValueError("Shape and axes have different lengths.")
    return sizes, listed


def _axis(a: Any, axis: Any) -> int:
    return one_axis(axis, len(a.shape))


def _real(a: Any, name: str) -> Any:
    if is_complex(a):
        raise TypeError(
            located(
                f"numpy.fft.{name} of complex values",
                user_line_with_text(),
                "Use np.fft.fft, or take the real part.",
            )
        )
    return _floating(a)


def _pair(a: Any) -> tuple[Any, Any]:
    """The parts of any value as arrays of one floating dtype."""
    z = a if is_complex(a) else joined(_floating(a), None)
    re, im = both_parts(z)
    return _floating(re), _floating(im)


def _floating(x: Any) -> Any:
    """x as an array of f32 or f64."""
    value = strong(x)
    return value if value.dtype.kind == "f" else cast(value, np.float64)


def _length(x: Any, axis: int, n: Any) -> int:
    return _checked(x.shape[axis] if n is None else n, x, axis)


def _checked(n: Any, x: Any, axis: int) -> int:
    """A length that is known and at least 1."""
    if not isinstance(n, int | np.integer):
        raise ShapeError(
            located(
                f"a Fourier transform along axis {axis} of {x.node.type}, whose length is {n}",
                user_line_with_text(),
                "The length must be a number when the function is compiled: leave this axis fixed in "
                "`dynamic`, or pass n=.",
            )
        )
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    return int(n)


def _fitted(x: Any, axis: int, n: int) -> Any:
    """x cut off or filled up with zeros to length n."""
    length = x.shape[axis]
    if length == n:
        return x
    lead = (slice(None),) * axis
    if isinstance(length, int) and length < n:
        return np.pad(x, [(0, n - length if a == axis else 0) for a in range(x.ndim)])
    return x[(*lead, slice(0, n))]


def _scale(n: int, norm: Any, *, inverse: bool) -> float | None:
    """What a transform of length n is multiplied by; None for one."""
    if norm not in _SCALES:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    power = _SCALES[norm][inverse]
    return float(n) ** -power if power else None


def _times(x: Any, scale: float | None) -> Any:
    return x if scale is None else x * scale
