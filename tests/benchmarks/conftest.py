"""Makes ``benchmarks`` importable, last on the path: the installed package stays the one under test."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
