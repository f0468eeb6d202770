# Lasso paths by glmnet, for r_glmnet.py:  Rscript glmnet.R FOLDER
#
# FOLDER has settings.txt (rows, columns, alphas, family, whether there is an intercept, whether a column's classes
# share a group) and X.bin, y.bin and alphas.bin, column-major doubles. Then every line on standard input is a thresh:
# the path is fitted with it, written to path.bin (of each class: alphas x (1 + columns), intercept first), and the
# seconds of the fit are printed. Nothing that glmnet does to end a path early is left on.

suppressPackageStartupMessages(library(glmnet))
folder <- commandArgs(trailingOnly = TRUE)[1]
place <- function(name) file.path(folder, name)
settings <- scan(place("settings.txt"), "", quiet = TRUE)
size <- as.integer(settings[1:3])
family <- settings[4]
doubles <- function(name, count) readBin(place(name), "double", count)
X <- matrix(doubles("X.bin", size[1] * size[2]), size[1], size[2])
y <- doubles("y.bin", size[1])
if (family != "gaussian") y <- factor(y)
alphas <- doubles("alphas.bin", size[3])
glmnet.control(fdev = 0, devmax = 1, mnlam = size[3], epsnr = 1e-12, mxitnr = 100)

# glmnet scales penalties to sum to the number of columns; equal ones stay as they are.
path <- function(thresh) {
  glmnet(X, y, family = family, lambda = alphas, standardize = FALSE, intercept = settings[5] == "TRUE",
    thresh = thresh, maxit = 1e9, type.multinomial = if (settings[6] == "TRUE") "grouped" else "ungrouped")
}

input <- file("stdin", "r")
while (length(line <- readLines(input, 1))) {
  thresh <- as.numeric(line)
  began <- Sys.time()
  fit <- path(thresh)
  seconds <- as.numeric(difftime(Sys.time(), began, units = "secs"))
  each <- if (is.list(fit$beta)) fit$beta else list(fit$beta)
  intercepts <- matrix(fit$a0, nrow = length(each))
  out <- file(place("path.bin"), "wb")
  for (k in seq_along(each)) writeBin(as.vector(t(rbind(intercepts[k, ], as.matrix(each[[k]])))), out)
  close(out)
  cat(format(seconds, digits = 10), length(fit$lambda), "\n")
  flush(stdout())
}
