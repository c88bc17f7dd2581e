# The runner of the tests: it must see what went wrong.
load helpers

# unit NAME: a program that prints standard input as its TAP, then runs the arguments.
unit() {
    local name=$1
    shift
    {
        printf '#!/bin/bash\ncat <<"END"\n'
        cat
        printf 'END\n%s\n' "$*"
    } >"$name"
    chmod +x "$name"
}

runner() {
    env -u CI "$XR_TOP/tests/run" "$@"
}

@test "passes are counted, the last line stands alone" {
    unit a <<<$'ok 1 - x\nok 2 - y # SKIP no such thing\n1..2'
    unit b <<<$'1..1\nok 1 - z'
    run -0 runner "$PWD/a" "$PWD/b"
    [ "${lines[-1]}" = "2 passed, 0 failed, 1 skipped" ]
}

@test "a failed test fails the run and is shown with what follows it" {
    unit a <<<$'ok 1 - x\nnot ok 2 - y\n# because\n1..2'
    run -1 runner "$PWD/a"
    [ "${lines[-1]}" = "1 passed, 1 failed, 0 skipped" ]
    [[ $output == *"not ok 2 - y"*"# because"* ]]
}

@test "a crash, a missing plan, a wrong plan, a bad status fail" {
    unit crash 'kill -SEGV $$' <<<$'ok 1 - x\n1..1'
    unit none <<<'ok 1 - x'
    unit wrong <<<$'ok 1 - x\n1..2'
    unit status 'exit 3' <<<$'ok 1 - x\n1..1'
    unit silent </dev/null
    for f in crash none wrong status silent; do
        run -1 runner "$PWD/$f"
        [[ ${lines[-1]} == *" passed, 1 failed, 0 skipped" ]]
    done
    run -1 runner "$PWD/nothing-there"
    run -1 runner
}

@test "a hang is ended" {
    unit a 'sleep 60' <<<$'ok 1 - x\n1..1'
    XR_TEST_TIMEOUT=1 run -1 runner "$PWD/a"
    [[ $output == *"too slow"* ]]
}

@test "a whole file may be skipped, a bats file counts its tests" {
    unit a <<<'1..0 # SKIP no device'
    printf '@test "one" {\n    true\n}\n@test "two" {\n    false\n}\n' >b.bats
    run -1 runner "$PWD/a" "$PWD/b.bats"
    [ "${lines[-1]}" = "1 passed, 1 failed, 1 skipped" ]
    [[ $output == *"not ok 2 two"* ]]
}

@test "in CI a test skipped for want of reference data that is there has failed" {
    unit a <<<$'ok 1 - x # SKIP no reference data in ../shared\n1..1'
    mkdir shared
    XR_SHARED=$PWD/shared CI=true run -0 "$XR_TOP/tests/run" "$PWD/a"
    touch shared/README.md
    XR_SHARED=$PWD/shared CI=true run -1 "$XR_TOP/tests/run" "$PWD/a"
    XR_SHARED=$PWD/shared run -0 runner "$PWD/a"
}
