# xr-cat(1): text, checks, records by key, joined streams, model files.
load helpers

# a.tar: five records with masks, two classes; b.tar: four others of the same kind
streams() {
    tiny-stream 5 masks=1 >a.tar
    tiny-stream 4 masks=1 prefix=OTHER seed=9 >b.tar
}

# m.safetensors: a tiny model file with metadata
model() {
    local header='{"__metadata__":{"architecture":"resnet18","classes":"[\"normal\", \"tumor\"]"},"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
    header+=$(printf '%*s' $(((8 - ${#header} % 8) % 8)) '')
    # shellcheck disable=SC2059
    {
        printf "\\x$(printf %02x $((${#header} & 255)))\\x$(printf %02x $((${#header} >> 8)))"
        head -c 6 /dev/zero
        printf %s "$header"
        head -c 24 /dev/zero
    } >m.safetensors
}

@test "help, version, wrong options" {
    help_and_version xr-cat
}

@test "wrong usage: exit 2, one line, nothing on standard output" {
    streams
    model
    wrong_usage xr-cat --text --check a.tar
    wrong_usage xr-cat --header --extract png a.tar
    wrong_usage xr-cat -n x9 a.tar
    wrong_usage xr-cat -n -2 a.tar
    wrong_usage xr-cat --first
    wrong_usage xr-cat --keys - - <a.tar
    wrong_usage xr-cat a.tar --text=5
    wrong_usage xr-cat m.safetensors a.tar
    wrong_usage xr-cat --header m.safetensors
    wrong_usage xr-cat --digests m.safetensors
    wrong_usage xr-cat --digests --check a.tar
}

@test "text: one line a record" {
    streams
    run -0 --separate-stderr xr-cat --text a.tar
    [ "${#lines[@]}" = 5 ]
    [ "${lines[1]}" = $'IMG1\ttumor\tuint8 4x4\tmask.npy\t{"epoch": 1, "label": "tumor"}' ]
    [ -z "$stderr" ]
    tiny-stream 1 labels=0 channels=3 | xr-cat -t >t
    [ "$(cat t)" = $'IMG0\t\tuint8 4x4x3\t\t{"epoch": 1}' ]
}

@test "header: as it was read" {
    streams
    run -0 xr-cat --header a.tar
    [[ $output == *'"classes": ["normal", "tumor"]'*'"records_per_epoch": 5'* ]]
    [[ $output == *'"class_counts": [3, 2]'* ]]
}

@test "check: counts, and the digest that the end member holds" {
    streams
    run -0 xr-cat --check a.tar b.tar
    [[ ${lines[0]} == "a.tar: 5 records, 0 skipped, sha256:"* ]]
    [[ ${lines[1]} == "b.tar: 4 records, 0 skipped, sha256:"* ]]
    tar -xOf a.tar __xr__/end.json | grep -qF "${lines[0]##* }"
}

@test "the digest is what the page says: names, sizes and bytes before the end" {
    streams
    mkdir d
    tar -xf a.tar -C d
    tar -tf a.tar | grep -v end.json | while read -r name; do
        printf '%s\0%s\0' "$name" "$(stat -c %s "d/$name")"
        cat "d/$name"
    done | sha256sum >sum
    run -0 xr-cat --check a.tar
    [[ $output == *"sha256:$(cut -d' ' -f1 sum)" ]]
}

@test "without history a stream is copied byte for byte, from a file, a pipe, gz and zst" {
    need zstd
    streams
    xr-cat --no-history a.tar | cmp - a.tar
    xr-cat --no-history <a.tar | cmp - a.tar
    xr-cat --no-history - <a.tar | cmp - a.tar
    xr-cat --no-history <(cat a.tar) | cmp - a.tar
    gzip -k a.tar
    zstd -q a.tar
    xr-cat --no-history a.tar.gz | cmp - a.tar
    xr-cat --no-history <a.tar.zst | cmp - a.tar
    xr-cat --no-history -o c.tar a.tar
    cmp c.tar a.tar
}

@test "the history names the tool, what it took, and no path" {
    streams
    mkdir d
    xr-cat --key IMG1 -o c.tar "$PWD/a.tar"
    run -0 xr-cat --header c.tar
    [[ $output == *'"tool": "xr-cat"'*'"arguments": ["--key=IMG1", "a.tar"]'* ]]
    [[ $output != *"$PWD"* ]]
    xr-cat --key IMG1 -v -o d/c.tar a.tar
    cmp c.tar d/c.tar
}

@test "records by key, by a file of keys, the first few" {
    streams
    run -0 bash -c 'xr-cat -k IMG3 -k IMG0 a.tar | xr-cat -t | cut -f1'
    [ "${lines[*]}" = "IMG0 IMG3" ]
    printf 'IMG4\r\nIMG2\n' >keys
    run -0 bash -c 'xr-cat --keys keys -t a.tar | cut -f1'
    [ "${lines[*]}" = "IMG2 IMG4" ]
    run -0 bash -c 'xr-cat --keys - -t a.tar <keys | cut -f1'
    [ "${lines[*]}" = "IMG2 IMG4" ]
    run -0 bash -c 'xr-cat -n 2 a.tar | xr-cat -t | cut -f1'
    [ "${lines[*]}" = "IMG0 IMG1" ]
    run -0 bash -c 'xr-cat -n 0 a.tar | xr-cat --check'
    [[ $output == *": 0 records"* ]]
    run -0 bash -c 'xr-cat -k IMG3 a.tar | xr-cat --header'
    [[ $output != *records_per_epoch* ]]
    [[ $output != *class_counts* ]]
}

@test "a key that is not there fails and leaves no file" {
    streams
    run -1 --separate-stderr xr-cat -k IMG9 -o out.tar a.tar
    [ "$stderr" = "xr-cat: no record with key 'IMG9'" ]
    [ ! -e out.tar ]
}

@test "keys with an epoch folder" {
    tiny-stream 2 epochs=2 >e.tar
    run -0 bash -c 'xr-cat -k 0002/IMG1 -t e.tar | cut -f1'
    [ "$output" = 0002/IMG1 ]
}

@test "keys that are not ASCII, and long ones" {
    local name=$'\xc3\x9cbersicht \xc3\xa4'
    tiny-stream 2 prefix="$name" >u.tar
    run -0 xr-cat -t u.tar
    [[ ${lines[1]} == "$name"1* ]]
    xr-cat --no-history u.tar | cmp - u.tar
    tiny-stream 2 prefix="$(printf '%0120d' 7)/IMG" >l.tar
    xr-cat --no-history l.tar | cmp - l.tar
    run -1 tiny-stream 1 prefix=$'a\xff'
    run -1 tiny-stream 1 prefix=$'a\nb'
    run -1 tiny-stream 1 prefix=../a
    run -1 tiny-stream 1 prefix=a.b
}

@test "a member's bytes" {
    streams
    xr-cat -k IMG1 -x mask.npy a.tar >m.npy
    tar -xOf a.tar IMG1.mask.npy | cmp - m.npy
    for suffix in npy cls json; do
        xr-cat -k IMG1 -x $suffix a.tar >member
        tar -xOf a.tar IMG1.$suffix | cmp - member
    done
    run -1 xr-cat -k IMG1 -x png a.tar
    [[ $output == "xr-cat: record 'IMG1' has no member '.png'" ]]
    run -1 xr-cat -x npy -o out a.tar
    [ ! -e out ]
}

@test "digests: of type, shape and pixels, not of anything else in a record" {
    streams
    xr-cat --digests a.tar >digests
    for key in IMG0 IMG1 IMG2 IMG3 IMG4; do
        printf '%s\tsha256:%s\n' $key "$(tar -xOf a.tar $key.npy | sha256sum | cut -d' ' -f1)"
    done | cmp - digests
    # other classes and another part, the same pixels; then another shape and other pixels
    tiny-stream 5 masks=1 classes=a,b split=val >same.tar
    [ "$(xr-cat --digests same.tar | cut -f2)" = "$(cut -f2 digests)" ]
    tiny-stream 1 height=2 width=8 seed=5 | xr-cat --digests >one
    tiny-stream 1 height=8 width=2 seed=5 | xr-cat --digests >two
    run -1 cmp one two
    run -0 xr-cat --digests -k IMG3 a.tar
    [ "$output" = "$(sed -n 4p digests)" ]
    head -c 4000 a.tar >cut.tar
    run -1 xr-cat --digests -o out cut.tar
    [ ! -e out ]
}

@test "digests of a shard without images" {
    mkdir d
    printf x >d/two.jpg
    tar --format=ustar -cf shard.tar -C d two.jpg
    run -0 xr-cat --digests shard.tar
    [ "$output" = $'two\t-' ]
}

@test "joined: cat a b is a stream, xr-cat a b is one" {
    streams
    cat a.tar b.tar >ab.tar
    run -0 xr-cat --check ab.tar
    [[ $output == "ab.tar: 9 records, 0 skipped, sha256:"* ]]
    # without zero blocks between them
    tar -tf a.tar >/dev/null
    xr-cat a.tar b.tar | xr-cat --check
    run -0 bash -c 'xr-cat a.tar b.tar | xr-cat --header'
    [[ $output == *'"records_per_epoch": 9'*'"class_counts": [5, 4]'* ]]
    run -0 bash -c 'xr-cat a.tar - <b.tar | xr-cat --header'
    [[ $output != *records_per_epoch* ]]
    [ "$(tar -tf <(xr-cat a.tar b.tar) | grep -c __xr__)" = 2 ]
}

@test "streams of another kind cannot be joined" {
    streams
    tiny-stream 2 size=5 >size.tar
    tiny-stream 2 classes=normal,other >classes.tar
    tiny-stream 2 fit=pad >fit.tar
    tiny-stream 2 epochs=2 >epochs.tar
    for other in size classes fit epochs; do
        run -1 --separate-stderr xr-cat -o out.tar $other.tar a.tar
        [ ! -e out.tar ]
        [[ $stderr == "xr-cat: "*join* ]]
    done
    run -1 --separate-stderr bash -c 'cat a.tar size.tar | xr-cat -t'
    [[ $stderr == *"joined streams differ"* ]]
}

@test "cut at many offsets: exit 1, the last whole record is named, no file is left" {
    streams
    local size last
    size=$(stat -c %s a.tar)
    # the last byte of the end member: behind it are only padding and zero blocks
    last=$(grep -abo '"digest"' a.tar | tail -n 1 | cut -d: -f1)
    local tried=0
    for ((at = 0; at <= last; at += size / 60)); do
        head -c "$at" a.tar >cut.tar
        run -1 --separate-stderr xr-cat -o out.tar cut.tar
        [ ! -e out.tar ]
        [[ $stderr == "xr-cat: cut.tar: "* ]]
        tried=$((tried + 1))
    done
    [ "$tried" -ge 50 ]
    head -c $((size / 2)) a.tar >cut.tar
    run -1 --separate-stderr xr-cat -t cut.tar
    [[ $stderr == *"the stream was cut; the last whole record is 'IMG"* ]]
    run -1 --separate-stderr bash -c 'head -c 4000 a.tar | gzip | xr-cat --check'
    tiny-stream 100 size=64 | gzip >big.tar.gz
    head -c 250000 big.tar.gz >cut.tar.gz
    run -1 --separate-stderr xr-cat --check cut.tar.gz
    [[ $stderr == *"was cut"* ]]
    # missing zero blocks behind the end are no loss
    head -c $((size - 1024)) a.tar >cut.tar
    run -0 xr-cat --check cut.tar
}

@test "a changed byte in an image is found by the digest" {
    streams
    local at
    at=$(grep -abo 'NUMPY' a.tar | head -n 1 | cut -d: -f1)
    { head -c $((at + 130)) a.tar; printf '\1'; tail -c +$((at + 132)) a.tar; } >hurt.tar
    run -1 --separate-stderr xr-cat --check hurt.tar
    [[ $stderr == "xr-cat: hurt.tar: the digest of the stream does not match its end" ]]
}

@test "hostile and foreign inputs: one line, exit 1" {
    streams
    : >empty
    run -1 --separate-stderr xr-cat --check empty
    [ "$stderr" = "xr-cat: empty: empty input: did the previous command fail?" ]
    run -1 --separate-stderr xr-cat --check /dev/null
    head -c 5000 /dev/urandom >random
    run -1 --separate-stderr xr-cat --check random
    [ "${#stderr_lines[@]}" = 1 ]
    run -1 xr-cat --check nothing-there
    run -1 xr-cat --check .
    # behind the end
    { cat a.tar; head -c 10240 /dev/urandom; } >junk.tar
    run -1 xr-cat --check junk.tar
    mkdir -p d/__xr__
    echo '{"format":"xr-stream","version":2,"image":{"height":4,"width":4}}' >d/__xr__/header.json
    tar -cf v2.tar -C d __xr__
    run -1 xr-cat --check v2.tar
    [[ $output == *"version 2"* ]]
    echo '{"format":"xr-stream","version":1,"image":{"height":1e9,"width":4}}' >d/__xr__/header.json
    tar -cf big.tar -C d __xr__
    run -1 xr-cat --check big.tar
    [[ $output == *"height"* ]]
    echo '{"format":"xr-stream","version":1,"image":{"height":4,"width":4},"classes":["a","a"]}' >d/__xr__/header.json
    tar -cf twice.tar -C d __xr__
    run -1 xr-cat --check twice.tar
    printf '[%.0s' {1..100000} >d/__xr__/header.json
    tar -cf deep.tar -C d __xr__
    run -1 xr-cat --check deep.tar
    ln -s /etc/passwd d/x.npy
    tar -cf link.tar -C d x.npy
    run -1 xr-cat --check link.tar
    [[ $output == *"not a plain file"* ]]
}

@test "a WebDataset shard: text and members yes, a stream no" {
    mkdir d
    printf 'not looked into' >d/one.jpg
    printf 1 >d/one.cls
    printf 'x' >d/two.jpg
    tar --format=ustar -cf shard.tar -C d one.jpg one.cls two.jpg
    run -0 xr-cat -t shard.tar
    [ "${lines[0]}" = $'one\t\t-\tjpg\t{}' ]
    [ "${#lines[@]}" = 2 ]
    run -0 xr-cat -k two -x jpg shard.tar
    [ "$output" = x ]
    run -1 --separate-stderr xr-cat -o out.tar shard.tar
    [[ $stderr == *"pipe it through xr-augment" ]]
    [ ! -e out.tar ]
}

@test "a model file is printed, with --text its tensors, with --check its digest" {
    model
    run -0 xr-cat m.safetensors
    [[ $output == *'"architecture": "resnet18"'*'"classes": ["normal", "tumor"]'* ]]
    [[ $output != *fc.weight* ]]
    run -0 xr-cat -t m.safetensors
    [[ $output == *'"fc.weight": ["float32", 2, 3]'* ]]
    run -0 xr-cat --check m.safetensors
    [ "$output" = "m.safetensors: 1 tensors, sha256:$(sha256sum m.safetensors | cut -d' ' -f1)" ]
    head -c 100 m.safetensors >cut.safetensors
    run -1 xr-cat cut.safetensors
    [[ $output == "xr-cat: cut.safetensors: "* ]]
}

@test "a full disk is an error" {
    streams
    for how in '' --text --header --check --digests '-k IMG1 -x npy'; do
        run -1 --separate-stderr bash -c "xr-cat $how a.tar >/dev/full"
        [[ $stderr == *"No space left on device"* ]]
    done
    run -1 bash -c 'xr-cat --help >/dev/full'
    run -1 xr-cat -o /dev/full a.tar
}

@test "a reader that leaves early is SIGPIPE, in silence" {
    tiny-stream 300 size=64 >big.tar
    run -141 --separate-stderr bash -o pipefail -c 'xr-cat big.tar | head -c 1 >/dev/null'
    [ -z "$stderr" ]
    run -141 --separate-stderr bash -o pipefail -c 'xr-cat -t big.tar big.tar big.tar big.tar big.tar big.tar | head -1 >/dev/null'
    [ -z "$stderr" ]
    # a parent that ignores SIGPIPE sees a plain failure
    run -1 --separate-stderr bash -o pipefail -c 'trap "" PIPE; xr-cat big.tar | head -c 1 >/dev/null'
    [[ $stderr == *"Broken pipe"* ]]
}

@test "an old output is whole until the new one is" {
    streams
    cp b.tar out.tar
    head -c 4000 a.tar >cut.tar
    run -1 xr-cat -o out.tar cut.tar
    cmp out.tar b.tar
    xr-cat --no-history -o out.tar a.tar
    cmp out.tar a.tar
    [ "$(find . -name '*.tmp')" = "" ]
    run -1 xr-cat -o nowhere/out.tar a.tar
    [[ $output == *"nowhere/"* ]]
}

@test "settings from YAML: the command line wins, unknown keys are wrong usage" {
    streams
    printf 'train:\n  anything: 1\ncat:\n  first: 2\n  text: true\n  key: [IMG1, IMG3]\n' >c.yaml
    run -0 bash -c 'xr-cat --config c.yaml a.tar | cut -f1'
    [ "${lines[*]}" = "IMG1 IMG3" ]
    run -0 bash -c 'xr-cat --config c.yaml -n 1 -k IMG4 a.tar | cut -f1'
    [ "${lines[*]}" = "IMG4" ]
    run -0 bash -c 'xr-cat -k IMG4 --no-text --config c.yaml a.tar | xr-cat -t | cut -f1'
    [ "${lines[*]}" = "IMG4" ]
    printf 'cat:\n  firts: 2\n' >bad.yaml
    wrong_usage xr-cat --config bad.yaml a.tar
    [[ $stderr == *"bad.yaml:2: unknown key 'firts'"* ]]
    printf 'cat:\n  first: many\n' >bad.yaml
    wrong_usage xr-cat --config bad.yaml a.tar
    printf 'cat:\n  first: [1, 2]\n' >bad.yaml
    wrong_usage xr-cat --config bad.yaml a.tar
    printf 'cat:\n  first: 1\n  first: 2\n' >bad.yaml
    wrong_usage xr-cat --config bad.yaml a.tar
    printf 'cat: {a: &x 1, b: *x}\n' >bad.yaml
    wrong_usage xr-cat --config bad.yaml a.tar
    printf 'cat:\n  key:\n    - [a, b]: \n' >bad.yaml
    wrong_usage xr-cat --config bad.yaml a.tar
    printf 'cat: [\n' >bad.yaml
    wrong_usage xr-cat --config bad.yaml a.tar
    run -1 xr-cat --config nothing-there.yaml a.tar
}

@test "what --print-config prints reads back as --config" {
    xr-cat --print-config -n 2 -k 'a"b\ :#' -k $'\xc3\xa9\tx' --extract png -q >one.yaml
    xr-cat --config one.yaml --print-config >two.yaml
    cmp one.yaml two.yaml
    grep -q 'first: 2' one.yaml
    xr-cat --print-config >one.yaml
    xr-cat --config one.yaml --print-config | cmp - one.yaml
}

@test "completion offers the options" {
    "$XR_TOP/tests/completion" "$XR_BUILD/bin/xr-cat" >c
    source ./c
    COMP_WORDS=(xr-cat --ex) COMP_CWORD=1
    _xr_cat
    [ "${COMPREPLY[*]}" = --extract ]
}

@test "--check-phi: what may identify somebody is listed, and exit 1" {
    printf 'P2 2 2 255 1 2 3 4\n' >a.pgm
    cat >t.csv <<EOF
key,path,label,patient_name,taken,contact,sop,mrn,view,size,story
img_1,a.pgm,benign,Doe^Jane,20190412,jane@example.org,1.2.276.0.7230010.3.1.4.1,00123456,AP,1.25,fell off a horse and came in at night
EOF
    xr-augment --size 4 -o a.tar t.csv
    run -1 --separate-stderr xr-cat --check-phi a.tar
    [[ $stderr == "xr-cat: "*" kinds of what may identify somebody" ]]
    for line in $'key\tnot a keyed hash\t1\timg_1' $'row.patient_name\tname\t1\tDoe^Jane' \
        $'row.taken\tdate\t1\t20190412' $'row.contact\tmail address\t1\tjane@example.org' \
        $'row.sop\tUID\t1\t1.2.276.0.7230010.3.1.4.1' $'row.path\tpath\t1\ta.pgm' \
        $'row.story\tfree text\t1\tfell off a horse and came in at night' \
        $'row.mrn\tnumber that could be an id\t1\t00123456' \
        $'header.history.inputs\tfile\t1\tt.csv' $'header.history.arguments\tpath\t1\tt.csv'; do
        grep -qxF "$line" <<<"$output"
    done
    ! grep -E '^row\.(view|size|label)' <<<"$output"
    # nothing is left of it once it is de-identified
    export XR_DEIDENTIFY_KEY=0123456789abcdef
    xr-augment --deidentify a.tar >b.tar
    run -0 --separate-stderr xr-cat --check-phi b.tar
    [ -z "$stderr" ]
    [ "$output" = $'pixels\tnot looked at for burnt-in text\t1\t0 files said there is some, 0 that there is none, 1 nothing' ]
    wrong_usage xr-cat --check-phi --check a.tar
}
