"""The R door: a formula and a frame in, a `Fit` out."""

from ..selection.folds import folds
from .functions import fit, gslope, load, sgslope, slope
from .graphs import colide

__all__ = ["colide", "fit", "folds", "gslope", "load", "sgslope", "slope"]
