"""The classic training script: three linear layers, sigmoid, mean squared error, SGD."""

import numpy as np

import graphc
from graphc import nn, optim


class SimpleMLP(nn.Module):
    def __init__(self, rng=0):
        super().__init__()
        rng = np.random.default_rng(rng)
        self.linear_1 = nn.Linear(8, 10, rng=rng)
        self.linear_2 = nn.Linear(10, 7, rng=rng)
        self.linear_3 = nn.Linear(7, 3, rng=rng)
        self.activ = nn.Sigmoid()

    def forward(self, x):
        x = self.activ(self.linear_1(x))
        x = self.activ(self.linear_2(x))
        return self.linear_3(x)


def main() -> float:
    rng = np.random.default_rng(1)
    inputs = rng.random((10, 8), dtype=np.float32)
    labels = rng.random((10, 3), dtype=np.float32)
    mlp = SimpleMLP()
    trainer = graphc.Trainer(mlp, loss=nn.MSELoss(), optimizer=optim.SGD(lr=0.01))
    value = np.float32(0)
    for epoch in range(100):
        value = trainer.step(inputs, labels)  # forward, backward and update: one native call, in place
        if epoch % 20 == 0:
            print(f"epoch {epoch:3d}  loss {value:.6f}")
    print(f"after 100 epochs: loss {value:.6f}, first prediction {mlp(inputs)[0]}")
    return float(value)


if __name__ == "__main__":
    main()
