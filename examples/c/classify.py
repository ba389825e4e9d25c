"""Inference in C++ with a file of weights that is mapped into memory: the digits classifier again.

Run it from the top folder with `python -m examples.c.classify`; it needs scikit-learn for the images.
"""

from pathlib import Path

import numpy as np

import graphc
from examples.c.native import BUILD, compiled, run
from examples.digits import Classifier, split
from graphc import nn, optim


def main(folder: Path = BUILD) -> tuple[np.ndarray, np.ndarray]:
    train, _, (images, digits) = split()
    rng = np.random.default_rng(0)
    model = Classifier(rng)
    trainer = graphc.Trainer(model, loss=nn.CrossEntropyLoss(), optimizer=optim.AdamW(lr=2e-3))
    trainer.fit(*train, epochs=5, rng=rng, progress=False)

    print(graphc.export(model, "f32[N, 64]", name="classifier", path=folder, weights="file"))
    images.tofile(folder / "classifier_images.bin")
    print(run(compiled("classify", folder)), end="")
    in_c = np.fromfile(folder / "classifier_scores.bin", np.float32).reshape(-1, 10)
    in_python = graphc.compile(model, dynamic={"x": ("N", None)})(images)
    print(f"Python: all scores equal to the bit: {np.array_equal(in_c, in_python)}")
    print(f"accuracy {np.mean(in_c.argmax(axis=1) == digits):.2%}")
    return in_c, in_python


if __name__ == "__main__":
    main()
