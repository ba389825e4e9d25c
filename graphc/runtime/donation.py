"""Inputs that the program overwrites must be writeable and share memory with no other array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.backends.signature import Signature
from graphc.errors import DonationError


def refuse_donation(signature: Signature, args: Sequence[object], captured: Sequence[np.ndarray]) -> None:
    """Raises DonationError naming the input that cannot be overwritten, if there is one."""
    names = [f"argument {spec.name!r}" for spec in signature.args]
    names += ["an array that the function refers to"] * len(captured)
    inputs = [*args, *captured]
    for i in signature.overwritten:
        array = inputs[i]
        if not isinstance(array, np.ndarray):
            continue
        if not array.flags.writeable:
            raise DonationError(
                f"{names[i]} is overwritten, but it is read-only. Pass a copy, or do not donate it."
            )
        for j, other in enumerate(inputs):
            if i != j and isinstance(other, np.ndarray) and np.may_share_memory(array, other):
                raise DonationError(
                    f"{names[i]} is overwritten, but it shares memory with {names[j]}. "
                    "Pass a copy of one of them."
                )


def refuse_captured(signature: Signature, captured: Sequence[np.ndarray]) -> None:
    """Raises DonationError where the captured arrays alone forbid what the program overwrites."""
    refuse_donation(signature, [None] * len(signature.args), captured)
