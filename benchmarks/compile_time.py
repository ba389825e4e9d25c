"""Times compiling, each in new processes: cold (empty cache) and warm (the code is in the cache).

    python -m benchmarks.compile_time [--rounds 3]

Rows: the Adam step of a 784-512-256-10 classifier at batch 128; 200 kernels that differ in constants, and in
lengths where they are one program; 200 kernels of formulas that all differ. Seconds are the least over the
rounds, after the interpreter has started and NumPy is imported: `import graphc`, tracing, compiling or
loading, and the first call.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

TIMED = """
import time
import numpy as np
start = time.perf_counter()
{body}
print(time.perf_counter() - start)
"""
_FORMULAS = """
import graphc
def formula(i, x):
    y = np.tanh(x * (i + 0.5))
    for bit in range(8):
        y = y * x + 0.7 if i >> bit & 1 else np.maximum(y, x) - y
    return y
"""
ROWS = {
    "Adam step 784-512-256-10, batch 128": """
import graphc
from graphc import nn, optim
model = nn.Sequential(
    nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
)
trainer = graphc.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(lr=1e-3))
trainer.step(np.ones((128, 784), np.float32), np.zeros(128, np.int64))
""",
    "200 small kernels, one program each": """
import graphc
x = np.linspace(0, 1, 1000)
for i in range(200):
    graphc.compile(lambda x: np.tanh(x * (i + 0.5)) + x / (1 + i) - x * x)(x)
""",
    "200 small kernels, one program": """
import graphc
arrays = [np.linspace(0, 1, 1000 + i) for i in range(200)]
graphc.compile(lambda xs: [np.tanh(x * (i + 0.5)) + x / (1 + i) - x * x for i, x in enumerate(xs)])(arrays)
""",
    "200 formulas, one program each": f"""{_FORMULAS}
x = np.linspace(0, 1, 1000)
for i in range(200):
    graphc.compile(lambda x: formula(i, x))(x)
""",
    "200 formulas, one program": f"""{_FORMULAS}
arrays = [np.linspace(0, 1, 1000 + i) for i in range(200)]
graphc.compile(lambda xs: [formula(i, x) for i, x in enumerate(xs)])(arrays)
""",
}


def seconds(body: str, cache: str) -> float:
    """What a new process with this cache directory needs for `body`."""
    command = [sys.executable, "-c", TIMED.format(body=body)]
    environment = {**os.environ, "GRAPHC_CACHE_DIR": cache}
    # An installed package has its bytecode on disk; without it Python compiles every module at every start.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'':38} {'cold':>8} {'warm':>8}")
    for name, body in ROWS.items():
        cold, warm = float("inf"), float("inf")
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as cache:
                cold = min(cold, seconds(body, f"{cache}/c"))
                warm = min(warm, seconds(body, f"{cache}/c"))
        print(f"{name:38} {cold:6.2f} s {warm:6.2f} s", flush=True)


if __name__ == "__main__":
    main()
