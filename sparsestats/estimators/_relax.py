"""The selected model without shrinkage, or a mixture of the two."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..backend.certificate import Certificates, warn_unconverged
from ..backend.problem import PathResult
from ..backend.refit import refit, selected_clusters, selected_columns
from ..report.path import Path


class Relaxable:
    """Mixin of path estimators: their relaxed refits."""

    def relax(
        self: Any,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
        *,
        gamma: float = 0.0,
        clusters: bool = False,
    ) -> Any:
        """The selected model without the penalty's shrinkage (relaxed fit); this estimator stays as it is.

        The selected columns, and the free ones, are fitted again by the loss alone; coefficients and intercept
        are ``gamma`` times the penalised ones plus ``1 - gamma`` times these. Standard errors, intervals and
        p-values of such a refit are not valid: the columns were chosen by the same responses.

        Parameters
        ----------
        X, y, sample_weight, offset : as in ``fit``, the same rows
        gamma : float in [0, 1], default 0
            0 is the unpenalised fit, 1 the penalised one.
        clusters : bool, default False
            One coefficient a cluster (SLOPE alone): its members keep their signs and their common size on
            the standardised scale.

        Returns
        -------
        estimator
            A copy with new ``coef_`` and ``intercept_``, and ``gamma_``. For gamma < 1 its ``certificate_`` is
            the unpenalised part's. Where selected columns depend on each other it has the shortest coefficients.

        Raises
        ------
        ValueError
            When there are no fewer parameters than rows, when the selected columns separate the classes, for
            gamma outside [0, 1], ``clusters=True`` where the penalty ranks no columns, an estimator with
            ``constraints``, or data with other columns.

        References
        ----------
        Meinshausen (2007), Relaxed lasso. Hastie, Tibshirani & Tibshirani (2020), Best subset, forward
        stepwise or lasso? (the mixture).

        Examples
        --------
        >>> import numpy as np
        >>> from sparsestats import SLOPE
        >>> X = np.random.default_rng(0).standard_normal((80, 5))
        >>> model = SLOPE(alpha=0.5).fit(X, 2 * X[:, 0])
        >>> float(model.coef_[0].round(2)), float(model.relax(X, 2 * X[:, 0]).coef_[0].round(2))
        (0.59, 2.0)
        """
        import copy

        path = self.relaxed_path(X, y, sample_weight, offset, gamma, clusters)
        relaxed = copy.copy(self)
        relaxed.gamma_ = float(gamma)
        relaxed._take(path, 0, offset is not None)
        if path.ranked:
            relaxed.clusters_ = path.cluster_labels(relaxed.alpha_).reshape(relaxed.coef_.shape)
        return relaxed

    def relaxed_path(self: Any, X: Any, y: Any, sample_weight: Any, offset: Any, gamma: float, clusters: bool) -> Path:
        """The relaxed fit as a path of its one alpha; arguments and errors as in ``relax``."""
        from time import perf_counter

        from sklearn.base import clone

        began = perf_counter()
        check_is_fitted(self)
        if not (isinstance(gamma, Real) and 0 <= float(gamma) <= 1):
            raise ValueError(f"gamma must be between 0 (unpenalised) and 1 (penalised); got {gamma!r}")
        if clusters and not self._ranked:
            raise ValueError(f"clusters=True needs SLOPE; {type(self).__name__} ranks no columns")
        if self.constraints is not None:
            raise ValueError("relax() knows no constraints; fit with alpha=0 and the same constraints instead")
        worker = clone(self)
        problem = worker._problem(X, y, sample_weight, offset)
        several, p = problem.y.shape[1:], problem.shape[1]
        if np.shape(self.coef_)[-1] != p or np.size(self.coef_) != problem.responses * p:
            raise ValueError(
                f"relax() needs the columns and classes of the fit: a coefficient for each of the {p} columns of X"
                f"{' and each class' if several else ''}; this model has {np.size(self.coef_)}"
            )
        coef, intercept = self.coef_.reshape(*several, p), np.reshape(self.intercept_, several)
        # Between two alphas of a path there is no certificate yet.
        certificate = getattr(self, "certificate_", None) or worker._solve(problem, [self.alpha_]).certificates[0]
        null, free = certificate.scale, ~problem.penalized
        if gamma < 1 and np.any((coef != 0) | free):
            M = (
                selected_clusters(coef, free, self.clusters_.reshape(coef.shape), self._penalty_scale(problem))
                if clusters
                else selected_columns(coef, free)
            )
            found = refit(problem, M, tol=self.tol)
            certificate = found.certificate
            warn_unconverged([certificate], [0.0], f"the relaxed {type(self).__name__}")
            coef = gamma * coef + (1 - gamma) * found.coef
            intercept = gamma * intercept + (1 - gamma) * found.intercept
        eta = problem.X @ coef.T + intercept + (0.0 if problem.offset is None else problem.offset)
        left = problem.loss.value(eta, problem.y, problem.sample_weight)
        result = PathResult(
            alphas=np.array([self.alpha_]),
            coefs=coef[None, :],
            intercepts=np.array([intercept]),
            certificates=Certificates.of([certificate]),
            alpha_max=self.alpha_max_,
            deviance_ratio=np.array([1.0 - left / null if null > 0 else 0.0]),
            seconds=perf_counter() - began,
        )
        return worker._dress(problem, result)
