"""Two objectives of the literature on automatic differentiation, after ADBench (Šrajer, Kukelova &
Fitzgibbon 2018): a Gaussian mixture's log-likelihood and the reprojection errors of bundle adjustment."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.derivatives import every_number, forms
from benchmarks.workloads import Workload

POINTS, DIMENSION, COMPONENTS = 1000, 10, 25
CAMERAS, LANDMARKS, OBSERVATIONS = 20, 500, 3000


def mixture(alphas: Any, means: Any, factors: Any, x: Any, place: Any) -> Any:
    """−log-likelihood of points x (N, D) under a mixture, without its prior.

    `factors` (K, D(D+1)/2) holds, per component, the logarithms of the diagonal of a lower triangular root
    of the precision, then what is below it; `place` (D, D) says where each element is, the last being zero.
    """
    d = x.shape[1]
    zero = factors[:, :1] * 0.0
    packed = np.concatenate([np.exp(factors[:, :d]), factors[:, d:], zero], axis=1)
    root = packed[:, place]
    scaled = np.einsum("kij,nkj->nki", root, x[:, None, :] - means[None])
    inner = alphas + np.sum(factors[:, :d], axis=1) - 0.5 * np.sum(scaled**2, axis=2)
    top = np.max(inner, axis=1)
    each = top + np.log(np.sum(np.exp(inner - top[:, None]), axis=1))
    whole = np.max(alphas) + np.log(np.sum(np.exp(alphas - np.max(alphas))))
    return x.shape[0] * whole - np.sum(each)


def reprojection(camera: Any, point: Any, weight: Any, seen: Any) -> Any:
    """The weighted error of one observation: rotation vector, centre, focal length, principal point and two
    radial distortions of the camera, in this order."""
    rotation, moved = camera[:3], point - camera[3:6]
    square = np.sum(rotation * rotation)
    angle = np.sqrt(square)
    axis = rotation / angle
    across = np.stack(
        [
            axis[1] * moved[2] - axis[2] * moved[1],
            axis[2] * moved[0] - axis[0] * moved[2],
            axis[0] * moved[1] - axis[1] * moved[0],
        ]
    )
    turned = moved * np.cos(angle) + across * np.sin(angle)
    turned = turned + axis * (np.sum(axis * moved) * (1.0 - np.cos(angle)))
    flat = turned[:2] / turned[2]
    radius = np.sum(flat * flat)
    bent = flat * (1.0 + camera[9] * radius + camera[10] * radius * radius)
    return weight * (camera[6] * bent + camera[7:9] - seen)


def objective_workloads() -> list[Workload]:
    rng = np.random.default_rng(0)
    place = _places(DIMENSION)
    mixture_args = (
        rng.normal(size=COMPONENTS),
        rng.normal(size=(COMPONENTS, DIMENSION)),
        rng.normal(size=(COMPONENTS, DIMENSION * (DIMENSION + 1) // 2)) / 4,
        rng.normal(size=(POINTS, DIMENSION)),
        place,
    )
    cameras = rng.normal(size=(CAMERAS, 11)) / 50
    cameras[:, :6] *= 12
    cameras[:, 6] = 500.0
    landmarks = rng.normal(size=(LANDMARKS, 3)) + np.array([0.0, 0.0, 5.0])
    which, what = rng.integers(0, CAMERAS, OBSERVATIONS), rng.integers(0, LANDMARKS, OBSERVATIONS)
    adjustment = (
        cameras[which],
        landmarks[what],
        rng.random(OBSERVATIONS),
        rng.normal(size=(OBSERVATIONS, 2)) * 100,
    )
    formulas = {"np": np, "mixture": mixture, "reprojection": reprojection}
    argnums = {"argnums": (0, 1, 2)}
    gradients = dict.fromkeys(("graphc", "jax", "torch", "autograd"), lambda m, f: _mixture_gradient(m, f))

    def jacobians(m: Any, f: Any) -> Any:
        return m.vmap(m.jacfwd(f["reprojection"], **argnums))

    mixtures = forms(formulas, mixture_args, **gradients)
    adjustments = forms(formulas, adjustment, graphc=jacobians, jax=jacobians, torch=jacobians)
    return [
        Workload("Gaussian mixture, 1000 points, gradients", mixtures, every_number, 1e-6),
        Workload("bundle adjustment, 3000 Jacobians 2x15", adjustments, every_number, 1e-6),
    ]


def _mixture_gradient(module: Any, scope: Any) -> Any:
    numbers = (0, 1, 2)
    if module.__name__ == "autograd":
        return module.grad(scope["mixture"], numbers)
    return module.grad(scope["mixture"], argnums=numbers)


def _places(d: int) -> np.ndarray:
    """Where element (i, j) of a lower triangular matrix is in its packed form."""
    place = np.full((d, d), d * (d + 1) // 2)
    place[np.arange(d), np.arange(d)] = np.arange(d)
    rows, columns = np.tril_indices(d, -1)
    place[rows, columns] = d + np.arange(len(rows))
    return place
