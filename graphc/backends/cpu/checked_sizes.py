"""Sizes computed at run time from the values of their symbols; a way out where 64 bits do not hold them."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from graphc.backends.cpu.llvm import i64
from graphc.ir.dims import Atom, Dim, Monomial, SymbolicDim


class CheckedSizes:
    """Writes the code of sizes into one function. `guard(condition)` leaves the function where it is false.

    Each size is evaluated once: on the main path, so that later uses cannot leave any more.
    """

    def __init__(self, b: ir.IRBuilder, guard: Callable[[ir.Value], None], *, wide: bool = True) -> None:
        """`wide`: the processor multiplies 64-bit integers to 128 bits, so that overflow costs little."""
        self.b = b
        self.guard = guard
        self.wide = wide
        self.bound: dict[str, ir.Value] = {}
        self._evaluated: dict[Dim, ir.Value] = {}

    def evaluate(self, dim: Dim) -> ir.Value:
        """`dim` for the bound symbols."""
        if isinstance(dim, int):
            return i64(dim)
        if dim not in self._evaluated:
            self._evaluated[dim] = self._polynomial(dim)
        return self._evaluated[dim]

    def _polynomial(self, dim: SymbolicDim) -> ir.Value:
        total: ir.Value | None = None
        for monomial, coefficient in dim.terms:
            term = self._monomial(monomial, coefficient)
            total = term if total is None else self._exactly(self.b.sadd_with_overflow(total, term))
        return total if total is not None else i64(0)

    def _monomial(self, monomial: Monomial, coefficient: int) -> ir.Value:
        factors = [self._atom(atom) for atom, power in monomial for _ in range(power)]
        if coefficient != 1 or not factors:
            factors.append(i64(coefficient))
        product = factors[0]
        for factor in factors[1:]:
            product = self._times(product, factor)
        return product

    def _atom(self, atom: Atom) -> ir.Value:
        if isinstance(atom, str):
            return self.bound[atom]
        numerator, denominator = self.evaluate(atom.numerator), self.evaluate(atom.denominator)
        self.guard(self.b.icmp_signed(">", denominator, i64(0)))
        rest = self.b.srem(numerator, denominator)
        negative = self.b.icmp_signed("<", rest, i64(0))
        if atom.remainder:
            return self.b.select(negative, self.b.add(rest, denominator), rest)
        quotient = self.b.sdiv(numerator, denominator)
        return self.b.select(negative, self.b.sub(quotient, i64(1)), quotient)

    def _times(self, a: ir.Value, b: ir.Value) -> ir.Value:
        if self.wide:
            return self._exactly(self.b.smul_with_overflow(a, b))
        # Dividing back would trap for -2⁶³ / -1 only, which no product of sizes and coefficients reaches.
        product = self.b.mul(a, b)
        nothing = self.b.icmp_signed("==", a, i64(0))
        again = self.b.sdiv(product, self.b.select(nothing, i64(1), a))
        self.guard(self.b.or_(nothing, self.b.icmp_signed("==", again, b)))
        return product

    def _exactly(self, result: ir.Value) -> ir.Value:
        self.guard(self.b.not_(self.b.extract_value(result, 1)))
        return self.b.extract_value(result, 0)
