"""Programs that people bring from physics, statistics and numerical analysis."""

import numpy as np
import pytest
from scipy import special

from tests.programs.checks import check_program

rng = np.random.default_rng(1)
SPD = (lambda a: a @ a.T + 6 * np.eye(6))(rng.normal(size=(6, 6)))


def logsumexp(x, axis=None, keepdims=False):
    top = np.max(x, axis=axis, keepdims=True)
    result = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return result if keepdims else np.squeeze(result, axis)


def fluid(vx, vy):
    """Advection with rolled neighbours and a pressure projection, as in autograd's fluid example."""
    p = np.zeros(vx.shape)
    div = -0.5 * (
        np.roll(vx, -1, axis=1) - np.roll(vx, 1, axis=1) + np.roll(vy, -1, axis=0) - np.roll(vy, 1, axis=0)
    )
    for _ in range(6):
        p = (
            div
            + np.roll(p, 1, axis=1)
            + np.roll(p, -1, axis=1)
            + np.roll(p, 1, axis=0)
            + np.roll(p, -1, axis=0)
        ) / 4
    vx = vx - 0.5 * (np.roll(p, -1, axis=1) - np.roll(p, 1, axis=1))
    vy = vy - 0.5 * (np.roll(p, -1, axis=0) - np.roll(p, 1, axis=0))
    return np.sum(vx**2 + np.sin(vy))


def advect(f, vx, vy):
    rows, cols = f.shape
    ys, xs = np.meshgrid(np.arange(cols), np.arange(rows))
    cx, cy = xs - vx, ys - vy
    left, top = np.floor(cx).astype(int), np.floor(cy).astype(int)
    rw, bw = cx - left, cy - top
    left, right = np.mod(left, rows), np.mod(left + 1, rows)
    top, bot = np.mod(top, cols), np.mod(top + 1, cols)
    out = (1 - rw) * ((1 - bw) * f[left, top] + bw * f[left, bot]) + rw * (
        (1 - bw) * f[right, top] + bw * f[right, bot]
    )
    return np.sum(out**2)


def black_scholes(s, k, t, r, v):
    d1 = (np.log(s / k) + (r + v**2 / 2) * t) / (v * np.sqrt(t))
    d2 = d1 - v * np.sqrt(t)
    return np.sum(s * special.ndtr(d1) - k * np.exp(-r * t) * special.ndtr(d2))


def mixture(means, logits, log_sigma, x):
    d = (x[:, None, :] - means[None]) / np.exp(log_sigma)[None]
    logp = -0.5 * np.sum(d**2, axis=-1) - np.sum(log_sigma, axis=-1) - 0.5 * x.shape[1] * np.log(2 * np.pi)
    return np.mean(logsumexp(logp + logits - logsumexp(logits), axis=1))


def logistic_regression(w, b, x, y):
    z = x @ w + b
    return np.mean(np.logaddexp(0, z) - y * z) + 0.1 * np.dot(w, w)


def gaussian_process(log_scale, log_noise, x, y):
    d2 = np.sum((x[:, None] - x[None]) ** 2, axis=-1)
    k = np.exp(-0.5 * d2 / np.exp(2 * log_scale)) + np.exp(log_noise) * np.eye(len(x))
    c = np.linalg.cholesky(k)
    a = np.linalg.solve(k, y)
    return 0.5 * y @ a + np.sum(np.log(np.diag(c))) + 0.5 * len(x) * np.log(2 * np.pi)


def gaussian_process_logdet(log_scale, x, y):
    k = np.exp(-np.abs(x[:, None] - x[None]) / np.exp(log_scale)) + 0.1 * np.eye(x.size)
    sign, logdet = np.linalg.slogdet(k)
    return y @ np.linalg.inv(k) @ y + sign * logdet + np.linalg.det(k)


def pca_svd(x):
    centred = x - x.mean(axis=0)
    _, s, _ = np.linalg.svd(centred, full_matrices=False)
    return np.sum((s[:2]) ** 2) / np.sum(s**2)


def pca_eigh(x):
    c = np.cov(x, rowvar=False)
    w, v = np.linalg.eigh(c)
    return w[-1] / w.sum() + np.sum((x @ v[:, -1]) ** 2)


def huber(w, x, y):
    r = np.abs(x @ w - y)
    return np.sum(np.where(r < 1, 0.5 * r**2, r - 0.5))


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def n_body(q, m):
    d = q[:, None, :] - q[None, :, :]
    r2 = np.sum(d**2, axis=-1) + 1e-2
    force = -np.sum(m[None, :, None] * d / r2[..., None] ** 1.5, axis=1)
    potential = -0.5 * np.sum(m[:, None] * m[None, :] / np.sqrt(r2))
    return np.sum(force**2) + potential


def pendulum_step(s):
    a, b, p, q = s[0], s[1], s[2], s[3]
    d = a - b
    den = 2 - np.cos(d) ** 2
    return np.array(
        [
            p,
            q,
            (-np.sin(d) * (p**2 * np.cos(d) + q**2) - 9.8 * (2 * np.sin(a) - np.cos(d) * np.sin(b))) / den,
            (np.sin(d) * (2 * p**2 + q**2 * np.cos(d)) + 19.6 * (np.cos(d) * np.sin(a) - np.sin(b))) / den,
        ]
    )


def pendulum(s):
    h = 0.01
    for _ in range(4):
        k1 = pendulum_step(s)
        k2 = pendulum_step(s + h / 2 * k1)
        k3 = pendulum_step(s + h / 2 * k2)
        k4 = pendulum_step(s + h * k3)
        s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sum(s**2)


def lotka_volterra(z, p):
    def f(z):
        return np.stack([p[0] * z[0] - p[1] * z[0] * z[1], -p[2] * z[1] + p[3] * z[0] * z[1]])

    h, total = 0.05, 0.0
    for _ in range(50):
        k1 = f(z)
        k2 = f(z + 0.5 * h * k1)
        k3 = f(z + 0.5 * h * k2)
        k4 = f(z + h * k3)
        z = z + h / 6 * (k1 + 2 * (k2 + k3) + k4)
        total = total + z[0] * z[1]
    return total


def kalman(a, q, r, ys):
    x, p, total = np.zeros(2), np.eye(2), 0.0
    h = np.array([[1.0, 0.5]])
    for t in range(ys.shape[0]):
        x, p = a @ x, a @ p @ a.T + np.exp(q) * np.eye(2)
        s = h @ p @ h.T + np.exp(r)
        gain = p @ h.T @ np.linalg.inv(s)
        e = ys[t] - h @ x
        x, p = x + gain @ e, (np.eye(2) - gain @ h) @ p
        total = total + 0.5 * e @ np.linalg.solve(s, e) + 0.5 * np.linalg.slogdet(s)[1]
    return total


def spherical(r, theta, phi):
    xyz = np.stack(
        [r * np.sin(theta) * np.cos(phi), r * np.sin(theta) * np.sin(phi), r * np.cos(theta)], axis=-1
    )
    radius = np.linalg.norm(xyz, axis=-1)
    return np.sum(np.arccos(xyz[:, 2] / radius) * np.arctan2(xyz[:, 1], xyz[:, 0]) + radius)


def factorisation(u, v, x, mask):
    return np.sum(mask * (x - u @ v.T) ** 2) + 0.1 * (np.sum(u**2) + np.sum(v**2))


def cholesky_normal(mean, raw, x):
    n = mean.shape[0]
    l = np.tril(raw, -1) + np.diag(np.exp(np.diag(raw)))
    z = np.linalg.solve(l, (x - mean).T)
    return np.mean(-0.5 * np.sum(z**2, axis=0)) - np.trace(raw) - 0.5 * n * np.log(2 * np.pi)


def contractions(a, b, c):
    x = np.einsum("ijk,kl->ijl", a, b)
    y = np.tensordot(x, c, axes=([0, 2], [1, 0]))
    return np.sum(np.einsum("ij,ij->i", y, y)) + np.einsum("iji->", a[:3, :, :3])


def heat_equation(u, k):
    for _ in range(30):
        u = np.concatenate([u[:1], u[1:-1] + k * (u[2:] - 2 * u[1:-1] + u[:-2]), u[-1:]])
    return np.sum(u**2 * np.linspace(0, 1, u.size))


def wave_in_place(u, c):
    v = np.zeros_like(u)
    for _ in range(10):
        v[1:-1] += c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u = u + 0.1 * v
    return np.sum(u**2)


def ising(j, s):
    return -np.sum(j * s * (np.roll(s, 1, 0) + np.roll(s, 1, 1))) + np.log(np.sum(np.exp(-j * s)))


def lagrange(t, y):
    xs = np.linspace(-1, 1, y.size)
    total = 0.0
    for i in range(y.size):
        basis = np.prod([(t - xs[j]) / (xs[i] - xs[j]) for j in range(y.size) if j != i], axis=0)
        total = total + y[i] * basis
    return np.sum(total**2)


def quaternion(q, v):
    q = q / np.sqrt(np.sum(q**2))
    u, w = q[1:], q[0]
    rotated = v + 2 * np.cross(u, np.cross(u, v) + w * v)
    return np.sum(rotated[:, 0] * np.exp(rotated[:, 1]) - rotated[:, 2] ** 3)


def poisson_glm(w, x, y):
    eta = np.clip(x @ w, -5, 5)
    return np.sum(np.exp(eta) - y * eta + special.gammaln(y + 1))


def student_t(mu, log_s, df, x):
    z = (x - mu) / np.exp(log_s)
    return -np.sum(
        special.gammaln((df + 1) / 2)
        - special.gammaln(df / 2)
        - 0.5 * np.log(df * np.pi)
        - log_s
        - (df + 1) / 2 * np.log1p(z**2 / df)
    )


def hidden_markov(logits, emit):
    log_a = logits - logsumexp(logits, axis=1, keepdims=True)
    alpha = emit[0]
    for t in range(1, emit.shape[0]):
        alpha = logsumexp(alpha[:, None] + log_a, axis=0) + emit[t]
    return logsumexp(alpha)


def newton_sqrt(a):
    x = np.ones_like(a)
    for _ in range(8):
        x = 0.5 * (x + a / x)
    return np.sum(x)


def sinkhorn(cost):
    k = np.exp(-cost)
    u = np.ones(k.shape[0]) / k.shape[0]
    for _ in range(15):
        v = 1 / k.shape[1] / (k.T @ u)
        u = 1 / k.shape[0] / (k @ v)
    return np.sum(u[:, None] * k * v[None, :] * cost)


def trapezoid(a):
    t = np.linspace(0, 1, 101)
    return np.trapezoid(np.exp(-a[:, None] * t) * np.sin(a[:, None] + t), t, axis=1).sum()


n = rng.normal
u = rng.uniform
PROGRAMS = [
    (fluid, n(size=(8, 9)), n(size=(8, 9))),
    (advect, n(size=(6, 7)), n(size=(6, 7)), n(size=(6, 7))),
    (black_scholes, u(80, 120, 20), u(80, 120, 20), u(0.2, 2, 20), np.array(0.02), u(0.1, 0.5, 20)),
    (mixture, n(size=(3, 4)), n(size=3), 0.1 * n(size=(3, 4)), n(size=(17, 4))),
    (logistic_regression, n(size=5), np.array(0.3), n(size=(23, 5)), u(0, 1, 23).round()),
    (gaussian_process, np.array(0.1), np.array(-1.0), n(size=(9, 3)), n(size=9)),
    (gaussian_process_logdet, np.array(0.1), n(size=7), n(size=7)),
    (pca_svd, n(size=(12, 4))),
    (pca_eigh, n(size=(12, 4))),
    (huber, n(size=3), 2 * n(size=(31, 3)), n(size=31)),
    (rosenbrock, n(size=10)),
    (n_body, n(size=(7, 3)), u(1, 2, 7)),
    (pendulum, n(size=4)),
    (lotka_volterra, np.array([1.0, 1.5]), np.array([1.5, 1.0, 3.0, 1.0])),
    (kalman, 0.5 * n(size=(2, 2)), np.array(-1.0), np.array(-0.5), n(size=(8, 1))),
    (spherical, u(1, 2, 9), u(0.3, 1, 9), u(0.3, 1, 9)),
    (factorisation, n(size=(7, 2)), n(size=(5, 2)), n(size=(7, 5)), n(size=(7, 5)) > 0),
    (cholesky_normal, n(size=4), n(size=(4, 4)), n(size=(9, 4))),
    (contractions, n(size=(3, 4, 5)), n(size=(5, 6)), n(size=(6, 3, 2))),
    (heat_equation, n(size=20), np.array(0.2)),
    (wave_in_place, n(size=20), np.array(0.2)),
    (ising, n(size=(5, 5)), n(size=(5, 5))),
    (lagrange, n(size=11), n(size=4)),
    (quaternion, n(size=4), n(size=(6, 3))),
    (poisson_glm, n(size=3), n(size=(15, 3)), rng.poisson(2, 15).astype(float)),
    (student_t, np.array(0.1), np.array(0.2), np.array(4.0), n(size=13)),
    (hidden_markov, n(size=(4, 4)), n(size=(12, 4))),
    (newton_sqrt, u(1, 9, 7)),
    (sinkhorn, u(0, 2, (6, 5))),
    (trapezoid, u(0, 2, 6)),
]


@pytest.mark.parametrize("case", PROGRAMS, ids=lambda c: c[0].__name__)
def test_program_equals_numpy_and_its_gradient_equals_differences(case):
    check_program(*case)
