"""``python -m benchmarks``: sets the process up, then hands over to ``run``."""

import os
import sys
from pathlib import Path

# One thread for everybody, before numpy loads its BLAS; the worker processes inherit it.
for variable in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM"):
    os.environ[f"{variable}_NUM_THREADS"] = "1"

# ``-m`` puts the repository first on the path, where the bare sources would hide the installed package
# (and its compiled core). What is measured is what is installed, so the repository goes last.
root = str(Path(__file__).resolve().parent.parent)
sys.path[:] = [entry for entry in sys.path if entry not in ("", root)] + [root]

if __name__ == "__main__":
    from benchmarks.run import main

    sys.exit(main())
