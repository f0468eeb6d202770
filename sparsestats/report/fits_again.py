"""The verbs of a fit that fit again: with another formula, without the penalty, to rows drawn anew."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exceptions import DataWarning

if TYPE_CHECKING:
    from .fit import Fit


class FitsAgain:
    """Mixin of ``Fit``, which holds what each of them calls."""

    def update(self: Any, formula: str | None = None, **changes: Any) -> Fit:
        """Fit again with a changed formula or changed arguments.

        Parameters
        ----------
        formula : str or None
            A dot means the old side: ``". ~ . - ldl + C(site)"``.
        **changes
            Arguments of the call to replace, ``data`` among them.

        Returns
        -------
        Fit
            A new one, at the rule of the cross-validation this one sits at; this one stays as it is.

        Warns
        -----
        DataWarning
            When other rows of the same data are used than before.
        """
        if self.again is None:
            raise ValueError(
                "A saved model cannot be updated, not with data= either; it holds no rows. Call "
                f"{self.call.function} with the formula and the data."
            )
        if self.rule in ("min", "1se", "average") and "alpha" not in changes:
            changes = {"selection": self.rule, **changes}
        new = self.again(formula, changes)
        if "data" in changes or self.training is None or new.training is None:
            return new
        before, after = self.training.kept, new.training.kept
        if len(before) != len(after) or np.array_equal(before, after):
            return new
        message = (
            f"The rows used changed from {int(before.sum())} to {int(after.sum())}: "
            f"{int((before & ~after).sum())} left, {int((after & ~before).sum())} came. "
            "Scores and certificates of the two fits are about different rows."
        )
        warnings.warn(message, DataWarning, stacklevel=2)
        return dataclasses.replace(new, notes=(*new.notes, message))

    def refit(self: Any, gamma: float = 0.0, *, clusters: bool = False) -> Fit:
        """The selected model without the penalty's shrinkage (relaxed fit).

        Parameters
        ----------
        gamma, clusters : as in ``relax`` of the estimator
            The share of the penalised coefficients, and whether a cluster of SLOPE has one coefficient.

        Returns
        -------
        Fit
            A new one at this alpha alone, without cross-validation: a score of the penalised model would not be
            the refit's. There are no standard errors: none that pretend the columns were known beforehand
            would be valid.

        Raises
        ------
        ValueError
            When no alpha was chosen, the fit was loaded from a file, the family has no relaxed fit, or as in ``relax``.

        Examples
        --------
        >>> import sparsestats as ss
        >>> from sparsestats.datasets import load_penguins
        >>> fit = ss.gslope("body_mass_g ~ species + sex + bill_length_mm", load_penguins(), alpha=20.0)
        >>> refitted = fit.refit()
        >>> float(refitted.glance()["deviance_ratio"].iloc[0]) > float(fit.glance()["deviance_ratio"].iloc[0])
        True
        """
        alpha = self._alpha(None, "refit()")
        self._training("refit()")
        if self.relaxation is None:
            raise ValueError(f"{type(self.template).__name__} has no relaxed fit.")
        path = self.relaxation(self.estimator, gamma, clusters)
        refitted = "unpenalised refit of the selected " + ("clusters" if clusters else "columns")
        told = f"Relaxed: {refitted}."
        if gamma > 0:
            told = f"Relaxed: {gamma:g} x penalised + {1 - gamma:g} x {refitted}."
        if 0 < gamma < 1:  # a mixture of two fits is the optimum of nothing
            told += f" The refit's certificate: {path.certificates[0]}."
            path = dataclasses.replace(path, certificates=[])
        return dataclasses.replace(
            self,
            path=path,
            alpha=alpha,
            rule="relaxed",
            cv=None,
            inferred=None,
            notes=(
                *self.notes,
                told,
                "Standard errors of a refit after selection are not valid; none are given.",
            ),
        )

    def infer(
        self: Any,
        method: str = "bootstrap",
        *,
        n_boot: int | None = None,
        n_splits: int | None = None,
        level: float | None = None,
        threshold: float | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> Fit:
        """The same fit with what resampled rows say about its terms, at its alpha.

        - "bootstrap" refits to rows drawn with replacement (classes in their shares, whole row groups where the fit
          had them): standard errors and percentile intervals of the coefficients, and how often each column and term
          is selected. Penalised estimates are pulled towards 0, and so are these intervals: they show how stable an
          estimate is, they are no confidence intervals of an effect, and there are no p-values.
        - "split" selects on a random half of the rows and tests each selected term, all of its columns, in an
          unpenalised model of the selected and the free terms on the other half: F tests (gaussian) or
          likelihood-ratio tests (binomial, poisson). p-values are multiplied by the number of terms selected, and
          those of all splits make one p-value a term, which controls the family-wise error. It is 1 for a term
          that no split selected. A split whose selected model the other half cannot bear (too many columns, or
          separated classes) counts as p = 1 for all terms, and is told.
        - "stability" selects on both halves of random splits. Terms found by a share of at least ``threshold`` of them
          are stable, and the summary bounds how many of these to expect that a half selects no more often than the
          average term.

        All refit at the alpha of the fit, which belongs to a mean over rows and so carries over to fewer of them;
        knots of the terms stay those of the fit. What "split" asks for: independent rows; halves whose selection
        misses no term that matters, for the tests are about a term given the others selected; rows enough for
        likelihood-ratio tests, which are asymptotic. An alpha that was cross-validated on all rows has seen both
        halves; the p-values take it as given. A ``sample_weight`` counts no observations (it is rescaled to sum to
        their number).

        Parameters
        ----------
        method : {"bootstrap", "split", "stability"}, default "bootstrap"
        n_boot : int >= 2, default 200
            Replicates of "bootstrap".
        n_splits : int >= 1, default 100 of "split", 50 of "stability"
            Random splits into halves.
        level : float in (0, 1), default 0.95
            Of the intervals of "bootstrap".
        threshold : float in (0.5, 1], default 0.75
            Of "stability".
        random_state : int, SeedSequence, RandomState, Generator or None
            None draws anew; one answer for any ``n_jobs``.
        n_jobs : int or None
            Workers; -1 is all cores.
        verbose : int, default 0
            1 shows progress.

        Returns
        -------
        Fit
            A copy whose ``tidy()``, ``summary()`` and ``plot("inference")`` tell the answer under the method's name;
            ``inferred`` holds it, by column and by term. A file of ``save`` does not.

        Raises
        ------
        ValueError
            For another method, an argument of the other one or out of range, a fit without an alpha, a relaxed fit, a
            loaded fit, which holds no rows; for "split" also for a family without such tests, for ``row_groups``
            (rows that are not independent), and when no split could be tested.

        References
        ----------
        Wasserman & Roeder (2009), High-dimensional variable selection. Meinshausen, Meier & Buehlmann (2009),
        P-values for high-dimensional regression. Meinshausen & Buehlmann (2010), Stability selection. Shah & Samworth
        (2013), Variable selection with error control: another look at stability selection.

        Examples
        --------
        >>> import sparsestats as ss
        >>> from sparsestats.datasets import load_penguins
        >>> fit = ss.gslope("body_mass_g ~ species + sex + bill_length_mm + year", load_penguins(), alpha=30.0)
        >>> tested = fit.infer("split", n_splits=20, random_state=0)
        >>> tested.inferred.terms.query("p_value < 0.05")["term"].tolist()
        ['species', 'sex', 'bill_length_mm']
        """
        self._alpha(None, "infer()")
        self._training("infer()")
        if self.rule == "relaxed":
            raise ValueError("infer() refits the penalised model: call it on the fit before refit().")
        if self.resampling is None:
            raise ValueError(f"{type(self.template).__name__} has no infer().")
        options = {"n_boot": n_boot, "n_splits": n_splits, "level": level, "threshold": threshold}
        given = {name: value for name, value in options.items() if value is not None}
        bare = dataclasses.replace(self, inferred=None)
        found = self.resampling(bare, method, given, random_state=random_state, n_jobs=n_jobs, verbose=verbose)
        return dataclasses.replace(self, inferred=found)
