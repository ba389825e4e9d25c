"""Trains a classifier of handwritten digits, and prints its accuracy on digits that it has not seen.

Run it with `python examples/digits.py`; it needs scikit-learn for the images, and some seconds.
"""

import numpy as np
from sklearn.datasets import load_digits

import graphc
from graphc import nn, optim
from graphc.nn.trainer import accuracy


class Classifier(nn.Module):
    """Scores of the ten digits for images of 8 x 8 pixels."""

    def __init__(self, rng):
        super().__init__()
        self.hidden_1 = nn.Linear(64, 128, rng=rng)
        self.hidden_2 = nn.Linear(128, 64, rng=rng)
        self.scores = nn.Linear(64, 10, rng=rng)
        self.activ = nn.ReLU()

    def forward(self, x):
        x = self.activ(self.hidden_1(x))
        x = self.activ(self.hidden_2(x))
        return self.scores(x)


def split(seed=0):
    """1297 images to train on, 200 to validate and 300 to test, each an (images, digits) pair."""
    digits = load_digits()
    images = (digits.data / 16).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(images))
    parts = np.split(order, [1297, 1497])
    return [(images[part], digits.target[part]) for part in parts]


def main(epochs=30) -> float:
    train, validation, test = split()
    rng = np.random.default_rng(0)
    model = Classifier(rng)
    trainer = graphc.Trainer(model, loss=nn.CrossEntropyLoss(), optimizer=optim.AdamW(lr=2e-3))
    trainer.fit(
        *train,
        epochs=epochs,
        batch_size=32,
        validation=validation,
        metrics={"accuracy": accuracy},
        rng=rng,  # the order of the images: the same in every run
    )
    result = accuracy(trainer.predict(test[0]), test[1])
    print(f"accuracy on {len(test[1])} digits that were not trained on: {result:.2%}")
    return result


if __name__ == "__main__":
    main()
