"""The module NAME.py that `export` writes: it runs where there is NumPy and nothing else."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import nn
from graphc.aot.link import linker_for
from graphc.aot.loaded import files, function, leaves, library, plans, sizes, trees, workspace

pytestmark = pytest.mark.skipif(linker_for("x86_64") is None, reason="no C compiler to link with")

RNG = np.random.default_rng(0)
ISOLATED = """
import sys, json
sys.path[:] = [p for p in sys.path if p] + [sys.argv[1]]
import numpy as np
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('graphc', 'numba', 'llvmlite', 'sympy', 'optree', 'scipy', 'safetensors'):
            raise ImportError(name + ' must not be needed')
sys.meta_path.insert(0, Blocked())
"""


def isolated(folder: Path, code: str) -> str:
    """What a Python prints that knows NumPy and the modules in `folder` only."""
    command = [sys.executable, "-I", "-W", "error", "-c", ISOLATED + code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def imported(path: Path) -> ModuleType:
    """The module in a file."""
    spec = importlib.util.spec_from_file_location(f"generated_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exported(folder: Path, made: Any, *types: Any, **options: Any) -> ModuleType:
    """The generated module of a function."""
    return imported(graphc.export(made, *types, path=folder, **options)[".py"])


def refused(error: type[Exception], called: Any, *args: Any, **named: Any) -> str:
    """The text of the error that a call raises."""
    with pytest.raises(error) as caught:
        called(*args, **named)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_it_runs_with_numpy_only(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 3, rng=RNG), nn.Tanh())

    def predict(x: Any) -> Any:
        """The model's output."""
        return model(x)

    graphc.export(predict, "f32[N, 4]", path=tmp_path, grad=True, weights="file")
    x = RNG.normal(size=(5, 4)).astype(np.float32)
    code = f"""
from predict import predict, predict_vjp
x = np.array({x.tolist()}, np.float32)
print(json.dumps([predict(x).tolist(), predict_vjp(x, cotangent=np.ones((5, 3), np.float32))[0].tolist()]))
"""
    value, gradient = json.loads(isolated(tmp_path, code))
    np.testing.assert_allclose(value, model(x), rtol=1e-5, atol=1e-6)
    weight = model.state_dict()["0.weight"]
    np.testing.assert_allclose(gradient, (1 - model(x) ** 2) @ weight, rtol=1e-5, atol=1e-6)


def test_its_functions_have_the_parameters_and_types_of_the_original(tmp_path: Path) -> None:
    def fit(params: Any, x: Any, rate: Any) -> Any:
        """Moves a little. \\n is no line, and \"\"\" no end."""
        return {"w": params["w"] - rate * x.sum(), "n": [params["n"] + 1]}

    types = ({"w": "f64[3]", "n": 3}, "f32[N, 2]", 0.5)
    module = exported(tmp_path, fit, *types, donate="params")
    assert module.fit.__doc__ == (
        'Moves a little. \\n is no line, and """ no end.\n\n'
        "    params: a dict\n"
        "        n: int\n"
        "        w: (3,) float64, overwritten\n"
        "    x: (N, 2) float32\n"
        "    rate: float\n"
        "    Returns: a dict\n"
        "        n: a list\n"
        "            0: int\n"
        "        w: params['w'], updated\n"
        "    "
    )
    w = np.ones(3)
    result = module.fit(x=np.ones((2, 2), np.float32), params={"n": 1, "w": w}, rate=0.5)
    assert result["w"] is w and result["n"] == [2]
    np.testing.assert_array_equal(w, [-1.0] * 3)
    assert module.__all__ == ["fit"]
    assert '\n\n\ndef fit(params, x, rate):\n    """Moves' in (tmp_path / "fit.py").read_text()


def test_it_checks_arguments_as_a_loaded_library_does(tmp_path: Path) -> None:
    module = exported(tmp_path, lambda x, y: x @ np.linalg.inv(y), "f64[N, 2]", "f64[2, 2]", name="solve")
    loaded = graphc.load(tmp_path)
    x, y = np.ones((3, 2)), np.eye(2)
    np.testing.assert_array_equal(module.solve(x, y), loaded(x, y))
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("DTypeError", (x.astype(int), y)),
        ("ShapeError", (x, np.ones(2))),
        ("ArgumentError", ([1.0], y)),
        ("LinAlgError", (x, np.ones((2, 2)))),
    ]
    for name, args in calls:
        text = refused(Exception, module.solve, *args)
        assert text == refused(Exception, loaded, *args) and text.startswith(f"{name}: ")
    with pytest.raises(TypeError, match="is i64"):
        module.solve(x.astype(int), y)


def test_names_that_it_needs_itself_can_be_functions(tmp_path: Path) -> None:
    functions = {
        "np": (lambda x: x + 1.0, "f64[3]"),
        "Leaf": (lambda LIBRARY: LIBRARY * 2.0, "f64[3]"),
    }
    module = exported(tmp_path / "two", functions, name="my")
    np.testing.assert_array_equal(module.my_np(np.zeros(3)), np.ones(3))
    np.testing.assert_array_equal(module.my_Leaf(np.ones(3)), 2 * np.ones(3))
    # Names of Python are found as they are, those of the module itself with an underscore behind.
    for name in ("sum", "len", "lambda", "data", "Leaf_", "np_", "opened_"):
        module = exported(tmp_path / name, lambda x: x + 1.0, "f64[3]", name=name.rstrip("_"))
        np.testing.assert_array_equal(getattr(module, name)(np.zeros(3)), np.ones(3))
    with pytest.raises(AttributeError, match="nothing"):
        module.nothing  # noqa: B018


def test_sizes_without_an_array_are_keywords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_VERIFY", "0")  # graphs have no such sizes in the process
    module = exported(tmp_path, lambda x: x[::2] * 2.0, "f64[2*N]", name="every_other")
    np.testing.assert_array_equal(module.every_other(np.arange(4.0), N=2), [0.0, 4.0])


def test_many_parameters_are_wrapped(tmp_path: Path) -> None:
    names = [f"a_rather_long_parameter_{i}" for i in range(8)]
    source = f"def added({', '.join(names)}):\n    return {' + '.join(names)}\n"
    scope: dict[str, Any] = {}
    exec(source, scope)
    module = exported(tmp_path, scope["added"], *["f64[2]"] * 8)
    assert module.added(**{name: np.ones(2) for name in names}).tolist() == [8.0, 8.0]
    body = (tmp_path / "added.py").read_text().partition("INTERFACE")[0]
    assert max(map(len, body.splitlines())) <= 110


def test_fixed_results_are_kept(tmp_path: Path) -> None:
    module = exported(tmp_path, lambda x: (x * 2.0, "text", None), "f64[2]", name="f")
    assert module.f(np.ones(2))[1:] == ("text", None)


def test_it_carries_the_code_that_loads_libraries_and_says_so(tmp_path: Path) -> None:
    text = graphc.export(lambda x: x + 1.0, "f64[2]", path=tmp_path, name="f")[".py"].read_text()
    for module in (sizes, leaves, trees, plans, workspace, files, function, library):
        source = Path(module.__file__ or "").read_text()
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                assert (ast.get_source_segment(source, node) or "") in text
    compile(text, "f.py", "exec")
    assert "import graphc" not in text and "from graphc" not in text


def test_a_library_that_was_changed_is_refused_at_import(tmp_path: Path) -> None:
    build = graphc.export(lambda x: x + 1.0, "f64[2]", path=tmp_path, name="f")
    data = bytearray(build[".so"].read_bytes())
    data[-1] ^= 1
    build[".so"].write_bytes(data)
    text = refused(Exception, imported, build[".py"])
    assert text.startswith("LoadError: ") and "is not the file that was exported: it differs" in text
    build[".so"].unlink()
    assert "f.so cannot be read: No such file or directory" in refused(Exception, imported, build[".py"])


def test_libraries_for_other_machines_and_without_a_linker(tmp_path: Path) -> None:
    build = graphc.export(lambda x: x + 1.0, "f64[2]", path=tmp_path, name="f", shared=False)
    assert not any(file.suffix == ".py" for file in build.files)
    with pytest.raises(graphc.LoadError, match="f was exported without a shared library"):
        graphc.load(tmp_path)
