"""Layers, activations and losses, with PyTorch's names and layouts."""

from graphc.nn import functional as functional
from graphc.nn.activations import ELU as ELU
from graphc.nn.activations import GELU as GELU
from graphc.nn.activations import LeakyReLU as LeakyReLU
from graphc.nn.activations import LogSoftmax as LogSoftmax
from graphc.nn.activations import ReLU as ReLU
from graphc.nn.activations import Sigmoid as Sigmoid
from graphc.nn.activations import SiLU as SiLU
from graphc.nn.activations import Softmax as Softmax
from graphc.nn.activations import Softplus as Softplus
from graphc.nn.activations import Tanh as Tanh
from graphc.nn.files import load as load
from graphc.nn.files import save as save
from graphc.nn.layers import Flatten as Flatten
from graphc.nn.layers import Identity as Identity
from graphc.nn.layers import Linear as Linear
from graphc.nn.layers import Sequential as Sequential
from graphc.nn.losses import BCEWithLogitsLoss as BCEWithLogitsLoss
from graphc.nn.losses import CrossEntropyLoss as CrossEntropyLoss
from graphc.nn.losses import MSELoss as MSELoss
from graphc.nn.module import Module as Module
