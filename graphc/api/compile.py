"""`graphc.compile`: a function that runs as generated code, one program per form of call."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from types import MethodType
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from graphc.api.call import Form, Parameters, flatten_call, leaf_names, parameters_of
from graphc.api.dynamic import LeadingSizes, declared
from graphc.api.record import STABLE, Recorded
from graphc.api.specialise import Specialisation, make_program, record_function, specialise
from graphc.api.type_texts import with_types
from graphc.backends.base import Entry, Options, Program
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, GraphcError
from graphc.runtime.registry import default_backend, get_backend
from graphc.trace import tree
from graphc.trace.context import current

if TYPE_CHECKING:
    from graphc.api.lowered import Lowered

_KEPT = 512  # programs per function; the oldest is dropped beyond
_ENTRIES = 16  # native entries per function: they are tried one after another


@dataclass(frozen=True)
class Settings:
    """The arguments of `compile`."""

    backend: str
    static_argnames: tuple[str, ...] = ()
    donate: tuple[str, ...] = ()
    dynamic: bool | Mapping[str, Any] | None = None
    check_finite: bool = False
    options: Options = field(default_factory=Options)


class CacheInfo(NamedTuple):
    """What `cache_info()` returns."""

    hits: int
    misses: int
    programs: int


class Compiled:
    """A function that is traced and compiled on first use, for each form of its arguments.

    Called inside another trace it takes part in that trace, exactly as the original function would.
    """

    # `__call__` lives in a slot, so that native code can be put there: Python then calls it directly.
    __slots__ = ("__call__", "__dict__", "__weakref__")
    if TYPE_CHECKING:

        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    def __init__(
        self,
        wrapped: Callable[..., Any],
        function: Callable[..., Any],
        bound: tuple[Any, ...],
        settings: Settings,
    ) -> None:
        """`function(*bound, *args)` is what is compiled; names and documentation come from `wrapped`."""
        functools.update_wrapper(self, wrapped)
        self.__name__: str = getattr(wrapped, "__name__", type(wrapped).__name__)
        self.__qualname__: str = getattr(wrapped, "__qualname__", self.__name__)
        self.function, self.bound = function, bound
        self.settings = settings
        self.parameters: Parameters = parameters_of(self.function, settings.static_argnames)
        _check_names(self, settings)
        self._lock = threading.RLock()
        self._programs: dict[Form, Specialisation] = {}
        self._leading = LeadingSizes()
        self._hits = self._misses = 0
        self._install(self._call)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {self.__qualname__}>"

    def __reduce__(self) -> str:
        return self.__qualname__  # pickled and copied by name, as functions are

    # Identity, said explicitly: as a static argument of another function, a compiled one is compared as a
    # function is, not by what it holds.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    # ---- calling

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        """The way through Python: any arguments, any form."""
        if current() is not None:
            return self.function(*self.bound, *args, **kwargs)
        values, form = flatten_call(self.parameters, self.__name__, (*self.bound, *args), kwargs)
        return self._find(form).run(values)

    def _find(self, form: Form) -> Specialisation:
        """The program for a form of call, compiled now if it is the first such call."""
        dynamic = self.settings.dynamic
        if isinstance(dynamic, Mapping):
            form = declared(dynamic, self.__name__, leaf_names(self.parameters, form), form)
        elif dynamic:
            return self._find_varying(form)
        return self._find_exact(form)

    def _find_exact(self, form: Form) -> Specialisation:
        found = self._programs.get(form)
        if found is not None:
            self._hits += 1
            return found
        with self._lock:
            return self._programs.get(form) or self._specialise(form)

    def _find_varying(self, form: Form) -> Specialisation:
        """The same with leading sizes made symbolic where they vary and the function allows it."""
        with self._lock:
            general = self._leading.generalise(form)
            try:
                return self._find_exact(general)
            except GraphcError:
                if general is form:
                    raise
                self._leading.keep_fixed(form)
                return self._find_exact(form)

    def _specialise(self, form: Form) -> Specialisation:
        """Compiles the program for a form of call. Nothing is kept if that raises."""
        built = self.build(form)
        self._misses += 1
        if len(self._programs) >= _KEPT:
            del self._programs[next(iter(self._programs))]
        self._programs[form] = built
        direct = self._is_direct(form, built) and len(self._programs) <= _ENTRIES
        entry = built.executable.entry(self.__call__, built.recorded.assemble) if direct else None
        if entry is not None:
            self._install(entry)
        return built

    def _is_direct(self, form: Form, built: Specialisation) -> bool:
        """Whether an entry can take the arguments as the user writes them: by position, in plain trees."""
        args, kwargs = form.structure.children()
        if any(leaf.parts for leaf in form.leaves):
            return False  # entries take floats where the user passes complex numbers
        flat = all(child.is_leaf() for child in args.children()) and kwargs.num_leaves == 0
        one_by_one = flat and len(form.leaves) == args.num_children
        return (one_by_one or built.program.nesting is not None) and built.is_plain and not self.bound

    def _install(self, entry: Entry) -> None:
        """Makes `entry` what runs when this object is called."""
        Compiled.__dict__["__call__"].__set__(self, entry)

    def build(self, form: Form) -> Specialisation:
        """The program for a form of call, traced and built anew."""
        recorded, program = self.record(form)
        backend = get_backend(self.settings.backend)
        return specialise(program, backend.build(program), recorded, form, self.settings.check_finite)

    def record(self, form: Form) -> tuple[Recorded, Program]:
        """The function traced for a form of call, and what a backend gets of it."""
        settings = self.settings
        names = leaf_names(self.parameters, form)
        token = STABLE.set(settings.options.stable)
        try:
            recorded = record_function(self.function, self.parameters, form)
        finally:
            STABLE.reset(token)
        # Donated memory is overwritten, but finding where a NaN came from needs the arguments again.
        donated = frozenset(() if settings.check_finite else settings.donate)
        return recorded, make_program(self.__name__, recorded, form, names, donated, settings.options)

    def described(self, *args: Any, **kwargs: Any) -> Form:
        """The form of a call with these arguments; a string such as "f32[N, 784]" stands for its type."""
        _, form = flatten_call(self.parameters, self.__name__, (*self.bound, *args), kwargs)
        return with_types(form)

    # ---- looking inside

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The program for these arguments, or for types such as "f32[N, 784]", to look at."""
        from graphc.api.lowered import Lowered

        return Lowered(self.build(self.described(*args, **kwargs)))

    def profile(self, *args: Any, rounds: int = 30, **kwargs: Any) -> Any:
        """Measured time per kernel beside its roofline time, for these arguments; prints as a table.

        Every kernel runs `rounds` times on copies of the arguments, and the least time counts: seconds per
        kernel in `.seconds`, their sum in `.total`. Kernels use as many threads as the function does.
        Calls, checks of arguments and the allocation of results are not part of it.
        """
        values, form = flatten_call(self.parameters, self.__name__, (*self.bound, *args), kwargs)
        return self._find(form).executable.profile(values, rounds)

    def cache_info(self) -> CacheInfo:
        """Calls that found a program through Python (native entries do not count), programs made and kept."""
        return CacheInfo(self._hits, self._misses, len(self._programs))

    def clear_cache(self) -> None:
        """Forgets all programs."""
        with self._lock:
            self._install(self._call)
            self._programs.clear()
            self._leading.clear()
            self._hits = self._misses = 0


def unbind(function: Callable[..., Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A plain function and the arguments it is bound to: objects with values in them become arguments."""
    if isinstance(function, Compiled):
        return function.function, function.bound
    if isinstance(function, MethodType):
        inner, bound = unbind(function.__func__)
        return inner, (*bound, function.__self__)
    if isinstance(function, staticmethod):
        return unbind(function.__func__)
    if not isinstance(function, type | functools.partial) and inspect.isfunction(type(function).__call__):
        return type(function).__call__, (function,)
    return function, ()


@overload
def compile(
    fn: Callable[..., Any],
    *,
    backend: str | None = None,
    static_argnames: str | tuple[str, ...] = (),
    donate: str | tuple[str, ...] = (),
    dynamic: bool | Mapping[str, Any] | None = None,
    threads: int | None = None,
    fast_math: bool = False,
    checks: str = "off",
    stable: bool = True,
) -> Compiled: ...


@overload
def compile(
    fn: None = None,
    *,
    backend: str | None = None,
    static_argnames: str | tuple[str, ...] = (),
    donate: str | tuple[str, ...] = (),
    dynamic: bool | Mapping[str, Any] | None = None,
    threads: int | None = None,
    fast_math: bool = False,
    checks: str = "off",
    stable: bool = True,
) -> Callable[[Callable[..., Any]], Compiled]: ...


def compile(
    fn: Callable[..., Any] | None = None,
    *,
    backend: str | None = None,
    static_argnames: str | tuple[str, ...] = (),
    donate: str | tuple[str, ...] = (),
    dynamic: bool | Mapping[str, Any] | None = None,
    threads: int | None = None,
    fast_math: bool = False,
    checks: str = "off",
    stable: bool = True,
) -> Compiled | Callable[[Callable[..., Any]], Compiled]:
    """`fn` compiled to native code; without `fn`, a decorator.

    backend: "cpu", or "interpret" for the reference; the fastest installed one if None.
    static_argnames: parameters that are part of the program: Python may branch and loop on them.
    donate: parameters whose arrays may be overwritten with results. Do not use them after the call.
    dynamic: sizes that one program serves for any value: {"x": "f32[N, 784]"} or {"x": ("N", None)} by
        the argument's name (`params['w']` inside a tree); True finds varying leading sizes by itself.
    threads: how many threads large kernels may use; all available ones if None. Results do not depend on it.
    fast_math: allow the generated code to reorder all arithmetic and to assume finite numbers.
    checks: "nan" raises FloatingPointError naming the operation and line where a value stopped being finite.
    stable: let the compiler replace formulas that overflow or cancel by equivalent ones that do not.

    Python runs `fn` once per form of its arguments, so what it prints or draws from np.random is fixed then.
    Arrays and numbers that `fn` closes over are read at that time too: changes inside such an array are seen,
    binding the name to another one is not. Pass what varies as an argument. Python integers are 64-bit and
    wrap around; division by zero gives what NumPy gives.
    """
    if checks not in ("off", "nan"):
        raise ArgumentError(f"checks={checks!r}; choose 'off' or 'nan'")
    if threads is not None and (type(threads) is not int or threads < 1):
        raise ArgumentError(f"threads={threads!r}; choose a positive number, or None for all")
    if not isinstance(dynamic, bool | Mapping | None):
        raise ArgumentError(f"dynamic={dynamic!r}; choose True, or a dict from argument to its type or axes")
    backend = backend or default_backend()
    get_backend(backend)
    settings = Settings(
        backend,
        _names(static_argnames),
        _names(donate),
        dynamic,
        checks == "nan",
        Options(threads, fast_math, stable),
    )
    if fn is None:
        return lambda function: _compile(function, settings)
    return _compile(fn, settings)


def _compile(function: Callable[..., Any], settings: Settings) -> Compiled:
    if not callable(function):
        raise ArgumentError(f"compile takes a function, got {function!r} of type {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise ArgumentError(
            f"{function.__name__} is a generator or a coroutine; compile a function that returns its values"
        )
    return Compiled(function, *unbind(function), settings)


def _names(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _check_names(compiled: Compiled, settings: Settings) -> None:
    """Raises for settings that name no parameter of the function."""
    try:
        parameters = inspect.signature(compiled.function).parameters
    except (TypeError, ValueError):
        return
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    dynamic = settings.dynamic if isinstance(settings.dynamic, Mapping) else {}
    for option, names in (
        ("static_argnames", settings.static_argnames),
        ("donate", settings.donate),
        ("dynamic", tuple(dynamic)),
    ):
        for name in names:
            if tree.root_of(name) not in parameters:
                listed = ", ".join(parameters) or "none"
                raise ArgumentError(
                    f"{option} names {name!r}, but the parameters of {compiled.__name__} are: {listed}"
                )
