"""The incomplete gamma functions and the density of the gamma distribution."""

from __future__ import annotations

from graphc.ops.base import register
from graphc.ops.elementwise.by_scalar import AbstractSpecial


@register
class Gammainc(AbstractSpecial):
    """P(a, x) = 1/Γ(a) ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt. No derivative by a, which has no closed form."""

    name = "gammainc"
    special = "gammainc"
    arity = 2
    expression = "lowergamma(x, y)/gamma(x)"
    gradients = ("unknown", "gamma_density(x, y)")
    numba = "special.gammainc({0}, {1})"
    domain = ((0.3, 6.0), (0.2, 9.0))
    finite = False


@register
class Gammaincc(AbstractSpecial):
    """Q(a, x) = 1 - P(a, x), accurate where it is small. No derivative by a."""

    name = "gammaincc"
    special = "gammaincc"
    arity = 2
    expression = "uppergamma(x, y)/gamma(x)"
    gradients = ("unknown", "-gamma_density(x, y)")
    numba = "special.gammaincc({0}, {1})"
    domain = ((0.3, 6.0), (0.2, 9.0))
    finite = False


@register
class GammaDensity(AbstractSpecial):
    """xᵃ⁻¹ e⁻ˣ/Γ(a), the derivative of P(a, x) by x: accurate where the factors overflow."""

    name = "gamma_density"
    arity = 2
    expression = "y**(x - 1)*exp(-y)/gamma(x)"
    gradients = (
        "mul_or_zero(r, log(y) - psi(x))",
        "mul_or_zero(r, mul_or_zero(x - 1, 1/y) - 1)",
    )
    numba = "special.gamma_density({0}, {1})"
    domain = ((0.3, 6.0), (0.2, 9.0))
    finite = False
