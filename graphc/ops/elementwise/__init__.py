"""Functions applied to each element: one class an op, one module a family. Importing registers them."""

from graphc.ops.elementwise import (  # noqa: F401
    arithmetic,
    bitwise,
    comparison,
    counter,
    entropy,
    exponential,
    floating,
    hyperbolic,
    logical,
    logistic,
    normal,
    power,
    rounding,
    selection,
    special,
    trigonometric,
)
