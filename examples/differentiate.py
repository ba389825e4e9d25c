"""Values and derivatives of a NumPy function, and how to read the graph behind them."""

import numpy as np

import graphc


@graphc.compile
def f(x, y):
    return y * (x**2 + x)


@graphc.compile
def loss(w, x, y):
    """The mean squared error of a linear layer with tanh: plain NumPy, on arrays of any size."""
    return np.mean((np.tanh(x @ w) - y) ** 2)


def main() -> tuple[float, tuple[float, float], float]:
    value, gradients = graphc.value_and_grad(f, argnums=(0, 1))(2.0, 1.0)
    print("f(x, y) = y (x² + x) at x = 2, y = 1")
    print("  value             ", value)
    print("  ∂f/∂x, ∂f/∂y      ", gradients, "  y (2x + 1) and x² + x")

    second = graphc.grad(graphc.grad(f))(2.0, 1.0)
    print("  ∂²f/∂x²           ", second, "         2y: the gradient of a gradient is an ordinary function")

    print(
        "\nThe computation graph of f. One operation a line: its result, its type, what it takes, your line."
    )
    print(f.lower(2.0, 1.0).graph)

    print("\nThe graph of its gradient. x reaches the result on two paths, through x² and directly:")
    print("2xy arrives along the first, y along the second, and `add` sums what arrives.")
    print(graphc.compile(graphc.grad(f)).lower(2.0, 1.0).graph)

    rng = np.random.default_rng(0)
    w, x, y = rng.normal(size=(3, 2)), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    print("\nThe gradient of a function of arrays has the shape of its argument:")
    print(graphc.grad(loss)(w, x, y))
    return value, gradients, second


if __name__ == "__main__":
    main()
