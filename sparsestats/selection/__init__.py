"""Choosing a penalty: folds, cross-validation of whole paths, the rules that pick an alpha."""
