"""Every test of the public interface runs on every backend; under Numba only with the slow tests."""

import pytest

from graphc.runtime.registry import backend_names

SLOW = pytest.param("numba", marks=pytest.mark.slow)


@pytest.fixture(params=[SLOW if name == "numba" else name for name in backend_names()])
def backend(request):
    return request.param
