"""The R door: a formula and a frame in, a `Fit` out."""

from ..selection.folds import folds
from .comparing import compare
from .functions import fit, gslope, load, sgslope, slope
from .graphs import colide
from .ordinal import presto

__all__ = ["colide", "compare", "fit", "folds", "gslope", "load", "presto", "sgslope", "slope"]
