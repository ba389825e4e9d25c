"""The Hurwitz zeta function, of which the polygamma functions are multiples."""

from __future__ import annotations

from graphc.ops.base import register
from graphc.ops.elementwise.by_scalar import AbstractSpecial


@register
class Zeta(AbstractSpecial):
    """Σ (q + k)⁻ˣ over k ≥ 0, for x > 1 (SciPy's `zeta` of two arguments). No derivative by x."""

    name = "zeta"
    special = "_zeta"
    arity = 2
    expression = "zeta(x, y)"
    gradients = ("unknown", "-x*zeta(x + 1, y)")
    numba = "special.zeta({0}, {1})"
    domain = ((1.2, 8.0), (0.3, 6.0))
    finite = False
