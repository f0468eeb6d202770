"""The compiled core; everything numerical and fast lives in ``_ext``."""

from __future__ import annotations

import importlib.util
from types import ModuleType


def _load() -> ModuleType:
    if importlib.util.find_spec(f"{__name__}._ext") is None:
        raise ImportError(
            "sparsestats is not compiled here: this is a source tree without its extension. "
            "Run `pip install -e .` in it, or start Python outside it to use the installed package."
        )
    return importlib.import_module(f"{__name__}._ext")


ext = _load()
