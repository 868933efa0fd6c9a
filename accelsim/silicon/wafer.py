"""How many dies a wafer holds, and how many of them work.

Four classic models of yield, each a distribution of the defect density from die to die
(`kernels.silicon` integrates over it), so that spare cores are reckoned alike in all.
This file knows wafers of 300 mm and defects; it knows no chip and no price.
"""

import math
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from accelsim.errors import InputError, nearest
from accelsim.kernels import silicon as kernels
from accelsim.silicon.nodes import Value, Values

Model = Literal["poisson", "murphy", "seeds", "negative-binomial"]
MODELS: tuple[str, ...] = get_args(Model)
# A 300 mm wafer, 5 mm of edge and 0.2 mm of scribe line: the spec of
# Yinxiao-Feng/DAC2022.
RADIUS = 0.145
SCRIBE = 0.2e-3
RETICLE = (26e-3, 33e-3)  # the largest field of a scanner [m]
NODES = 48  # of the quadrature
GRID = 33  # die areas that are counted where the area is uncertain


def shape(area: float) -> tuple[float, float]:
    """Return the sides of a die [m]: a square, as far as the reticle is as wide."""
    width = min(math.sqrt(area), RETICLE[0])
    return width, area / width


def fits_reticle(area: float) -> bool:
    """Return whether a die can be exposed at once."""
    return shape(area)[1] <= RETICLE[1] * (1 + 1e-9)


def dies_per_wafer(area: Value) -> Value:
    """Return the whole dies of a wafer; for many areas on the line between counts.

    area : of one die [m2], a number or (N,).
    """
    if np.ndim(area) == 0:
        width, height = shape(float(area))
        return float(kernels.dies_per_wafer(RADIUS, width, height, SCRIBE))
    low, high = float(np.min(area)), float(np.max(area))
    if low == high:
        return np.full(np.shape(area), dies_per_wafer(low))
    grid = np.geomspace(low, high, GRID)
    return np.interp(area, grid, [dies_per_wafer(float(a)) for a in grid])


@lru_cache(maxsize=32)
def mixing(model: str, clustering: float) -> tuple[Values, Values]:
    """Return nodes and weights of the defect density over its mean, (K,) each.

    Poisson: all dies alike. Murphy: a triangle from 0 to 2. Seeds: exponential.
    Negative binomial: a gamma distribution of shape `clustering`.

    Raises
    ------
    InputError
        No such model.
    """
    if model not in MODELS:
        raise InputError(f"yield: {model!r} unknown; {nearest(model, MODELS)}")
    if model == "poisson":
        return np.ones(1), np.ones(1)
    if model == "murphy":
        x, w = np.polynomial.legendre.leggauss(NODES)
        rising, weights = 0.5 * (x + 1.0), 0.5 * w
        nodes = np.concatenate([rising, 1.0 + rising])
        return nodes, np.concatenate([rising * weights, (1.0 - rising) * weights])
    from scipy.special import roots_genlaguerre

    alpha = 1.0 if model == "seeds" else clustering
    x, w = roots_genlaguerre(NODES, alpha - 1.0)
    return x / alpha, w / w.sum()


def die_yield(
    defects: Value,
    model: str = "negative-binomial",
    *,
    clustering: float = 2.0,
    core_area: Value = 0.0,
    cores: int = 1,
    needed: int = 1,
    repaired: Value = 0.0,
) -> Value:
    """Return the share of dies that work.

    Parameters
    ----------
    defects
        Mean number on a die: area times density, a number or (N,).
    core_area
        Share of the die in `cores` of which `needed` must have no defect.
    repaired
        Share of the rest in which spare rows make a defect good.
    """
    mean = np.atleast_1d(np.asarray(defects, np.float64))
    shares = np.empty((len(mean), 2))
    shares[:, 0] = core_area
    shares[:, 1] = (1.0 - np.asarray(core_area)) * (1.0 - np.asarray(repaired))
    nodes, weights = mixing(model, float(clustering))
    out = np.empty(len(mean))
    kernels.fill_yields(mean, shares, cores, needed, nodes, weights, out)
    return out if np.ndim(defects) else float(out[0])
