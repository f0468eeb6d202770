# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Quickstart: a certified group SLOPE fit, through both doors
#
# The question: which measurements tell the body mass of a penguin, and what does the answer look like when
# it was selected from data? On the way we meet a formula with factors and a spline, a cross-validated path,
# predictions that refuse to guess, the same model as a scikit-learn pipeline, two classes, a constraint of
# our own, and the certificate that every fit carries.

# %%
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.pipeline import make_pipeline

import sparsestats as ss
from sparsestats.exceptions import UnseenLevelError

plt.rcParams["figure.figsize"] = (7, 4)

penguins = ss.datasets.load_penguins()
penguins.head()

# %% [markdown]
# 344 birds of three species, measured on three islands from 2007 to 2009; 11 rows miss a value.
#
# ## 1. By formula
#
# A term of the formula is a **group**: all columns of a factor, or of a spline basis, enter the model
# together or not at all. Group SLOPE minimises
#
# $$\frac{1}{2n}\sum_i (y_i - b_0 - x_i'b)^2 \;+\; \alpha \sum_g \lambda_g\, r_{(g)},
# \qquad r_g = \sqrt{p_g}\,\lVert R_g b_g\rVert,$$
#
# where $r_{(1)} \ge r_{(2)} \ge \dots$ are the sorted group norms and $\lambda_1 \ge \lambda_2 \ge \dots$ a
# sequence built from a target false discovery rate `q`. $R_g$ makes the columns of a group orthonormal, so
# that the answer depends on what a term spans and not on how its columns are written.
#
# `alpha="cv"` fits a path of 100 alphas, scores it on 10 shuffled folds, and sits at the best score.

# %%
formula = (
    "body_mass_g ~ species + island + sex + factor(year)"
    " + bs(flipper_length_mm, df=5) + bs(bill_length_mm, df=4) + bill_depth_mm"
)
alphas = ss.relative(1, 1e-3, 100)  # from alpha_max down to a thousandth of it
fit = ss.gslope(formula, penguins, alpha="cv", alphas=alphas)
print(fit.summary())

# %% [markdown]
# How to read it, from the top:
#
# - *group norm* is the size of a term's contribution on the standardised scale and *share* its part of
#   their sum: the terms are sorted by it;
# - penalised factors have a column for **every** level. The estimates are deviations, not contrasts with a
#   reference level; there is none;
# - the cross-validated error is printed for both rules, the minimum and the sparsest alpha within one
#   standard error of it, whichever the fit sits at;
# - the certificate says how far this model can be from the optimum of the objective above (section 6);
# - there are no p-values, and section 7 says why.
#
# The cross-validation curve has the number of selected terms on top:

# %%
ax = fit.plot("cv")

# %% [markdown]
# The path: the size of every term as the penalty weakens from left to right, and where the two rules sit.

# %%
ax = fit.plot("path")

# %% [markdown]
# A spline is read from its plot rather than from its coefficients. The curve stops where the data stop.

# %%
ax = fit.plot("term", "flipper_length_mm")

# %% [markdown]
# ## 2. Moving along the path
#
# `at` moves to another alpha of the same path; nothing is fitted again, and every verb then answers for
# that alpha.

# %%
sparser = fit.at("1se")
pd.concat([fit.glance(), sparser.glance()])[
    ["rule", "alpha", "n_groups_active", "deviance_ratio", "gap", "converged"]
]

# %%
sparser.tidy()[["term", "level", "estimate", "estimate_std"]]

# %% [markdown]
# ## 3. Predictions that do not guess
#
# Predictions come back on the index of the new rows, as many as there were rows. A bird with a missing
# input gets NaN.

# %%
birds = penguins.iloc[[0, 3, 200, 300]].set_index(pd.Index(["a", "b", "c", "d"]))
sparser.predict(birds)

# %% [markdown]
# A species that was never seen has no coefficient. That is an error which names it, unless NaN is asked
# for.

# %%
stranger = birds.assign(species=["Adelie", "Adelie", "Emperor", "Gentoo"])
try:
    sparser.predict(stranger)
except UnseenLevelError as error:
    print(error)

# %%
sparser.predict(stranger, unseen="nan")

# %% [markdown]
# ## 4. The same model in scikit-learn
#
# `ModelMatrix` makes the columns, and `groups="auto"` reads the terms back from their names. The two doors
# share the engine, the folds and the rule; they differ only in that a matrix cannot drop incomplete rows
# for us.

# %%
complete = penguins.dropna()
response, terms = formula.split(" ~ ")
pipeline = make_pipeline(
    ss.ModelMatrix(terms),
    ss.GroupSLOPECV(groups="auto", standardize="group", alphas=alphas),
)
pipeline.fit(complete, complete[response])
model = pipeline[-1]
print(f"alpha {model.alpha_:.6g} here, {fit.alpha:.6g} by formula")
print(f"largest difference of a coefficient: {np.abs(model.coef_ - fit.coef().to_numpy()[1:]).max():.1e} g")

# %% [markdown]
# Without a formula it is any other estimator: a matrix, a label per column, a path that plots itself.

# %%
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 12))
y = X[:, :3] @ [2.0, -1.0, 1.5] + rng.normal(size=200)
path = ss.GroupSLOPE(groups=np.repeat([0, 1, 2, 3], 3)).path(X, y)
print(f"{len(path.alphas)} alphas, all converged: {path.converged.all()}")
ax = path.plot()

# %% [markdown]
# ## 5. Two classes
#
# The same call with `family="binomial"`. The event is the last of the two levels, here `male`; `prob` names
# its columns.

# %%
sexes = ss.gslope(
    "sex ~ species + bs(body_mass_g, df=4) + bill_length_mm + bill_depth_mm + factor(year)",
    penguins,
    family="binomial",
    alpha="cv",
    selection="1se",
)
print(sexes.summary())
sexes.predict(birds, type="prob")

# %% [markdown]
# ## 6. A constraint, and the proof
#
# Suppose flipper length had been recorded in ordered bands, as doses are, and that a longer flipper may
# never lower the prediction. Every model here also exists as a cvxpy program, and `constraints=` opens it:
# a function of the variables, on the data's own scale, by term.

# %%
edges = [170, *range(180, 225, 5), 235]
banded = penguins.assign(band=pd.cut(penguins["flipper_length_mm"], edges))
free = ss.gslope("body_mass_g ~ species + sex + bill_depth_mm + band", banded, alpha=5.0)


def never_decreasing(variables):
    effects = variables["band"]
    return [effects[1:] >= effects[:-1]]


monotone = free.update(constraints=never_decreasing)

bands = [column for column in free.coef().index if column.startswith("band")]
effects = pd.DataFrame({"free": free.coef()[bands], "monotone": monotone.coef()[bands]})
ax = effects.plot(drawstyle="steps-mid", marker="o")
ax.set(xlabel="flipper length, mm", ylabel="effect on body mass, g")
ax.set_xticks(range(len(bands)), [band[5:-1] for band in bands], rotation=45, ha="right")
plt.tight_layout()

# %% [markdown]
# Two bands were pooled, and the rest moved a little. A constraint that binds has a positive multiplier: it
# is the rate at which the objective would fall if the constraint were loosened.

# %%
pd.Series(monotone.estimator.duals_[0], index=[band[5:-1] for band in bands[1:]]).round(3)

# %% [markdown]
# **The certificate.** For a convex problem, any point of the dual gives a lower bound on the objective. The
# gap between the objective of the model returned and such a bound is how far that model can be from the
# best one, whatever the solver did. It is computed from the returned coefficients, on the full problem, and
# `converged` means that it is at most `tol` times the objective of the null model; nothing else decides it.
# Both solvers are held to it:

# %%
print("compiled:", free.certificate)
print("cvxpy:   ", monotone.certificate)

# %% [markdown]
# A solver that is stopped too early says so, with the gap and what to change:

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    free.update(max_iter=1)
print(caught[0].message)

# %% [markdown]
# ## 7. Where not to trust it
#
# **No p-values.** The terms were chosen because they fit these rows. Standard errors and p-values of the
# selected model would pretend that it had been known beforehand, so none are printed. The cross-validated
# error is the honest number here, and even it is slightly optimistic at the minimum, which was chosen for
# being the minimum. Who needs p-values names a method: `fit.infer("split")` selects on random halves of the rows
# and tests on the others (the vignette `genes` shows it).
#
# **Correlated terms stand in for each other.** Gentoo live on one island only, so island can speak for
# species. Leave species out, and island grows several-fold while the depth of the bill loses most of its
# part:

# %%
without = fit.update(". ~ . - species")


def size(fit, term):
    return np.linalg.norm(fit.tidy().query("term == @term")["estimate_std"])


comparison = {"all terms": fit, "without species": without}
pd.DataFrame(
    {
        "cross-validated mse": {name: f.cv.mean[f.cv.index_min] for name, f in comparison.items()},
        **{
            term: {name: size(f, term) for name, f in comparison.items()}
            for term in ("species", "island", "bill_depth_mm")
        },
    }
).round(1)

# %% [markdown]
# (The three columns on the right are norms of standardised coefficients; the error rises, so species did
# tell something of its own.) "Selected" means useful for prediction given the rest, on these birds; it does
# not mean causal, nor that what was left out has no effect. Estimates are also shrunk towards 0: that is
# the price of the selection. And a term's curve says nothing beyond the range that was seen.
#
# ## 8. Keep it
#
# `save` writes JSON: formula, levels, knots, coefficients, certificates, scores; no rows of the data.
# Loading it runs no code and checks the formula again. (A pickle of a fit works as well, but a pickle *is*
# code: load only your own.)

# %%
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "model.json"
    sparser.save(file)
    again = ss.load(file)
    print(f"{file.stat().st_size / 1000:.0f} kB")
pd.testing.assert_series_equal(again.predict(penguins), sparser.predict(penguins))
again.predict(birds)
