"""Reprojection errors of cameras with radial distortion, the model of Snavely's Bundler and BAL.

P = R X + t, p = -P / P_z, p' = f (1 + k₁ |p|² + k₂ |p|⁴) p, with the rotation R given by its vector.
"""

import numpy as np
import scipy.optimize
from scipy.spatial.transform import Rotation

import graphc

CAMERAS, POINTS, CAMERA = 5, 24, 9
RNG = np.random.default_rng(21)
SEEN = RNG.random((CAMERAS, POINTS)) < 0.7
CAMERA_OF, POINT_OF = np.nonzero(SEEN)


def scene():
    """Cameras (rotation, translation, focal length, k₁, k₂) that look at points around the origin."""
    cameras = np.concatenate(
        [
            0.3 * RNG.normal(size=(CAMERAS, 3)),
            RNG.normal(size=(CAMERAS, 3)) * [0.3, 0.3, 0.3] + [0, 0, -5],
            500 + 20 * RNG.normal(size=(CAMERAS, 1)),
            [0.05, 0.01] * RNG.normal(size=(CAMERAS, 2)),
        ],
        axis=1,
    )
    return np.concatenate([cameras.ravel(), RNG.normal(size=(POINTS, 3)).ravel()])


def rotated(vectors, x):
    """R x by the formula of Rodrigues (1840)."""
    angle = np.sqrt(np.sum(vectors**2, axis=1, keepdims=True))
    axis = vectors / angle
    turned = np.cos(angle) * x + np.sin(angle) * np.cross(axis, x)
    return turned + (1 - np.cos(angle)) * np.sum(axis * x, axis=1, keepdims=True) * axis


def projections(parameters):
    """Where every camera sees its points: (observations, 2)."""
    cameras = np.reshape(parameters[: CAMERAS * CAMERA], (CAMERAS, CAMERA))[CAMERA_OF]
    points = np.reshape(parameters[CAMERAS * CAMERA :], (POINTS, 3))[POINT_OF]
    p = rotated(cameras[:, :3], points) + cameras[:, 3:6]
    p = -p[:, :2] / p[:, 2:]
    squared = np.sum(p**2, axis=1, keepdims=True)
    k1, k2 = cameras[:, 7:8], cameras[:, 8:9]
    return cameras[:, 6:7] * (1 + k1 * squared + k2 * squared**2) * p


def by_scipy(parameters):
    """The same, observation by observation, with SciPy's rotations."""
    found = []
    for c, i in zip(CAMERA_OF, POINT_OF, strict=True):
        camera = parameters[c * CAMERA : (c + 1) * CAMERA]
        point = parameters[CAMERAS * CAMERA + 3 * i :][:3]
        p = Rotation.from_rotvec(camera[:3]).apply(point) + camera[3:6]
        p = -p[:2] / p[2]
        r = p @ p
        found.append(camera[6] * (1 + camera[7] * r + camera[8] * r * r) * p)
    return np.array(found)


TRUTH = scene()
SCENE = TRUTH + 0.01 * RNG.normal(size=TRUTH.shape)
OBSERVED = by_scipy(TRUTH)


def residuals(parameters):
    return np.reshape(projections(parameters) - OBSERVED, (-1,))


def test_the_residuals_are_those_of_scipys_rotations():
    expected = (by_scipy(SCENE) - OBSERVED).ravel()
    np.testing.assert_allclose(graphc.compile(residuals)(SCENE), expected, rtol=1e-10, atol=1e-9)


def differences():
    columns = []
    for j in range(SCENE.size):
        e = np.zeros(SCENE.size)
        e[j] = 1e-6
        columns.append((by_scipy(SCENE + e) - by_scipy(SCENE - e)).ravel() / 2e-6)
    return np.stack(columns, axis=1)


def test_the_jacobian_is_that_of_differences():
    expected = differences()
    np.testing.assert_allclose(graphc.jacfwd(residuals)(SCENE), expected, rtol=1e-6, atol=1e-5)
    sparse = graphc.jacobian(residuals, sparse=True)(SCENE)
    assert sparse.nnz == 2 * len(CAMERA_OF) * (CAMERA + 3)  # a residual is about one camera and one point
    np.testing.assert_allclose(sparse.toarray(), expected, rtol=1e-6, atol=1e-5)


def test_the_scene_is_found_again():
    found = scipy.optimize.least_squares(
        graphc.compile(residuals),
        SCENE,
        jac=graphc.jacobian(residuals, sparse=True),
        x_scale="jac",
        xtol=1e-14,
    )
    assert np.max(np.abs(residuals(SCENE))) > 1  # pixels, before
    assert np.max(np.abs(found.fun)) < 1e-6
