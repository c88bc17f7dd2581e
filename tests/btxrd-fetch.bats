# pipelines/btxrd-fetch: download, check and unpack, on a record made on the spot; no network.
load helpers

fetch="$BATS_TEST_DIRNAME/../pipelines/btxrd-fetch"

need_tools() {
    command -v unzip >/dev/null || command -v bsdtar >/dev/null || skip "neither unzip nor bsdtar found"
    command -v curl >/dev/null || skip "curl not found (wget takes no file:// address)"
}

# bytes SIZE NUMBER...: little-endian numbers of SIZE bytes
bytes() {
    local size=$1 n i text=''
    shift
    for n; do
        for ((i = 0; i < size; i++)); do
            text+=$(printf '\\x%02x' $((n >> 8 * i & 255)))
        done
    done
    printf "$text"
}

# zip_of OUT FILE...: a ZIP of stored files
zip_of() {
    local out=$1 f size at n=0 start
    shift
    : >"$out"
    : >directory
    for f; do
        size=$(stat -c %s "$f")
        at=$(stat -c %s "$out")
        { bytes 2 20 0 0 0 33; gzip -c "$f" | tail -c 8 | head -c 4; bytes 4 "$size" "$size"; bytes 2 ${#f} 0; } >common
        { printf 'PK\3\4'; cat common; printf %s "$f"; cat "$f"; } >>"$out"
        { printf 'PK\1\2'; bytes 2 20; cat common; bytes 2 0 0 0; bytes 4 0 "$at"; printf %s "$f"; } >>directory
        n=$((n + 1))
    done
    start=$(stat -c %s "$out")
    { cat directory; printf 'PK\5\6'; bytes 2 0 0 $n $n; bytes 4 "$(stat -c %s directory)" "$start"; bytes 2 0; } >>"$out"
}

# record [ZIP [SIZE]]: what figshare's API says of it, in the file `record`
record() {
    local zip=${1:-$PWD/remote.zip}
    printf '{"id": 27865398, "title": "BTXRD {a} [b]", "files": [{"id": 1, "name": "readme.txt", "size": 3, "download_url": "file:///nowhere"}, {"id": 50653575, "name": "BTXRD.zip", "size": %s, "is_link_only": false, "download_url": "%s", "supplied_md5": ""}], "authors": [{"files": []}]}\n' \
        "${2:-$(stat -c %s "$zip")}" "file:\\/\\/${zip//\//\\/}" >record
}

remote() {
    need_tools
    mkdir -p BTXRD/images BTXRD/Annotations
    printf 'film one' >BTXRD/images/IMG000001.jpeg
    head -c 100000 /dev/zero >BTXRD/images/IMG000002.jpeg
    printf '{}' >BTXRD/Annotations/IMG000001.json
    printf 'a,b\n' >BTXRD/dataset.csv
    zip_of remote.zip BTXRD/images/* BTXRD/Annotations/* BTXRD/dataset.csv
    record
    export BTXRD_API=file://$PWD/record
    BTXRD_MD5=$(md5sum <remote.zip | cut -d ' ' -f 1)
    export BTXRD_MD5
}

# nothing but these in the folder
holds() {
    [ "$(find d -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' ')" = "$1" ]
}

@test "wrong usage: exit 2" {
    run -2 --separate-stderr "$fetch"
    [ -z "$output" ]
    [[ $stderr == "usage: "* ]]
    run -2 "$fetch" a b
}

@test "downloaded, checked, unpacked; once" {
    remote
    run -0 --separate-stderr "$fetch" d
    [ -z "$output" ]
    [[ $stderr == *"'d/BTXRD' is ready: 2 films"* ]]
    holds 'BTXRD BTXRD.zip '
    cmp d/BTXRD.zip remote.zip
    [ "$(cat d/BTXRD/.fetched)" = "$BTXRD_MD5" ]
    rm d/BTXRD/.fetched
    diff -r BTXRD d/BTXRD
    [ "$(stat -c %a d/BTXRD)" = 755 ]
    # without a stamp it is somebody's own folder
    run -1 --separate-stderr "$fetch" d
    [[ $stderr == *"'d/BTXRD' is there, but not from this record"* ]]
    echo "$BTXRD_MD5" >d/BTXRD/.fetched
    BTXRD_API=file:///nowhere run -0 --separate-stderr "$fetch" d
    [ "$stderr" = "btxrd-fetch: 'd/BTXRD' is there already" ]
}

@test "a download that broke off goes on where it stopped" {
    remote
    mkdir d
    head -c 60000 remote.zip >d/BTXRD.zip.part
    # only the rest is asked for: the beginning of this one is another
    { head -c 60000 /dev/zero; tail -c +60001 remote.zip; } >rest.zip
    record "$PWD/rest.zip"
    "$fetch" d
    cmp d/BTXRD.zip remote.zip
    holds 'BTXRD BTXRD.zip '
    # all of it is there, or more than all
    rm -r d/BTXRD
    mv d/BTXRD.zip d/BTXRD.zip.part
    record
    "$fetch" d
    rm -r d/BTXRD
    mv d/BTXRD.zip d/BTXRD.zip.part
    echo more >>d/BTXRD.zip.part
    "$fetch" d
    cmp d/BTXRD.zip remote.zip
}

@test "less came than the record says: an error, and what came is kept" {
    remote
    record "$PWD/remote.zip" 999999
    run -1 --separate-stderr "$fetch" d
    [[ $stderr == *"bytes of 999999 came: run this again"* ]]
    holds 'BTXRD.zip.part '
}

@test "a wrong MD5: an error, nothing is left" {
    remote
    BTXRD_MD5=00000000000000000000000000000000 run -1 --separate-stderr "$fetch" d
    [[ $stderr == *"its MD5 is not 00000000000000000000000000000000"* ]]
    holds ''
}

@test "no network: one line with the way round it, which works" {
    remote
    BTXRD_API=file://$PWD/nowhere run -1 --separate-stderr "$fetch" d
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == "btxrd-fetch: cannot reach file://"*"put the ZIP of https://doi.org/10.6084/m9.figshare.27865398 at 'd/BTXRD.zip'"* ]]
    holds ''
    echo '{"files": [{"name": "a.txt", "size": 1, "download_url": "https://x/"}]}' >record
    run -1 --separate-stderr "$fetch" d
    [[ $stderr == *"no ZIP in this record"* ]]
    echo '<html>' >record
    run -1 --separate-stderr "$fetch" d
    [[ $stderr == *"no ZIP in this record"* ]]
    cp remote.zip d/BTXRD.zip
    BTXRD_API=file:///nowhere "$fetch" d
    holds 'BTXRD BTXRD.zip '
    rm -r d/BTXRD
    echo damage >>d/BTXRD.zip
    run -1 --separate-stderr "$fetch" d
    [[ $stderr == *"'d/BTXRD.zip': its MD5 is not $BTXRD_MD5: remove it"* ]]
}

@test "a ZIP that cannot be unpacked, or holds something else, leaves no folder" {
    remote
    mkdir d
    head -c 50000 remote.zip >d/BTXRD.zip
    BTXRD_MD5=$(md5sum <d/BTXRD.zip | cut -d ' ' -f 1) run -1 --separate-stderr "$fetch" d
    [[ $stderr == *"btxrd-fetch: 'd/BTXRD.zip': "*" failed"* ]]
    holds 'BTXRD.zip '
    zip_of d/BTXRD.zip record
    BTXRD_MD5=$(md5sum <d/BTXRD.zip | cut -d ' ' -f 1) run -1 --separate-stderr "$fetch" d
    [[ $stderr == *"'d/BTXRD.zip' holds no folder images"* ]]
    holds 'BTXRD.zip '
}

@test "a missing program is named with its package" {
    remote
    mkdir bin
    for program in bash cat mkdir mktemp rm tr cut md5sum; do
        ln -s "$(command -v $program)" bin/
    done
    PATH=$PWD/bin run -1 --separate-stderr "$fetch" d
    [[ $stderr == "btxrd-fetch: unzip not found: apt-get install unzip"* ]]
    printf '#!/bin/sh\n' >bin/unzip
    chmod +x bin/unzip
    PATH=$PWD/bin run -1 --separate-stderr "$fetch" d
    [[ $stderr == "btxrd-fetch: curl not found: apt-get install curl"* ]]
    holds ''
}
