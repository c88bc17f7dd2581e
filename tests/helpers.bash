# Loaded by every bats file: tools on PATH, a folder of its own for each test, reference data.
bats_require_minimum_version 1.5.0

XR_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
XR_BUILD=${XR_BUILD:-$XR_TOP/build}
export PATH="$XR_BUILD/bin:$XR_BUILD/fixtures:$PATH" LC_ALL=C
case ${XR_SHARED:-../shared} in
/*) SHARED=${XR_SHARED} ;;
*) SHARED=$XR_TOP/${XR_SHARED:-../shared} ;;
esac

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    # a tool that hangs must not hang the run
    export OMP_WAIT_POLICY=passive
}

# Tests against reference data skip, saying so, where it is absent. (tests/run takes such a
# skip for a failure in CI if the data is there after all.)
need_shared() {
    [ -e "$SHARED/README.md" ] && return 0
    skip "reference data not found in '$SHARED' (set XR_SHARED)"
}

# need PROGRAM: skip where a program that only this test uses is missing.
need() {
    command -v "$1" >/dev/null && return 0
    [ -z "${CI:-}" ] || return 1
    skip "$1 not found"
}

# wrong_usage TOOL ARG...: exit 2, one line and a hint on stderr, nothing on stdout.
wrong_usage() {
    run -2 --separate-stderr "$@"
    [ -z "$output" ]
    [[ $stderr == "$1: "*"Try '$1 --help'."* ]]
}

# help_and_version TOOL: both exit 0, name the tool, and fill no more than the right stream.
help_and_version() {
    run -0 --separate-stderr "$1" --help
    [[ $output == "usage: $1 "* ]]
    [ -z "$stderr" ]
    run -0 --separate-stderr "$1" --version
    [[ ${lines[0]} == "$1 (xr-tools) "* ]]
    [ -z "$stderr" ]
    run -0 "$1" --print-config
    wrong_usage "$1" --no-such-option
}
