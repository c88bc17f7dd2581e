# How often 95 % intervals of differences, of net benefit and of means over folds hold the
# true value, and how often tests reject where nothing differs, over 1,000 simulated tables
# (standard error 0.7 %).
load ../helpers

setup_file() {
    coverage-compare >"$BATS_FILE_TMPDIR/shares" || return 1
    sed 's/^/# /' "$BATS_FILE_TMPDIR/shares" >&3
}

# between LOW HIGH PATTERN: all shares of lines that begin so, and there is one
between() {
    awk -v low="$1" -v high="$2" -v begin="$3" '
        ($1 " " $2) ~ "^" begin { n++; if ($3 < low || $3 > high) { print; bad++ } }
        END { exit bad || !n }' "$BATS_FILE_TMPDIR/shares"
}

@test "DeLong's interval of a difference holds it in 93 to 97 %" {
    between .93 .97 "delong "
}

@test "of groups it does where they are told of, and falls short where they are not" {
    between .93 .97 "delong-groups "
    between 0 .85 "delong-ignored "
}

@test "the paired bootstrap, net benefit and means over folds do" {
    between .93 .97 "paired "
    between .93 .97 "net_benefit "
    between .93 .97 "folds "
    between .93 .97 "folds-delong "
}

@test "where nothing differs, 3 to 7 % are rejected at 5 %; McNemar's exact test rejects fewer" {
    between .03 .07 "rejected-bootstrap "
    between .03 .07 "rejected-delong "
    between .02 .07 "rejected-mcnemar mid_p"
    between .01 .05 "rejected-mcnemar exact"
}
