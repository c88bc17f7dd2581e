# tests/deps: what is missing is named, and nothing is installed where that is forbidden.
load helpers

@test "all is there: silent, exit 0" {
    run -0 "$XR_TOP/tests/deps" build check
    [ -z "$output" ]
}

@test "missing headers: one command to run, exit 1, nothing installed" {
    # a compiler that is not there makes every header missing; apt-get must not be called
    mkdir bin
    printf '#!/bin/bash\ntouch "%s/called"\n' "$PWD" | tee bin/apt-get >bin/sudo
    chmod +x bin/apt-get bin/sudo
    CC=no-such-compiler XR_NO_INSTALL=1 PATH=$PWD/bin:$PATH run -1 "$XR_TOP/tests/deps" build
    [[ $output == "missing: "*libarchive-dev* ]]
    [[ $output == *"apt-get install -y --no-install-recommends"*libdnnl-dev* ]]
    [ ! -e called ]
}

@test "what is missing is installed, the lists are fetched first where they are missing" {
    [ "$(id -u)" = 0 ] || skip "not root"
    mkdir bin
    # shellcheck disable=SC2016
    printf '#!/bin/bash\necho "$@" >>"%s/called"\n' "$PWD" >bin/apt-get
    chmod +x bin/apt-get
    CC=no-such-compiler PATH=$PWD/bin:$PATH run -0 "$XR_TOP/tests/deps" build
    [[ $output == *"running: apt-get install"* ]]
    grep -q 'install -y --no-install-recommends .*libyaml-dev' called
}

@test "a package manager that fails: the command is printed, exit 1" {
    [ "$(id -u)" = 0 ] || skip "not root"
    mkdir bin
    printf '#!/bin/bash\nexit 100\n' >bin/apt-get
    chmod +x bin/apt-get
    CC=no-such-compiler PATH=$PWD/bin:$PATH run -1 "$XR_TOP/tests/deps" build
    [[ $output == *"failed; run this, then make again:"* ]]
}

@test "what is only optional does not stop the build, and is named" {
    mkdir bin
    printf '#!/bin/bash\nexit 100\n' | tee bin/apt-get >bin/sudo
    # a preprocessor that misses no header but DCMTK's
    printf '#!/bin/bash\nsed -n "s/^xr_missing libdcmtk-dev/&/p"\n' >bin/one-is-missing
    chmod +x bin/apt-get bin/sudo bin/one-is-missing
    CC=one-is-missing PATH=$PWD/bin:$PATH run -0 "$XR_TOP/tests/deps" --list build
    [ "$output" = libdcmtk-dev ]
    CC=one-is-missing XR_NO_INSTALL=1 PATH=$PWD/bin:$PATH run -0 "$XR_TOP/tests/deps" build
    [[ $output == *"going on without libdcmtk-dev: "* ]]
    CC=one-is-missing PATH=$PWD/bin:$PATH run -0 "$XR_TOP/tests/deps" build
    [[ $output == *"going on without libdcmtk-dev: "* ]]
}

@test "wrong usage" {
    run -2 "$XR_TOP/tests/deps" everything
}
