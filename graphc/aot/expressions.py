"""Sizes in files that anyone may have written: refused where working them out would take long."""

from __future__ import annotations

import ast

from graphc.errors import ParseError

_LENGTH = 10_000  # characters
_TERMS = 2_000
_BITS = 4_096  # of a coefficient
_POWER = 64


def check_expression(text: str) -> None:
    """Raises ParseError unless `text` could be a size, and one that can be brought to canonical form."""
    if len(text) > _LENGTH:
        raise ParseError(f"a size of {len(text)} characters is longer than any that graphc writes")
    try:
        terms, bits = _growth(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ParseError(f"{_shown(text)} is no size") from None
    if terms > _TERMS or bits > _BITS:
        raise ParseError(f"{_shown(text)} is larger than any size that graphc writes")


def _growth(node: ast.expr) -> tuple[int, int]:
    """At most how many terms the canonical form of an expression has, and how many bits a coefficient."""
    match node:
        case ast.Constant(value=int() as value):
            return 1, value.bit_length()
        case ast.Name():
            return 1, 1
        case ast.UnaryOp(operand=operand):
            return _growth(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as power)):
            terms, bits = _growth(left)
            power = min(max(power, 0), _POWER + 1)
            return _limited(terms**power, bits * power, power <= _POWER)
        case ast.BinOp(left=left, op=op, right=right):
            (terms, bits), (more, further) = _growth(left), _growth(right)
            match op:
                case ast.Add() | ast.Sub():
                    return _limited(terms + more, max(bits, further) + 1)
                case ast.Mult():
                    return _limited(terms * more, bits + further + min(terms, more).bit_length())
                case ast.FloorDiv() | ast.Mod():
                    return terms, bits  # divided exactly, or one term
    raise ValueError("no size is written like this")


def _limited(terms: int, bits: int, fine: bool = True) -> tuple[int, int]:
    """These bounds; as soon as they are too large, ones that stay too large but small to compute with."""
    return min(terms, _TERMS + 1), min(bits, _BITS + 1) if fine else _BITS + 1


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 40 else repr(text[:37]) + "..."
