"""A compiled specialisation that can be called: machine code, captured arrays and an entry."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import BuiltinFunctionType

import numpy as np

from graphc.backends.cpu.loaded import Loaded
from graphc.backends.signature import Group, Signature
from graphc.errors import ArgumentError
from graphc.ir.types import type_of
from graphc.runtime.binding import bind
from graphc.runtime.donation import refuse_captured, refuse_donation
from graphc.runtime.layout import native_problem
from graphc.runtime.python_entry import (
    Fallback,
    allocate_requested,
    describe_mismatch,
    normalise,
    program_of,
    python_entry,
    raise_status,
    refuse_overflow,
)


class Executable:
    """Owns the machine code of one specialisation and the arrays its function refers to.

    `program` and `entry` are symbols of `code`; without `entry`, or where native entries cannot be used,
    calls go through Python. An entry that does something else than `entry` with arguments that do not fit is
    made by `bound`.
    """

    def __init__(
        self,
        signature: Signature,
        code: Loaded,
        *,
        program: str,
        entry: str | None,
        captured: Sequence[np.ndarray] = (),
        unflatten: Fallback | None = None,
    ) -> None:
        self.signature = signature
        self.code = code
        self.captured = _checked_captured(signature, captured)
        if signature.unflatten != (unflatten is not None):
            raise ValueError("the signature and the arguments disagree about unflattening the results")
        self._program = program
        self._entry = entry
        self._unflatten = unflatten
        self.is_native = entry is not None and native_problem() is None

    @functools.cached_property
    def entry(self) -> Callable[..., object]:
        """The function, which raises ArgumentError for arguments of another specialisation."""
        return self.bound(self._reject)

    def bound(self, fallback: Fallback) -> Callable[..., object]:
        """An entry that calls `fallback` with the arguments that do not fit this specialisation."""
        if not self.is_native or self._entry is None:
            program = program_of(self.code, self._program, release_lock=self.signature.long_running)
            return python_entry(self.signature, program, self.captured, fallback, self._unflatten)
        signature, captured = self.signature, self.captured

        def refuse(*args: object) -> None:
            refuse_donation(signature, args, captured)

        def fail(status: int) -> None:
            raise_status(signature, status)

        hooks = {
            "fallback": fallback,
            "unflatten": self._unflatten,
            "refuse": refuse,
            "raise error": fail,
            "allocate": lambda request: allocate_requested(signature, request),
        }
        return bind(self.code.address(self._entry), signature, hooks, captured, self.code)

    def run(self, *args: object) -> tuple[object, ...]:
        """The leaves of the results, for arguments that fit exactly."""
        flat = replace(
            self.signature,
            structure=Group("tuple", tuple(range(len(self.signature.results)))),
            unflatten=False,
        )
        program = program_of(self.code, self._program, release_lock=True)
        result = python_entry(flat, program, self.captured, self._reject, None)(*args)
        assert isinstance(result, tuple)
        return result

    def _reject(self, *args: object, **named: object) -> object:
        if named:
            raise ArgumentError(f"{self.signature.name} takes its arguments by position, not {list(named)}")
        refuse_overflow(self.signature, args)
        raise ArgumentError(describe_mismatch(self.signature, args))


def callable_type(base: type, entry: Callable[..., object]) -> type:
    """A subclass of `base` whose instances, when called, call `entry` directly.

    A built-in function is not bound to the instance, so a call costs no Python frame. Make one
    subclass per object; assigning its `__call__` exchanges the entry.
    """
    call = entry if isinstance(entry, BuiltinFunctionType) else staticmethod(entry)
    return type(base.__name__, (base,), {"__slots__": (), "__call__": call})


def _checked_captured(signature: Signature, captured: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """The captured arrays in the form that programs read; those that are updated are never copied."""
    plain = tuple(normalise(array, type_) for array, type_ in zip(captured, signature.captured, strict=True))
    for array, type_ in zip(plain, signature.captured, strict=True):
        if type_of(array) != type_:
            raise ValueError(f"captured array of type {type_of(array)} where {type_} was compiled in")
    for i in signature.overwritten:
        k = i - len(signature.args)
        if k >= 0 and plain[k] is not captured[k]:
            raise ValueError("a captured array that is updated must be a C-contiguous, aligned ndarray")
    refuse_captured(signature, plain)
    return plain
