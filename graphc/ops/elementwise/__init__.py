"""Functions applied to each element: one class an op, one module a family. Importing registers them."""

from graphc.ops.elementwise import (  # noqa: F401
    arithmetic,
    bitwise,
    comparison,
    exponential,
    floating,
    hyperbolic,
    logical,
    power,
    rounding,
    selection,
    trigonometric,
)
