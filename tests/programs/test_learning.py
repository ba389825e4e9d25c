"""Programs that people bring from machine learning and signal processing, in plain NumPy."""

import numpy as np
import pytest

from tests.programs.checks import check_program, check_value

rng = np.random.default_rng(2)


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def conv1d_slices(x, w):
    k = w.shape[0]
    out = sum(w[i] * x[:, i : x.shape[1] - k + 1 + i] for i in range(k))
    return np.sum(np.maximum(out, 0) ** 2)


def conv2d_pad(x, w):
    p = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = 0.0
    for i in range(3):
        for j in range(3):
            out = out + np.einsum("chw,oc->ohw", p[:, i : i + x.shape[1], j : j + x.shape[2]], w[:, :, i, j])
    pooled = out.reshape(w.shape[0], x.shape[1] // 2, 2, x.shape[2] // 2, 2).max(axis=(2, 4))
    return np.sum(np.tanh(pooled))


def attention(q, k, v):
    scores = np.einsum("bhtd,bhsd->bhts", q, k) / np.sqrt(q.shape[-1])
    mask = np.tril(np.ones((q.shape[2], k.shape[2]), bool))
    weights = softmax(np.where(mask, scores, -np.inf))
    return np.sum(np.sin(np.einsum("bhts,bhsd->bhtd", weights, v)))


def multi_head(x, wq, wk, wv, wo):
    b, t, d = x.shape
    h = 2
    q, k, v = ((x @ w).reshape(b, t, h, d // h).transpose(0, 2, 1, 3) for w in (wq, wk, wv))
    a = softmax(q @ np.swapaxes(k, -1, -2) / np.sqrt(d // h))
    y = (a @ v).transpose(0, 2, 1, 3).reshape(b, t, d) @ wo
    return np.mean((y + x) ** 2)


def layer_norm(x, g, b):
    mu, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return np.sum(((x - mu) / np.sqrt(var + 1e-5) * g + b) ** 3)


def batch_norm(x, g, b):
    mu, sd = x.mean(axis=(0, 2, 3), keepdims=True), x.std(axis=(0, 2, 3), keepdims=True)
    y = (x - mu) / (sd + 1e-3) * g[None, :, None, None] + b[None, :, None, None]
    return np.sum(np.where(y > 0, y, 0.01 * y) ** 2)


def lstm(x, w, u, b):
    h = c = np.zeros((x.shape[1], u.shape[0]))
    for t in range(x.shape[0]):
        i, f, o, g = np.split(x[t] @ w + h @ u + b, 4, axis=-1)
        s = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
        c = s(f) * c + s(i) * np.tanh(g)
        h = s(o) * np.tanh(c)
    return np.sum(h**2)


def gru_masked(x, wz, wh, lengths):
    h = np.zeros((x.shape[1], wz.shape[1]))
    for t in range(x.shape[0]):
        xh = np.concatenate([x[t], h], axis=1)
        z = 1 / (1 + np.exp(-(xh @ wz)))
        new = (1 - z) * h + z * np.tanh(xh @ wh)
        h = np.where((t < lengths)[:, None], new, h)
    return np.sum(h * np.cos(h))


def k_means_step(centres, x):
    d2 = np.sum((x[:, None] - centres[None]) ** 2, axis=-1)
    assigned = np.argmin(d2, axis=1)
    one_hot = np.asarray(np.eye(centres.shape[0]), like=centres)[assigned]
    return (one_hot.T @ x) / np.maximum(one_hot.sum(axis=0), 1)[:, None], d2.min(axis=1).sum()


def softmax_eye(w, x, y):
    logits = x @ w
    logp = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    return -np.sum(np.asarray(np.eye(w.shape[1]), like=w)[y] * logp) / len(y)


def softmax_index(w, x, y):
    logits = x @ w
    logits = logits - logits.max(1)[:, None]
    logp = logits - np.log(np.exp(logits).sum(1))[:, None]
    return -logp[np.arange(len(y)), y].mean()


def embedding_bag(table, ids):
    return np.sum(np.tanh(table[ids].mean(axis=1)) ** 2)


def cumulative(x):
    c = np.cumsum(x, axis=0)
    return (
        np.sum(np.cumprod(1 + 0.1 * x, axis=1))
        + np.sum((c - c.mean()) ** 2)
        + np.sum(np.diff(c, axis=0) ** 4)
    )


def sorted_loss(x, y):
    wasserstein = np.mean(np.abs(np.sort(x) - np.sort(y)) ** 2)
    return wasserstein + np.sort(x)[-3:].sum() + np.median(x) + np.quantile(y, 0.3)


def interpolation(x, fp):
    return np.sum(np.interp(x, np.linspace(-2, 2, fp.shape[0]), fp) ** 2)


def moving_average(x):
    c = np.cumsum(np.concatenate([np.zeros(1), x]))
    window = (c[5:] - c[:-5]) / 5
    return np.sum((x[2:-2] - window) ** 2) + np.sum(np.convolve(x, np.ones(3) / 3, mode="valid"))


def image_filter(x):
    p = np.pad(x, 1, mode="edge")
    gx = p[1:-1, 2:] - p[1:-1, :-2]
    gy = p[2:, 1:-1] - p[:-2, 1:-1]
    q = np.pad(x, 2, mode="reflect")
    blur = sum(q[i : i + x.shape[0], j : j + x.shape[1]] for i in range(5) for j in range(5)) / 25
    return np.sum(np.sqrt(gx**2 + gy**2 + 1e-3)) + np.sum((x - blur) ** 2)


def contrastive(a, b):
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    s = a @ b.T / 0.2
    return -np.mean(np.diag(s) - np.log(np.exp(s).sum(axis=1)))


def gumbel_top(x):
    order = np.argsort(-x, axis=1)
    top = np.take_along_axis(x, order[:, :2], axis=1)
    return np.sum(top * np.array([1.0, 0.5])) + np.sum(np.partition(x, 1, axis=1)[:, 0])


def mlp_flat(theta, x, y):
    w1, b1 = theta[:12].reshape(3, 4), theta[12:16]
    w2, b2 = theta[16:20].reshape(4, 1), theta[20]
    return np.mean((np.maximum(x @ w1 + b1, 0) @ w2 + b2 - y[:, None]) ** 2)


def graph_network(h, w, a):
    degree = a.sum(axis=1)
    norm = a / np.sqrt(np.outer(degree, degree))
    for _ in range(3):
        h = np.tanh(norm @ h @ w)
    return h.sum()


def scatter_messages(h, src, dst):
    out = np.zeros_like(h)
    np.add.at(out, dst, h[src] ** 2)
    return np.sum(out * h)


def masked_assignment(x):
    y = x.copy()
    y[y < 0] = 0.25
    y[::2] += 1.0
    y[..., -1] = 0.0
    y[0, 1:3] = y[1, 0:2] ** 2
    return np.sum(y**2)


def gated_experts(x, gate, experts):
    weights = softmax(x @ gate)
    return np.sum(np.einsum("ne,nd,edk->nk", weights, x, experts) ** 2)


def adaboost(x, t):
    return np.sum(np.exp(-np.sign(t) * np.cumsum(np.tanh(x), axis=-1)[:, -1]))


def focal(logits, y):
    p = 1 / (1 + np.exp(-logits))
    pt = np.where(y, p, 1 - p)
    return -np.mean((1 - pt) ** 2 * np.log(pt))


def dropout_mask(x, mask):
    return np.sum((x * mask / 0.7) ** 2)


def rope(x):
    t, d = x.shape
    angle = np.arange(t)[:, None] / 10000 ** (np.arange(0, d, 2) / d)
    x1, x2 = x[:, ::2], x[:, 1::2]
    y = np.stack([x1 * np.cos(angle) - x2 * np.sin(angle), x1 * np.sin(angle) + x2 * np.cos(angle)], axis=-1)
    return np.sum(y.reshape(t, d)[1:] * x[:-1])


def ctc_like(logp, labels):
    alpha = np.full(len(labels), -1e30)
    alpha = np.where(np.arange(len(labels)) == 0, logp[0, labels], alpha)
    for t in range(1, logp.shape[0]):
        shifted = np.concatenate([np.array([-1e30]), alpha[:-1]])
        alpha = np.logaddexp(alpha, shifted) + logp[t, labels]
    return -alpha[-1]


n = rng.normal
PROGRAMS = [
    (conv1d_slices, n(size=(2, 20)), n(size=5)),
    (conv2d_pad, n(size=(3, 6, 8)), n(size=(4, 3, 3, 3))),
    (attention, n(size=(2, 3, 7, 5)), n(size=(2, 3, 7, 5)), n(size=(2, 3, 7, 5))),
    (multi_head, n(size=(2, 5, 6)), *(n(size=(6, 6)) for _ in range(4))),
    (layer_norm, n(size=(4, 9)), n(size=9), n(size=9)),
    (batch_norm, n(size=(3, 4, 5, 5)), n(size=4), n(size=4)),
    (lstm, n(size=(20, 2, 3)), n(size=(3, 16)), n(size=(4, 16)), n(size=16)),
    (gru_masked, n(size=(6, 3, 2)), n(size=(6, 4)), n(size=(6, 4)), np.array([6, 2, 4])),
    (softmax_eye, n(size=(4, 3)), n(size=(11, 4)), rng.integers(0, 3, 11)),
    (softmax_index, n(size=(4, 3)), n(size=(11, 4)), rng.integers(0, 3, 11)),
    (embedding_bag, n(size=(9, 4)), rng.integers(0, 9, (5, 3))),
    (cumulative, n(size=(5, 4))),
    (sorted_loss, n(size=15), n(size=15)),
    (interpolation, 3 * n(size=12), n(size=7)),
    (moving_average, n(size=17)),
    (image_filter, n(size=(7, 9))),
    (contrastive, n(size=(6, 4)), n(size=(6, 4))),
    (gumbel_top, n(size=(5, 6))),
    (mlp_flat, n(size=21), n(size=(10, 3)), n(size=10)),
    (graph_network, n(size=(6, 3)), n(size=(3, 3)), np.abs(n(size=(6, 6)))),
    (scatter_messages, n(size=(6, 3)), rng.integers(0, 6, 12), rng.integers(0, 6, 12)),
    (masked_assignment, n(size=(5, 4))),
    (gated_experts, n(size=(7, 4)), n(size=(4, 3)), n(size=(3, 4, 2))),
    (adaboost, n(size=(5, 4)), n(size=5)),
    (focal, n(size=20), n(size=20) > 0),
    (dropout_mask, n(size=(3, 4)), n(size=(3, 4)) > 0),
    (rope, n(size=(6, 8))),
    (ctc_like, -np.abs(n(size=(8, 5))), np.array([1, 3, 2])),
]


@pytest.mark.parametrize("case", PROGRAMS, ids=lambda c: c[0].__name__)
def test_program_equals_numpy_and_its_gradient_equals_differences(case):
    check_program(*case)


def test_k_means_step_returns_numpys_centres():
    check_value(k_means_step, rng.normal(size=(3, 2)), rng.normal(size=(20, 2)))
