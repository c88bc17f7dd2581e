# How often 95 % intervals hold the true value, over 1,000 simulated tables (10,000 for those
# by formula; standard error 0.7 % and 0.2 %).
load ../helpers

setup_file() {
    coverage >"$BATS_FILE_TMPDIR/shares" || return 1
    sed 's/^/# /' "$BATS_FILE_TMPDIR/shares" >&3
}

# between LOW HIGH PATTERN: all shares of lines that begin so, and there is one
between() {
    awk -v low="$1" -v high="$2" -v begin="$3" '
        ($1 " " $2) ~ "^" begin { n++; if ($3 < low || $3 > high) { print; bad++ } }
        END { exit bad || !n }' "$BATS_FILE_TMPDIR/shares"
}

@test "percentile, BCa and stratified bootstrap hold it in 93 to 97 %" {
    between .93 .97 "percentile "
    between .93 .97 "bca "
    between .93 .97 "stratified "
}

@test "the basic bootstrap does, but for figures that are skewed, as areas and shares of few rows" {
    for figure in accuracy f1_macro cohen_kappa log_loss brier_score; do
        between .93 .97 "basic $figure"
    done
}

@test "DeLong's intervals and Wilson's do; Clopper and Pearson's never falls short" {
    between .93 .97 "delong "
    between .93 .97 "delong-logit "
    between .93 .97 "wilson "
    between .95 .98 "clopper-pearson "
}

@test "groups resampled whole do, where rows taken for independent fall short" {
    between .93 .97 "groups "
    between 0 .90 "groups-ignored "
}
