"""X and y as scikit-learn reads them, refused in our words where its own tell little."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import validate_data

from ..validation import check_column_names, check_numbers_in_columns, check_real


def read(model: Any, X: Any, y: Any = "no_validation", **options: Any) -> Any:
    """``validate_data`` of scikit-learn.

    Raises
    ------
    ValueError
        Also for complex numbers, for names of columns that are one as text or of more than one kind, and by name for
        columns of a frame that hold something else than numbers.
    """
    check_column_names(X)
    if not isinstance(y, str):
        check_real(y, "y")
    try:
        return validate_data(model, X, y, **options)
    except (TypeError, ValueError) as error:
        if "Complex data not supported" in str(error):  # it goes on with all the numbers of X
            raise ValueError(
                "Complex data not supported: X holds complex numbers; give real and imaginary parts as columns each"
            ) from None
        check_numbers_in_columns(X)
        raise
