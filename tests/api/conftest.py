"""Every test of the public interface runs on every backend."""

import pytest

from graphc.runtime.registry import backend_names


@pytest.fixture(params=backend_names())
def backend(request):
    return request.param
