"""Random numbers from explicit keys: the same key gives the same numbers, on every backend.

A key is a u32[2] array: made by `key`, taken apart by `split` and `fold_in`, and used for one draw. The
numbers are a pure function of the key and their place, so that draws can be traced and fused like any other
array.
"""

from graphc.random.blocks import bits as bits
from graphc.random.categories import categorical as categorical
from graphc.random.categories import exponential as exponential
from graphc.random.categories import gumbel as gumbel
from graphc.random.gaussian import normal as normal
from graphc.random.gaussian import truncated_normal as truncated_normal
from graphc.random.integers import randint as randint
from graphc.random.interval import bernoulli as bernoulli
from graphc.random.interval import uniform as uniform
from graphc.random.keys import fold_in as fold_in
from graphc.random.keys import key as key
from graphc.random.keys import split as split
from graphc.random.order import choice as choice
from graphc.random.order import permutation as permutation
