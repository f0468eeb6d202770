# Paths by R packages, for r_paths.py:  Rscript r_paths.R PACKAGE FOLDER
#
# FOLDER has settings.txt (rows, columns, alphas, family, whether there is an intercept, whether a column's classes
# share a group) and X.bin, y.bin and alphas.bin, column-major doubles; for groups also groups.bin (1, 2, ...) and
# weights.bin, largest first. Then every line on standard input is a tolerance: the path is fitted with it, written to
# path.bin (of each class: alphas x (1 + columns), intercept first), and the seconds of the fit and the number of alphas
# fitted are printed. Nothing that a package does to end a path early is left on.

arguments <- commandArgs(trailingOnly = TRUE)
place <- function(name) file.path(arguments[2], name)
settings <- scan(place("settings.txt"), "", quiet = TRUE)
size <- as.integer(settings[1:3])
family <- settings[4]
intercept <- settings[5] == "TRUE"
shared <- settings[6] == "TRUE"
doubles <- function(name) readBin(place(name), "double", file.size(place(name)) / 8)
X <- matrix(doubles("X.bin"), size[1], size[2])
y <- doubles("y.bin")
alphas <- doubles("alphas.bin")

suppressPackageStartupMessages(library(arguments[1], character.only = TRUE))
if (arguments[1] == "glmnet") {
  if (family != "gaussian") y <- factor(y)
  glmnet.control(fdev = 0, devmax = 1, mnlam = size[3], epsnr = 1e-12, mxitnr = 100)
  path <- function(tol) {
    glmnet(X, y, family = family, lambda = alphas, standardize = FALSE, intercept = intercept, thresh = tol,
      maxit = 1e9, type.multinomial = if (shared) "grouped" else "ungrouped")
  }
  coefficients_of <- function(fit) {
    each <- if (is.list(fit$beta)) fit$beta else list(fit$beta)
    intercepts <- matrix(fit$a0, nrow = length(each))
    lapply(seq_along(each), function(k) rbind(intercepts[k, ], as.matrix(each[[k]])))
  }
} else {
  groups <- doubles("groups.bin")
  weights <- doubles("weights.bin")
  path <- function(tol) {
    suppressWarnings(fit_gslope(X, y, groups, type = if (family == "binomial") "logistic" else "linear",
      lambda = alphas, w_weights = weights, standardise = "none", intercept = intercept, screen = TRUE,
      tol = tol, max_iter = 1e6))
  }
  coefficients_of <- function(fit) {
    beta <- as.matrix(fit$beta)
    list(if (nrow(beta) > size[2]) beta else rbind(0, beta))
  }
}

input <- file("stdin", "r")
while (length(line <- readLines(input, 1))) {
  tol <- as.numeric(line)
  began <- Sys.time()
  fit <- path(tol)
  seconds <- as.numeric(difftime(Sys.time(), began, units = "secs"))
  each <- coefficients_of(fit)
  out <- file(place("path.bin"), "wb")
  for (values in each) writeBin(as.vector(t(values)), out)
  close(out)
  cat(format(seconds, digits = 10), ncol(each[[1]]), "\n")
  flush(stdout())
}
