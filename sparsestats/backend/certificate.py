"""The proof every fit carries."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..exceptions import ConvergenceWarning


@dataclass(frozen=True, slots=True)
class Certificate:
    """How far the returned model can be from the optimum, recomputed from that model.

    Parameters
    ----------
    kind : {"gap", "newton", "stationarity", "optimality"}
        "gap": objective minus a dual bound (convex, alpha > 0; under Huber's loss, whose curvature vanishes far out,
        at alpha = 0 too). "newton": half the squared Newton decrement (alpha = 0). "stationarity": a residual where
        the problem is not convex. "optimality": objective minus a combinatorial lower bound.
    value : float
        The certificate itself, in units of the objective, never negative.
    scale : float
        What the value is compared with: the null objective (penalised coefficients 0, the rest fitted).
    tol : float
        The relative value asked for.
    objective, bound : float
        The objective of the returned model and the bound under it.
    n_iter : int
        Iterations spent.
    stop : {"tol", "max_iter", "time_limit", "interrupted", "precision"}
        Why the solver stopped.
    """

    kind: str
    value: float
    scale: float
    tol: float
    objective: float
    bound: float
    n_iter: int
    stop: str

    @property
    def relative(self) -> float:
        """value / scale (0 for an exact fit of a constant response)."""
        if self.value == 0.0:
            return 0.0
        return self.value / self.scale if self.scale > 0 else math.inf

    @property
    def converged(self) -> bool:
        """Whether the relative certificate is at or below ``tol``; nothing else decides it."""
        return self.value <= self.tol * self.scale

    @property
    def linear_predictor_error(self) -> float:
        """Bound on the root mean square error of the linear predictor, for the gaussian loss: sqrt(2 gap)."""
        return math.sqrt(2.0 * max(self.value, 0.0))

    def to_dict(self) -> dict:
        """The fields, by name."""
        return asdict(self)

    def __str__(self) -> str:
        verdict = "CONVERGED" if self.converged else "NOT CONVERGED"
        word = {"gap": "duality gap", "newton": "Newton decrement"}.get(self.kind, self.kind)
        return (
            f"{word} {self.value:.1e} {'<=' if self.converged else '>'} {self.tol * self.scale:.1e} "
            f"(tol {self.tol:.0e} x null objective {self.scale:.6g}). {verdict}"
        )


@dataclass(frozen=True, eq=False)
class Certificates(Sequence[Certificate]):
    """The certificates of a path, kept by column: a path has a hundred, and few are ever looked at one by one.

    Parameters
    ----------
    kinds, stops : list of str (k,)
    values, scales, tols, objectives, bounds : float ndarray (k,)
    n_iters : int ndarray (k,)
        As in :class:`Certificate`.
    """

    kinds: list[str]
    values: np.ndarray
    scales: np.ndarray
    tols: np.ndarray
    objectives: np.ndarray
    bounds: np.ndarray
    n_iters: np.ndarray
    stops: list[str]

    @classmethod
    def of(cls, certificates: Iterable[Certificate]) -> Certificates:
        """Certificates that were made one by one."""
        found = list(certificates)
        return cls(
            kinds=[c.kind for c in found],
            values=np.array([c.value for c in found], dtype=float),
            scales=np.array([c.scale for c in found], dtype=float),
            tols=np.array([c.tol for c in found], dtype=float),
            objectives=np.array([c.objective for c in found], dtype=float),
            bounds=np.array([c.bound for c in found], dtype=float),
            n_iters=np.array([c.n_iter for c in found], dtype=int),
            stops=[c.stop for c in found],
        )

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        return Certificate(
            self.kinds[i],
            float(self.values[i]),
            float(self.scales[i]),
            float(self.tols[i]),
            float(self.objectives[i]),
            float(self.bounds[i]),
            int(self.n_iters[i]),
            self.stops[i],
        )

    @property
    def converged(self) -> np.ndarray:
        """:attr:`Certificate.converged` of each, (k,)."""
        return self.values <= self.tols * self.scales


def warn_unconverged(
    certificates: Sequence[Certificate], alphas: Iterable[float], name: str, stacklevel: int = 3
) -> None:
    """Warn once for the worst of the certificates that miss their tolerance."""
    missed = [(c, a) for c, a in zip(certificates, alphas, strict=True) if not c.converged]
    if not missed:
        return
    worst, alpha = max(missed, key=lambda pair: pair[0].relative)
    where = (
        f"at alpha={alpha:.4g}"
        if len(certificates) == 1
        else (f"at {len(missed)} of {len(certificates)} alphas, worst at alpha={alpha:.4g}")
    )
    advice = {
        "max_iter": "Raise max_iter, or tol",
        "interrupted": "It was interrupted; fit again",
        "time_limit": "Raise the time limit, or tol",
        "precision": "This is the precision of the arithmetic here; raise tol",
    }.get(worst.stop, "Raise max_iter, or tol")
    warnings.warn(
        f"{name} did not converge {where}: {worst.kind} {worst.value:.3g} is {worst.relative:.3g} of the null "
        f"objective, above tol={worst.tol:.3g} after {worst.n_iter} iterations ({worst.stop}). {advice}.",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )
