"""Types of arguments written as text, such as "f32[N, 784]", in the place of arguments."""

from __future__ import annotations

import dataclasses
import functools
import re

from graphc.api.arguments import Described, Static, leaf_of
from graphc.api.call import Form
from graphc.errors import ParseError
from graphc.ir.types import ArrayType, parse_type

# Text that is meant as a type, well-formed or not.
_LIKE_A_TYPE = r"\s*(bool|[iuf]\d+|float\d+|u?int\d+)\s*\["


def with_types(form: Form) -> Form:
    """`form` with traced arrays in place of the texts that are types."""
    return dataclasses.replace(form, described=tuple(_from_text(d) for d in form.described))


def _from_text(described: Described) -> Described:
    """The traced array that a type's text stands for; other static values stay."""
    if isinstance(described, Static) and isinstance(described.value, str):
        type_ = _parsed(described.value)
        if type_ is None and re.match(_LIKE_A_TYPE, described.value):
            parse_type(described.value)  # raises an error that says what is wrong
        if type_ is not None:
            return leaf_of("array" if type_.shape else "numpy scalar", type_)
    return described


@functools.lru_cache(256)
def _parsed(text: str) -> ArrayType | None:
    try:
        return parse_type(text)
    except ParseError:
        return None
