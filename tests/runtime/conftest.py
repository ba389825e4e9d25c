import pytest


@pytest.fixture(params=[True, False], ids=["native", "python"])
def native(request):
    """Every entry behaves the same in machine code and in Python."""
    return request.param
