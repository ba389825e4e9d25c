"""Array dimensions: an `int`, or a polynomial with integer coefficients in named sizes.

`SymbolicDim` is kept in canonical form, so equal expressions are equal objects by value. A size is
assumed to be at least one where broadcasting has to decide whether it is one; everything computed
holds for zero as well.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import ParseError, ShapeError, located

Atom: TypeAlias = "str | Quotient"
Monomial: TypeAlias = tuple[tuple[Atom, int], ...]


@dataclass(frozen=True)
class Quotient:
    """floor(numerator / denominator), or the remainder of that division."""

    numerator: Dim
    denominator: Dim
    remainder: bool = False

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        a, b = evaluate(self.numerator, sizes), evaluate(self.denominator, sizes)
        return a % b if self.remainder else a // b

    def __str__(self) -> str:
        top, bottom = (
            text if text.isalnum() else f"({text})" for text in (str(self.numerator), str(self.denominator))
        )
        return f"({top}{'%' if self.remainder else '//'}{bottom})"


@dataclass(frozen=True)
class SymbolicDim:
    """Σ coefficient · Π atomᵖ, terms in a fixed order, no zero coefficients, never a plain number."""

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: Any) -> Any:
        dim = _dim_of(other)
        if dim is None:
            return _as_number(self, other, operator.add)
        terms = dict(self.terms)
        for monomial, coefficient in _terms(dim):
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _canonical(terms)

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return _canonical({monomial: -c for monomial, c in self.terms})

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return (-self) + other

    def __mul__(self, other: Any) -> Any:
        dim = _dim_of(other)
        if dim is None:
            return _as_number(self, other, operator.mul)
        terms: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in _terms(dim):
                product = _multiply(left, right)
                terms[product] = terms.get(product, 0) + a * b
        return _canonical(terms)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        dim = _dim_of(other)
        if dim is None:
            return _as_number(self, other, operator.floordiv)
        exact = _exact_quotient(self, dim)
        if exact is not None:
            return exact
        whole, rest = _multiples(self, dim)
        return whole + rest // dim if whole != 0 else _atom(Quotient(self, dim))

    def __rfloordiv__(self, other: Any) -> Any:
        dim = _dim_of(other)
        if dim is None:
            return _as_number(self, other, lambda a, b: b // a)
        return 0 if dim == 0 else _atom(Quotient(dim, self))

    def __mod__(self, other: Any) -> Any:
        dim = _dim_of(other)
        if dim is None:
            return _as_number(self, other, operator.mod)
        if _exact_quotient(self, dim) is not None:
            return 0
        whole, rest = _multiples(self, dim)
        return rest % dim if whole != 0 else _atom(Quotient(self, dim, True))

    def __rmod__(self, other: Any) -> Any:
        dim = _dim_of(other)
        if dim is None:
            return _as_number(self, other, lambda a, b: b % a)
        return _atom(Quotient(dim, self, True))

    # What is not a polynomial in sizes with integer coefficients is an ordinary number of the program.

    def __truediv__(self, other: Any) -> Any:
        return _as_number(self, other, operator.truediv)

    def __rtruediv__(self, other: Any) -> Any:
        return _as_number(self, other, lambda a, b: b / a)

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, int) and other >= 0:
            return product((self,) * other)
        return _as_number(self, other, operator.pow)

    def __rpow__(self, other: Any) -> Any:
        return _as_number(self, other, lambda a, b: b**a)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **options: Any) -> Any:
        known = (as_number(a) if isinstance(a, SymbolicDim) else a for a in args)
        return getattr(ufunc, method)(*known, **options)

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        return evaluate(self, sizes)

    def __float__(self) -> float:
        raise _unknown(self, "Compute with it directly, or with np.sqrt instead of math.sqrt.")

    def __index__(self) -> int:
        raise _unknown(
            self,
            "Make arrays with graphc.zeros(shape) and np.arange(n, like=x), loop with graphc.scan or "
            "graphc.fori_loop, or trace with fixed sizes.",
        )

    __int__ = __index__

    def __bool__(self) -> bool:
        return self != 0

    def __eq__(self, other: object) -> bool:
        """Whether both are the same expression: True for all sizes, False where nothing says so."""
        if isinstance(other, SymbolicDim) and self.terms == other.terms:
            return True
        for ask in equality_askers:
            ask(self, other)
        return False

    def __hash__(self) -> int:
        return hash(self.terms)

    def __format__(self, spec: str) -> str:
        return str(self)

    def _undecided(self, other: object) -> bool:
        raise ShapeError(
            located(
                f"cannot order the symbolic size {self} and {other} while tracing",
                None,
                "Trace with fixed sizes, or make the choice outside the function.",
            )
        )

    __lt__ = __le__ = __gt__ = __ge__ = _undecided

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in self.terms:
            factors = [f"{a}" if p == 1 else f"{a}**{p}" for a, p in monomial]
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            sign = "-" if coefficient < 0 else "+"
            text += f" {sign} {'*'.join(factors)}" if text else ("-" * (coefficient < 0)) + "*".join(factors)
        return text.replace(" ", "")

    __repr__ = __str__


Dim: TypeAlias = int | SymbolicDim

# How the tracer turns a size into a number of the program; it sets this when it is imported.
number_maker: list[Callable[[SymbolicDim], Any]] = []

# Told of each comparison that finds no equality; the tracer refuses those of the user's function whose
# answer would depend on the sizes.
equality_askers: list[Callable[[SymbolicDim, object], None]] = []


def _unknown(dim: SymbolicDim, remedy: str) -> ShapeError:
    return ShapeError(located(f"the size {dim} is symbolic and has no number while tracing", None, remedy))


def _dim_of(value: Any) -> Dim | None:
    """A size or a whole number as a dim; None for any other operand."""
    if isinstance(value, SymbolicDim):
        return value
    return int(value) if isinstance(value, int | np.integer) else None


def as_number(dim: SymbolicDim) -> Any:
    """The size as a number of the program that is being traced."""
    if not number_maker:
        raise ShapeError(f"the size {dim} is symbolic and has no number outside a traced function")
    return number_maker[0](dim)


def _as_number(dim: SymbolicDim, other: Any, function: Callable[[Any, Any], Any]) -> Any:
    """function(dim, other) for a Python number; other types of operands know what to do themselves."""
    if not isinstance(other, int | float | np.number | SymbolicDim):
        return NotImplemented
    return function(as_number(dim), as_number(other) if isinstance(other, SymbolicDim) else other)


def symbol(name: str) -> SymbolicDim:
    """The size called `name`."""
    return SymbolicDim(((((name, 1),), 1),))


def differs(dim: SymbolicDim, other: Dim) -> bool:
    """Whether the two are different numbers for all sizes: whether their difference has no zero."""
    difference = dim - other
    if isinstance(difference, int):
        return difference != 0
    terms = dict(difference.terms)
    signs = {coefficient > 0 for coefficient in terms.values()}
    return () in terms and len(signs) == 1


def evaluate(dim: Dim, sizes: Mapping[str, int]) -> int:
    """The number that `dim` is for these sizes."""
    if isinstance(dim, int):
        return dim
    total = 0
    for monomial, coefficient in dim.terms:
        value = coefficient
        for atom, power in monomial:
            base = sizes[atom] if isinstance(atom, str) else atom.evaluate(sizes)
            value *= base**power
        total += value
    return total


def symbols_of(dim: Dim) -> tuple[str, ...]:
    """The names that occur in `dim`, in order of appearance."""
    if isinstance(dim, int):
        return ()
    names: dict[str, None] = {}
    for monomial, _ in dim.terms:
        for atom, _ in monomial:
            inner = (
                (atom,)
                if isinstance(atom, str)
                else symbols_of(atom.numerator) + symbols_of(atom.denominator)
            )
            names.update(dict.fromkeys(inner))
    return tuple(names)


def as_symbol(dim: Dim) -> str | None:
    """The name if `dim` is one bare symbol."""
    if isinstance(dim, SymbolicDim) and len(dim.terms) == 1:
        (monomial, coefficient) = dim.terms[0]
        if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1:
            atom = monomial[0][0]
            return atom if isinstance(atom, str) else None
    return None


def product(dims: tuple[Dim, ...]) -> Dim:
    """Π dims: the number of elements."""
    result: Dim = 1
    for dim in dims:
        result = result * dim
    return result


def substitute(dim: Dim, sizes: Mapping[str, Dim]) -> Dim:
    """`dim` with names replaced by other dims."""
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms:
        value: Dim = coefficient
        for atom, power in monomial:
            if isinstance(atom, str):
                base: Dim = sizes.get(atom, symbol(atom))
            else:
                top, bottom = substitute(atom.numerator, sizes), substitute(atom.denominator, sizes)
                base = top % bottom if atom.remainder else top // bottom
            for _ in range(power):
                value = value * base
        total = total + value
    return total


def parse_dim(text: str) -> Dim:
    """The dim written `text`, such as `128`, `N` or `2*N+1`."""
    try:
        return _from_ast(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError:
        raise ParseError(
            f"{text!r} is not a dimension; write an integer or an expression like 2*N+1"
        ) from None


def _from_ast(node: ast.expr) -> Dim:
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_from_ast(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as power)):
            return product((_from_ast(left),) * power)
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _from_ast(left), _from_ast(right)
            match operator:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.FloorDiv():
                    return a // b
                case ast.Mod():
                    return a % b
    raise ParseError(
        f"{ast.unparse(node)!r} is not a dimension; write an integer or an expression like 2*N+1"
    )


def _terms(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    return dim.terms if isinstance(dim, SymbolicDim) else (((), int(dim)),)


def _atom(atom: Atom) -> SymbolicDim:
    return SymbolicDim(((((atom, 1),), 1),))


def _multiples(dim: SymbolicDim, divisor: Dim) -> tuple[Dim, Dim]:
    """(q, r) with dim = q divisor + r; q has the terms whose coefficients a number `divisor` divides."""
    if not isinstance(divisor, int) or divisor == 0:
        return 0, dim
    divided = {monomial: c // divisor for monomial, c in dim.terms if monomial and c % divisor == 0}
    whole = _canonical(divided)
    return whole, dim - divisor * whole


def _multiply(left: Monomial, right: Monomial) -> Monomial:
    powers: dict[Atom, int] = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: str(item[0])))


def _canonical(terms: Mapping[Monomial, int]) -> Dim:
    kept = {m: c for m, c in terms.items() if c}
    if not kept:
        return 0
    if set(kept) == {()}:
        return kept[()]
    # Highest degree first, the constant last, names in alphabetical order.
    order = sorted(kept, key=lambda m: (-sum(p for _, p in m), [str(a) for a, _ in m]))
    return SymbolicDim(tuple((m, kept[m]) for m in order))


def _exact_quotient(dim: SymbolicDim, divisor: Dim) -> Dim | None:
    """dim / divisor where every term divides, else None."""
    parts = _terms(divisor)
    if divisor == dim:
        return 1
    if len(parts) != 1:
        return None
    ((monomial, coefficient),) = parts
    if coefficient == 0:
        raise ShapeError("division of a size by zero")
    terms: dict[Monomial, int] = {}
    for candidate, c in dim.terms:
        powers: dict[Atom, int] = dict(candidate)
        for atom, power in monomial:
            powers[atom] = powers.get(atom, 0) - power
        if c % coefficient or any(p < 0 for p in powers.values()):
            return None
        terms[tuple((a, p) for a, p in powers.items() if p)] = c // coefficient
    return _canonical(terms)
