"""The derivative that `grad=True` adds to an exported function, as a function of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graphc.api.arguments import Described, Leaf
from graphc.api.call import Form
from graphc.api.compile import Compiled, compile
from graphc.api.record import Recorded
from graphc.api.transform import value_and_grad, vjp
from graphc.dataclass import dataclass
from graphc.errors import DifferentiationError
from graphc.trace import tree


@dataclass(frozen=True)
class Derivative:
    """A derived function: what its name ends in, its further arguments, the names of its results."""

    suffix: str
    function: Compiled
    further: tuple[Any, ...]
    results: tuple[str, ...]


def derivative_of(
    compiled: Compiled, form: Form, recorded: Recorded, argnums: int | Sequence[int] | None
) -> Derivative:
    """Value and gradient of a function with one real scalar result; else its vector-Jacobian product.

    With respect to the arguments at `argnums`; by default to all whose values are real.
    """
    names, positions = _chosen(compiled, form, argnums)
    results = tuple(f"grad_{name}" for name in names)
    of = f"{compiled.__name__} with respect to {', '.join(names)}"
    if _is_scalar(recorded):
        derived = value_and_grad(compiled, positions)

        def value_and_gradient(*args: Any) -> Any:
            value, gradients = derived(*args)
            return (value, *gradients)

        made = _like(compiled, value_and_gradient, "_grad", f"the value and gradient of {of}")
        return Derivative("_grad", made, (), ("value", *results))

    def product(*args: Any) -> Any:
        *xs, cotangent = args

        def of_chosen(*chosen: Any) -> Any:
            given = list(xs)
            for position, value in zip(positions, chosen, strict=True):
                given[position] = value
            return compiled(*given)

        _, pullback = vjp(of_chosen, *(xs[i] for i in positions))
        return pullback(cotangent)

    what = f"the gradient of Σ cotangent · result of {of}"
    made = _like(compiled, product, "_vjp", what, "cotangent")
    return Derivative("_vjp", made, (_cotangent(compiled, recorded),), results)


def _chosen(
    compiled: Compiled, form: Form, argnums: int | Sequence[int] | None
) -> tuple[list[str], tuple[int, ...]]:
    """The names and positions of the arguments to differentiate with respect to."""
    children = form.structure.children()[0].children()
    described = iter(form.described)
    leaves = [[next(described) for _ in range(child.num_leaves)] for child in children]
    real = [bool(found) and all(map(_is_real, found)) for found in leaves[len(compiled.bound) :]]
    if argnums is None:
        positions = tuple(i for i, is_real in enumerate(real) if is_real)
    else:
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not positions:
        raise DifferentiationError(f"{compiled.__name__} has no argument of real values to differentiate by")
    return [compiled.parameters.name(i + len(compiled.bound)) for i in positions], positions


def _is_real(described: Described) -> bool:
    return isinstance(described, Leaf) and described.type.dtype.kind == "f"


def _is_scalar(recorded: Recorded) -> bool:
    results = recorded.traced.results
    alone = recorded.structure.is_leaf() and len(results) == 1
    return alone and results[0].type.shape == () and results[0].type.dtype.kind == "f"


def _cotangent(compiled: Compiled, recorded: Recorded) -> Any:
    """The types of a tree like the result."""
    if recorded.statics:
        raise DifferentiationError(
            f"{compiled.__name__} returns {recorded.statics[0][1]!r} beside arrays; "
            "a product with its Jacobian needs arrays only"
        )
    return tree.unflatten(recorded.structure, [str(result.type) for result in recorded.traced.results])


def _like(
    compiled: Compiled, function: Callable[..., Any], suffix: str, what: str, *further: str
) -> Compiled:
    """`function`, compiled under the name and parameters of the function that it is derived from."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    positional = compiled.parameters.positional[len(compiled.bound) :]
    parameters = [inspect.Parameter(name, kind) for name in (*positional, *further)]
    function.__name__ = f"{compiled.__name__}{suffix}"
    function.__doc__ = f"Computes {what}."
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return compile(function, static_argnames=compiled.settings.static_argnames)
