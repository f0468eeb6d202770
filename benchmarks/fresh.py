"""What only a fresh process shows: import time, first fit, memory peak. Run by ``probes``; prints JSON.

Usage: ``python -P fresh.py import | first-fit DATA.npz | memory DATA.npz``.
"""

import json
import sys
import time

HEAVY = ("cvxpy", "formulaic", "matplotlib", "statsmodels")


def import_time() -> dict:
    import sklearn.linear_model  # noqa: F401

    started = time.perf_counter()
    from sparsestats import GroupSLOPE  # noqa: F401

    seconds = time.perf_counter() - started
    return {"seconds": seconds, "heavy": [name for name in HEAVY if name in sys.modules]}


def first_fit(path: str) -> dict:
    import numpy as np

    from sparsestats import GroupSLOPE

    with np.load(path) as data:
        X, y, groups = data["X"], data["y"], data["groups"]
    model = GroupSLOPE(sequence="mean", groups=groups)
    started = time.perf_counter()
    model.fit(X, y)
    return {"seconds": time.perf_counter() - started}


def memory(path: str) -> dict:
    """Bytes by which the peak during a path exceeds what was resident with X in place.

    A first tiny fit loads everything that is loaded late, so that the peak is the path's own.
    """
    import numpy as np

    import sparsestats

    with np.load(path) as data:
        X, y, alphas = data["X"], data["y"], data["alphas"]
        groups = data.get("groups")
    rng = np.random.default_rng(0)
    if groups is None:
        model, tiny = sparsestats.SLOPE(tol=1e-6), sparsestats.SLOPE()
    else:
        model = sparsestats.GroupSLOPE(sequence="mean", groups=groups, tol=1e-6)
        tiny = sparsestats.GroupSLOPE(sequence="mean", groups=np.arange(4) // 2)
    tiny.path(np.asfortranarray(rng.standard_normal((20, 4)).astype(X.dtype)), rng.standard_normal(20))
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as switch:
        switch.write("5")  # start the peak (VmHWM) afresh
    path = model.path(X, y, alphas=alphas)
    return {
        "extra": resident("VmHWM") - before,
        "x": X.nbytes,
        "n_plus_p": sum(X.shape),
        "result": np.asarray(path.coefs).nbytes,
        "working_set": int(np.max(path.n_nonzero)),
        "fortran": bool(X.flags.f_contiguous),
    }


def resident(field: str) -> int:
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith(field))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    print(json.dumps({"import": import_time, "first-fit": first_fit, "memory": memory}[command](*arguments)))
