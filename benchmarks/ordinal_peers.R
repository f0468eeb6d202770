# Ordinal models by R packages, for ordinal_r.py:  Rscript ordinal_peers.R FOLDER [DIRECTORY OF THE AUTHORS' FILES]
#
# FOLDER has sizes.txt (rows, columns, classes, whether to time), X.bin and y.bin (column-major doubles, classes
# 1..K as integers), fits.csv (a line a fit) and, for the authors' path, alphas.bin. Written there: answers.csv,
# a line a number, and failures.txt. Coefficients come in our sign, P(Y <= k) = F(a_k + x'b_k), boundary by boundary.
# Seconds are processor time of a call: the least of three batches, each long enough for the clock's millisecond.

argument <- commandArgs(trailingOnly = TRUE)
place <- function(name) file.path(argument[1], name)
sizes <- scan(place("sizes.txt"), quiet = TRUE)
n <- sizes[1]
p <- sizes[2]
m <- sizes[3] - 1
X <- matrix(readBin(place("X.bin"), "double", n * p), n, p, dimnames = list(NULL, paste0("x", seq_len(p))))
y <- ordered(readBin(place("y.bin"), "integer", n), levels = seq_len(m + 1))
table <- data.frame(y = y, X)
fits <- read.csv(place("fits.csv"), stringsAsFactors = FALSE)
columns <- reformulate(colnames(X))
# VGAM looks its links up by name, so it has to be attached.
if ("VGAM" %in% fits$package) suppressPackageStartupMessages(library(VGAM))

seconds <- function(call) {
  spent <- function() sum(proc.time()[1:2])
  if (!sizes[4]) return(NA)
  batch <- function() {
    began <- spent()
    calls <- 0
    while (spent() - began < 0.1) {
      call()
      calls <- calls + 1
    }
    (spent() - began) / calls
  }
  min(batch(), batch(), batch())
}

same_at_all <- function(row) matrix(row, m, p, byrow = TRUE)

# clm and polr subtract x'b where one vector serves all boundaries; clm adds where each boundary has its own.
by_clm <- function(link, parallel) {
  call <- if (parallel) {
    function() ordinal::clm(y ~ ., data = table, link = link)
  } else {
    function() ordinal::clm(y ~ 1, nominal = columns, data = table, link = link)
  }
  fit <- call()
  if (parallel) {
    errors <- sqrt(diag(vcov(fit)))
    list(call = call, fit = fit, level = fit$alpha, coef = same_at_all(-fit$beta), error = errors[names(fit$beta)])
  } else {
    all <- matrix(fit$alpha, m)
    errors <- matrix(sqrt(diag(vcov(fit))), m)
    list(call = call, fit = fit, level = all[, 1], coef = all[, -1], error = errors[, -1])
  }
}

by_polr <- function(link) {
  method <- if (link == "logit") "logistic" else link
  call <- function() MASS::polr(y ~ ., data = table, method = method)
  fit <- call()
  list(call = call, fit = fit, level = fit$zeta, coef = same_at_all(-fit$coefficients), error = NULL)
}

# Its continuation ratio is P(Y > k | Y >= k) and its adjacent categories P(Y = k + 1 | k, k + 1); reversed they are
# ours. Its standard errors are from the expected information, not the observed: not compared.
by_vglm <- function(family, link, parallel) {
  # VGAM reads the link as it is written in the call, so values are put there.
  settings <- list(parallel = parallel)
  if (family != "acat") settings$link <- c(logit = "logitlink", probit = "probitlink", cloglog = "clogloglink")[[link]]
  if (family %in% c("cratio", "acat")) settings$reverse <- TRUE
  model <- do.call(family, settings)
  call <- function() vglm(y ~ ., family = model, data = table)
  fit <- call()
  all <- coef(fit, matrix = TRUE)
  list(call = call, fit = fit, level = all[1, ], coef = t(all[-1, , drop = FALSE]), error = NULL)
}

answers <- data.frame(id = integer(), what = character(), value = character())
put <- function(id, what, values) {
  answers <<- rbind(answers, data.frame(id = id, what = what, value = sprintf("%.17g", as.numeric(values))))
}

# The authors' path: their log-likelihood and differences at every alpha, one timed call.
by_authors <- function(id) {
  directory <- argument[2]
  for (file in list.files(directory, pattern = "[.]R$", full.names = TRUE)) source(file)
  alphas <- readBin(place("alphas.bin"), "double", file.size(place("alphas.bin")) / 8)
  spent <- system.time(fit <- ordinalNetMod(X, y, lambdaVals = alphas, warn = FALSE))
  put(id, "seconds", sum(spent[1:2]))
  put(id, "likelihood", fit$loglik)
  put(id, "coef", t(fit$coefs[, -seq_len(m)]))
}

failures <- character()
for (i in seq_len(nrow(fits))) {
  f <- fits[i, ]
  tryCatch(
    if (f$package == "authors") {
      by_authors(f$id)
    } else {
      warned <- character()
      found <- withCallingHandlers(
        switch(f$package,
          ordinal = by_clm(f$link, f$parallel),
          MASS = by_polr(f$link),
          VGAM = by_vglm(f$family, f$link, f$parallel)
        ),
        warning = function(w) invokeRestart("muffleWarning")
      )
      put(f$id, "likelihood", as.numeric(if (f$package == "VGAM") logLik(found$fit) else logLik(found$fit)))
      put(f$id, "intercept", found$level)
      put(f$id, "coef", t(found$coef))
      if (!is.null(found$error)) put(f$id, "error", t(found$error))
      put(f$id, "seconds", suppressWarnings(seconds(found$call)))
    },
    error = function(e) failures <<- c(failures, paste(f$id, gsub("\n", " ", conditionMessage(e))))
  )
}
write.csv(answers, place("answers.csv"), row.names = FALSE, quote = FALSE)
writeLines(failures, place("failures.txt"))
