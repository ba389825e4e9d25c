"""Errors compared by their whole text."""

import contextlib

import pytest


@contextlib.contextmanager
def raises_exactly(error, text):
    with pytest.raises(error) as caught:
        yield
    assert str(caught.value) == text
