"""Vector mathematics in LLVM IR without any library call: `MATH[op](code, *operands)` writes a formula."""

from __future__ import annotations

from graphc.backends.cpu.math.table import MATH

__all__ = ["MATH"]
