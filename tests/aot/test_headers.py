"""Headers of exported libraries compile everywhere, whatever the functions and their arguments are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.aot.build import Build
from graphc.aot.names import identifier
from graphc.errors import ArgumentError
from tests.aot.example_arrays import ARRAYS
from tests.aot.example_programs import PROGRAMS
from tests.aot.harness import STRICT, Case, Harness, checked, has

pytestmark = pytest.mark.skipif(not has("gcc"), reason="no gcc to compile C programs with")

C_STANDARDS = ("c99", "c11", "c17")
CPP_STANDARDS = ("c++11", "c++17", "c++20")
HEADERS = (
    *("assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits", "locale"),
    *("math", "setjmp", "signal", "stdarg", "stdbool", "stddef", "stdint", "stdio", "stdlib", "string"),
    *("tgmath", "time", "wchar", "wctype"),
)
BOTH = [(c, cpp) for c, cpp in (("gcc", "g++"), ("clang", "clang++")) if has(c, cpp)]


def compiles(build: Build, before: str = "", compilers: Any = None) -> None:
    """Includes the header twice, as C and as C++, with every warning an error."""
    for c, cpp in compilers or BOTH:
        for compiler, suffix, standards in ((c, "c", C_STANDARDS), (cpp, "cpp", CPP_STANDARDS)):
            source = build.folder / f"includes.{suffix}"
            include = f'#include "{build.name}.h"\n'
            source.write_text(f"{before}{include}{include}int main(void) {{ return 0; }}\n")
            for standard in standards:
                checked([compiler, f"-std={standard}", *STRICT, "-fsyntax-only", str(source)])


def exported(folder: Path, functions: dict[str, Any], **options: Any) -> Build:
    options = {"name": "lib", "targets": "x86-64", "shared": False, **options}
    return graphc.export(functions, path=folder, **options)


def test_headers_compile_as_c_and_as_cpp(tmp_path: Path) -> None:
    chosen = {name: {**ARRAYS, **PROGRAMS}[name] for name in ("widths", "tree", "moved", "trained", "zeros")}
    build = exported(tmp_path, {name: (e.function, *e.types) for name, e in chosen.items()}, weights="file")
    compiles(build)


# ---- names


def keywords(int: Any, double: Any, register: Any, template: Any, bool: Any, workspace: Any) -> Any:
    return int + double * register, template - bool + workspace


def macros(I: Any, NULL: Any, INT8_MAX: Any, linux: Any, errno: Any, weights: Any, N: Any) -> Any:
    return I + NULL * INT8_MAX, linux - errno + weights + N


def letters(α: Any, β: Any, été: Any, x_: Any, x: Any, status: Any) -> Any:
    return α + β, été * x_, x, status + 1


def twice(lib_p: Any, struct: Any, p: Any) -> Any:
    return lib_p + struct * p["x"]


def mapping(p: Any, p_2: Any, lib_mapping: Any, out: Any) -> Any:
    total = sum((v for v in p.values()), np.zeros(2))
    return {"class": total, "a b": p_2["x"] + 1, "": lib_mapping["y"] * 2, "out": out + 1, "9": out}


def test_arguments_may_be_called_anything(tmp_path: Path) -> None:
    keys = ["class", "a-b", "a b", "a_b", "1", "", "*/", "??/", "\n", "int", "N", "é", "/*", "//", "\\"]
    p = {key: np.arange(2.0) + i for i, key in enumerate(keys)}
    functions = {
        "keywords": (keywords, *["f64[int]"] * 3, *["f64[workspace]"] * 3),
        "macros": (macros, *["f64[N]"] * 3, *["f64[weights]"] * 3, "f64"),
        "twice": (twice, *["f64[2]"] * 2, {"x": "f64[2]"}),
        "letters": (letters, *["f64[2]"] * 6),
        "mapping": (mapping, dict.fromkeys(keys, "f64[2]"), {"x": "f64[2]"}, {"y": "f64[2]"}, "f64[2]"),
    }
    build = exported(tmp_path, functions, targets="native")
    compiles(build)
    compiles(build, "".join(f"#include <{name}.h>\n" for name in HEADERS if name != "tgmath"), BOTH[:1])
    one, two, three = np.array(1.0), np.arange(2.0), np.arange(3.0)
    many = [three] * 3 + [two] * 3
    cases = [
        Case("lib_keywords", many, keywords(*many), {"int": 3, "workspace": 2}),
        Case("lib_macros", [*many, one], macros(*many, one), {"N": 3, "weights": 2}),
        Case("lib_twice", [two, two, {"x": two}], twice(two, two, {"x": two})),
        Case("lib_letters", [two] * 6, letters(*[two] * 6)),
        Case("lib_mapping", [p, {"x": two}, {"y": two}, two], mapping(p, {"x": two}, {"y": two}, two)),
    ]
    assert "all right" in Harness(build, cases).run("end")


def test_no_name_is_a_macro_of_the_standard_headers(tmp_path: Path) -> None:
    source = tmp_path / "all.c"
    source.write_text("".join(f"#include <{name}.h>\n" for name in HEADERS))
    text = checked(["gcc", "-std=c99", "-dM", "-E", str(source)])
    words = [line.split()[1] for line in text.splitlines()]
    plain = [word for word in words if word.isidentifier() and word[0] != "_"]
    assert len(plain) > 300
    assert [word for word in plain if identifier(word) in words] == []


def nested(grad: Any, message: Any, workspace_bytes: Any, target: Any, interface: Any, OK: Any) -> Any:
    trees = (grad, message, workspace_bytes, target, interface, OK)
    return sum(np.sum(t["x"] * (i + 1)) for i, t in enumerate(trees))


def test_structures_are_not_called_like_functions(tmp_path: Path) -> None:
    types = [{"x": f"f64[{i + 1}]"} for i in range(6)]
    build = graphc.export(nested, *types, path=tmp_path, grad=True, targets="x86-64", shared=False)
    compiles(build)


@pytest.mark.parametrize("name", ["exp", "main", "read", "gamma", "j0", "free"])
def test_names_of_the_c_library_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArgumentError, match=f"{name} is a name of the C library"):
        graphc.export(lambda x: x * 2, "f64[3]", path=tmp_path, name=name)


@pytest.mark.parametrize("ending", ["a b", "é", "", "*/"])
def test_functions_need_names_that_c_has(tmp_path: Path, ending: str) -> None:
    with pytest.raises(ArgumentError, match="cannot be part of the name of a C function"):
        exported(tmp_path, {ending: (np.tanh, "f64[3]")})


@pytest.mark.parametrize(
    ("endings", "grad"),
    [(("a", "a_message"), False), (("f", "f_grad"), True), (("a", "A"), False), (("target", "b"), False)],
)
def test_functions_of_a_library_have_different_names(
    tmp_path: Path, endings: tuple[str, str], grad: bool
) -> None:
    def f(x: Any) -> Any:
        return np.sum(x * 2)

    with pytest.raises(
        ArgumentError,
        match=r"two things in the library would be called (lib|LIB)_[a-zA-Z_]+\n  Give its functions names",
    ):
        exported(tmp_path, dict.fromkeys(endings, (f, "f64[3]")), grad=grad)


@pytest.mark.parametrize("name", ["Net2", "T", "UPPER", "a__b", "x64_", "config", "int8"])
def test_libraries_may_have_any_name_of_c(tmp_path: Path, name: str) -> None:
    functions = {"ok": (lambda p: p["OK"] * 2, {"OK": "f64[N]"}), "2": (np.tanh, "f64[3]")}
    build = exported(tmp_path, functions, name=name)
    compiles(build, compilers=BOTH[:1])
    assert f"int {name}_ok(int64_t N,\n" in build[".h"].read_text()


# ---- comments


@pytest.mark.parametrize(
    "text",
    [
        "Ends */ the comment",
        "Opens /* another",
        "Trigraphs ??/ ??) ??= and a backslash \\",
        "Größe ½ → 数学 🙂",
        "A lone surrogate \ud800, a null \x00, a bell \x07, a form feed \x0c, right to left \u202e",
        "word " * 5000,
        "\"quotes\" and 'others' % {braces} {0}",
        "*",
        "/",
    ],
)
def test_documentation_may_say_anything(tmp_path: Path, text: str) -> None:
    def f(x: Any, key: Any) -> Any:
        return x[key]

    f.__doc__ = f"{text}\n\nMore */ text."
    build = exported(tmp_path, {"f": (f, "f64[3]", "i64")})
    compiles(build)
    header = build[".h"].read_text()
    assert not any(ord(c) < 32 and c != "\n" for c in header) and "More" not in header
