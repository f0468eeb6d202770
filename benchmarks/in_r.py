"""Which packages of R are to be had here."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

PACKAGES = ("glmnet", "sgs", "ordinal", "MASS", "VGAM")


@cache
def versions() -> dict[str, str]:
    """Versions of R ("R") and of those packages that it finds; empty without Rscript."""
    if shutil.which("Rscript") is None:
        return {}
    asked = ", ".join(f'"{name}"' for name in PACKAGES)
    program = (
        'cat("R", as.character(getRversion()), "\\n"); '
        f"for (name in c({asked})) if (nzchar(system.file(package = name))) "
        'cat(name, as.character(packageVersion(name)), "\\n")'
    )
    text = subprocess.run(["Rscript", "-e", program], check=True, capture_output=True, text=True).stdout
    return dict(line.split() for line in text.splitlines())
