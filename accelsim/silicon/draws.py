"""Samples of uncertain figures: one stream a figure, the same wherever it is used.

A figure with a spread is triangular between its bounds with its value as the mode; one
written as a range is uniform; one written with ~ is normal. The stream belongs to the
figure's path, so that two systems that share a figure share its draws (common random
numbers), and a run with another number of figures keeps the others' draws.
"""

import math
from zlib import crc32

import numpy as np

from accelsim.silicon.nodes import Value, Values
from accelsim.specs.figure import Figure


def uniform(key: str, samples: int, seed: int) -> Values:
    """Return the uniform draws of a key, (N,): stratified, so that few suffice."""
    rng = np.random.default_rng([seed, crc32(key.encode())])
    strata = (rng.permutation(samples) + rng.random(samples)) / samples
    return np.asarray(strata)


def shaped(figure: Figure, u: Values) -> Values:
    """Return draws of a figure from uniform ones [SI]."""
    if figure.spread is None:
        return np.full(len(u), float(figure))
    low, high = figure.spread
    mode = float(figure)
    if figure.shape == "uniform":
        return np.asarray(low + u * (high - low))
    if figure.shape == "normal":
        from scipy.special import ndtri

        sigma = (high - low) / 4.0
        drawn = mode + sigma * ndtri(u)
        # a quantity that is positive stays so
        return np.asarray(np.maximum(drawn, 1e-3 * mode) if mode > 0.0 else drawn)
    if high == low:
        return np.full(len(u), mode)
    split = (mode - low) / (high - low)
    with np.errstate(over="ignore", invalid="ignore"):  # figures near 1e308
        rising = low + np.sqrt(u * (high - low) * max(mode - low, 0.0))
        falling = high - np.sqrt((1.0 - u) * (high - low) * max(high - mode, 0.0))
        return np.where(u < split, rising, falling)


class Draws:
    """Values of figures by path: samples where there is a spread, kept once drawn.

    Attributes
    ----------
    found : dict
        Samples of every uncertain figure that was asked for, by path.
    """

    def __init__(self, samples: int, seed: int) -> None:
        self.samples, self.seed = samples, seed
        self.found: dict[str, Values] = {}
        self._streams: dict[str, Values] = {}

    def __call__(self, path: str, figure: Figure) -> Value:
        """Return the samples of a figure, (N,).

        A figure of the same path with other bounds (a moved chip's) has the same
        stream.
        """
        if figure.spread is None or figure.spread[0] == figure.spread[1]:
            return np.full(self.samples, float(figure))
        if path not in self._streams:
            self._streams[path] = uniform(path, self.samples, self.seed)
        drawn = shaped(figure, self._streams[path])
        self.found.setdefault(path, drawn)
        return drawn


def interval(values: Values) -> dict[str, float]:
    """Return the 5th, 50th and 95th percentile and the mean of samples."""
    low, middle, high = np.percentile(values, (5.0, 50.0, 95.0))
    found = {"p5": low, "p50": middle, "p95": high, "mean": np.mean(values)}
    return {name: float(value) for name, value in found.items()}


def drivers(
    inputs: dict[str, Values], output: Values, bins: int = 64
) -> dict[str, float]:
    """Return the first-order Sobol index of each input, the largest first.

    Var(E[y | x]) / Var(y) from the means of equally filled bins of x, less what as many
    bins of noise would show (Plischke, Borgonovo and Smith, Eur. J. Oper. Res. 226
    (2013) 536). Sums to 1 where inputs act one by one.
    """
    whole = float(np.var(output))
    if whole <= 0.0 or not math.isfinite(whole):
        return dict.fromkeys(inputs, 0.0)
    count = len(output)
    bins = max(2, min(bins, count // 16))
    edges = np.linspace(0, count, bins + 1).astype(int)
    sizes = np.diff(edges)
    noise = (bins - 1) / count
    found = {}
    for path, values in inputs.items():
        ordered = output[np.argsort(values)]
        means = np.add.reduceat(ordered, edges[:-1]) / sizes
        share = float(((means - output.mean()) ** 2 * sizes).sum()) / count / whole
        found[path] = max(0.0, (share - noise) / (1.0 - noise))
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
