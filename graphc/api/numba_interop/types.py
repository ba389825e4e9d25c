"""The Numba type of compiled functions."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.errors import TypingError
from numba.core.imputils import lower_constant
from numba.core.typing.templates import make_overload_template
from numba.extending import NativeValue, models, register_model, typeof_impl, unbox

from graphc.api.compile import Compiled
from graphc.api.numba_interop.calls import implementation
from graphc.api.numba_interop.forms import specialisation
from graphc.api.specialise import Specialisation
from graphc.runtime.cpu_backend import CpuExecutable


class CompiledType(types.Callable, types.Dummy):  # type: ignore[misc]  # Numba has no types
    """One compiled function: every object has a type of its own, so calls of it are resolved while typing."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        # Machine code and captured arrays live as long as the type, which Numba's own code refers to.
        self.programs: list[Specialisation] = []
        self.function = types.Function(_template(compiled, self.programs))
        super().__init__(f"graphc.Compiled({compiled.__qualname__} at {id(compiled):#x})")

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        if kws:
            name, given = self.compiled.__name__, ", ".join(kws)
            raise TypingError(f"{name} takes its arguments by position in Numba's code, not {given} by name")
        return self.function.get_call_type(context, args, kws)

    def get_call_signatures(self) -> Any:
        return self.function.get_call_signatures()

    def get_impl_key(self, sig: Any) -> Any:
        return self.function.get_impl_key(sig)


def _template(compiled: Compiled, programs: list[Specialisation]) -> Any:
    """What types and implements calls of `compiled`."""

    def choose(*args: types.Type) -> Any:
        arguments = args[0] if len(args) == 1 and isinstance(args[0], types.StarArgTuple) else args
        built, paths = specialisation(compiled, tuple(types.unliteral(a) for a in arguments))
        executable = built.executable
        assert isinstance(executable, CpuExecutable)
        if not built.is_plain:
            raise TypingError(
                f"{compiled.__name__} refers to an array that is not C-contiguous; pass it as an argument"
            )
        programs.append(built)
        return implementation(executable.native(), built.program.structure, paths)

    return make_overload_template(compiled, choose, {}, strict=False, inline="never")


def register() -> None:
    """Adds the type to Numba's registries."""
    register_model(CompiledType)(models.OpaqueModel)
    typeof_impl.register(Compiled)(_type_of)
    unbox(CompiledType)(_from_object)
    lower_constant(CompiledType)(_constant)


def _type_of(value: Compiled, context: Any) -> CompiledType:
    known = vars(value).get("_numba_type")
    # Wrappers copy the __dict__ of what they wrap, hence the second condition.
    if not isinstance(known, CompiledType) or known.compiled is not value:
        known = vars(value)["_numba_type"] = CompiledType(value)
    return known


# A compiled function has no value at run time: its type says everything.


def _from_object(type_: CompiledType, value: Any, c: Any) -> Any:
    return NativeValue(c.context.get_dummy_value())


def _constant(context: Any, builder: Any, type_: CompiledType, value: Any) -> Any:
    return context.get_dummy_value()
