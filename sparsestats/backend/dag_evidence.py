"""How much the data favour a graph whose noise scales come from one population and whose weights are of size one.

The BIC takes any noise scales and any weights to be as likely as any others. Where effects nearly cancel, it trades a
few edges for weights and scales that are far apart, and that is where it errs. Here the logarithms l_j of the noise
variances are N(m, tau^2), with the m and tau that the graph itself suggests (empirical Bayes), and the weights, in
suitable units of the columns, are N(0, 1). By Laplace's approximation minus twice the log marginal likelihood of the
graph is then, but for constants and what the size of a single weight adds,

    sum_j { (n - k_j) l_j + log det S_PP + k_j price + (l_j - m)^2 / tau^2 } + d log tau^2,

P the k_j parents of j. What the BIC has, n l_j + k_j price, grows with n; the rest does not, so that large samples
decide as before. The units are the data's or, where columns were rescaled, the noise scales: those in which the
weights of the graph are the more alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .native import dag as native


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a graph suggests, and minus twice its log marginal likelihood under that.

    Attributes
    ----------
    value : the less, the better
    levels : logarithms of the noise variances, (d,)
    spread : tau^2, their variance
    units : of the columns, (d,)
    """

    value: float
    levels: np.ndarray
    spread: float
    units: np.ndarray

    @property
    def beliefs(self) -> tuple[np.ndarray, float]:
        """Where the logarithms of noise variances are expected, in ``units``, and the precision of that."""
        return self.levels.mean() - 2 * np.log(self.units), 1 / self.spread


def evidence(S: np.ndarray, n: float, price: float, parents: np.ndarray) -> Evidence:
    """Evidence of a graph.

    Parameters
    ----------
    S : (d, d) covariance with divisor n
    n : rows behind it
    price : of an edge
    parents : (d, d) bool, ``[from, to]``
    """
    d = len(S)
    weights, left = native.refit_support(S, parents)
    levels = np.log(np.maximum(left, 1e-9 * np.diagonal(S)))
    spread = max(levels.var(), 2 / n)  # a level is known to 2 / n, were all the same
    source, target = np.nonzero(parents)
    common, ratio = np.full(d, levels.mean()), levels[source] - levels[target]
    squares = weights[source, target] ** 2
    # Normal weights of any one size: less the log of the units' ratio each, plus the log of their mean square.
    alike = len(source) > 0 and np.log(squares.mean()) <= np.log((squares * np.exp(ratio)).mean()) - ratio.mean()
    value = n * levels.sum() + price * len(source) + d * np.log(spread) - levels[target if alike else source].sum()
    value += sum(np.linalg.slogdet(S[np.ix_(p, p)])[1] for p in map(np.flatnonzero, parents.T) if len(p))
    return Evidence(float(value), levels, float(spread), np.exp((common if alike else levels) / 2))
