"""Optimizers: pure functions of parameters, gradients and state."""

from graphc.optim.adam import Adam as Adam
from graphc.optim.adam import AdamW as AdamW
from graphc.optim.optimizer import AbstractOptimizer as AbstractOptimizer
from graphc.optim.sgd import SGD as SGD
