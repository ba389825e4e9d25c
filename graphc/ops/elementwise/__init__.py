"""Functions applied to each element: one class an op, one module a family. Importing registers them."""

from graphc.ops.elementwise import (  # noqa: F401
    arithmetic,
    bessel,
    bitwise,
    comparison,
    counter,
    entropy,
    exponential,
    floating,
    hyperbolic,
    incomplete_gamma,
    logical,
    logistic,
    normal,
    power,
    rounding,
    selection,
    special,
    trigonometric,
    zeta,
)
