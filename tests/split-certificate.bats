#!/usr/bin/env bats
# The certificate of a split: what it says, and who refuses what is not of it. Also what
# xr-augment takes of nested folds and of learning curves.
load helpers

# A set of films, made once.
setup_file() {
    mkdir "$BATS_FILE_TMPDIR/set" && cd "$BATS_FILE_TMPDIR/set" || return 1
    "${XR_BUILD:-$BATS_TEST_DIRNAME/../build}/bin/xr-synth" -q -n 48 --size 48 --ratio 1:1:1 --per-patient 1:2 -s 3 -o .
}
set_up() {
    cp -r "$BATS_FILE_TMPDIR/set/." .
    xr-split -q --group patient_id -s 7 --certificate c.json -o splits.csv dataset.csv
}
# field PATH FILE: a text of a JSON file, as sed can find it
digest_of() { # NAME: the first digest of this name
    grep -o "\"$1\": \"sha256:[0-9a-f]*\"" c.json | head -1 | grep -o '[0-9a-f]\{64\}'
}

@test "digests are those a shell makes" {
    set_up
    [ "$(sed 1d splits.csv | cut -d, -f1 | sort | sha256sum | cut -d' ' -f1)" = "$(digest_of keys)" ]
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $1 "," $at["group"] }' splits.csv |
        sort -t, -k1,1 | sha256sum | grep -q "$(digest_of groups)"
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $1 "," $at["label"] }' splits.csv |
        sort -t, -k1,1 | sha256sum | grep -q "$(digest_of labels)"
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $1 "," $at["split"] }' splits.csv |
        sort -t, -k1,1 | sha256sum | grep -q "$(digest_of parts)"
    # the table of classes is that of --check
    grep -A 20 '"part": "test"' c.json | grep -m1 '"rows"' | grep -q " $(xr-split --check splits.csv | awk -F, '$1 == "test" { print $2 }'),"
    grep -q '"grouped": true' c.json
    grep -q '"columns": \["patient_id"\]' c.json
    grep -q "\"dataset.csv\": \"sha256:$(sha256sum dataset.csv | cut -d' ' -f1)\"" c.json
}

@test "the same split gives the same certificate; without groups it says so" {
    set_up
    cp c.json d.json
    xr-split -q --group patient_id -s 7 --certificate c.json dataset.csv | cmp - splits.csv
    cmp c.json d.json
    xr-split -q -s 7 --certificate e.json dataset.csv >/dev/null
    grep -q '"grouped": false' e.json
    grep -q 'films of one patient may be in two parts' e.json
    run -1 --separate-stderr xr-split -q -s 7 --certificate no/where.json -o x.csv dataset.csv
    [[ $stderr == "xr-split: no/where.json: "* ]]
}

@test "xr-split --check --certificate refuses every other table" {
    set_up
    xr-split --check --certificate c.json splits.csv
    (head -1 splits.csv && sed 1d splits.csv | sort -r) >turned.csv # order says nothing
    xr-split --check --certificate c.json turned.csv
    refused() { # MESSAGE: table s.csv
        run -1 --separate-stderr xr-split --check --certificate c.json s.csv
        [ "$stderr" = "xr-split: s.csv: $1" ] || {
            echo "got: $stderr" >&2
            return 1
        }
    }
    sed '$d' splits.csv >s.csv
    refused "47 rows where c.json has 48"
    sed '2s/^[^,]*,/other,/' splits.csv >s.csv
    refused "keys are not those of c.json"
    awk -F, -v OFS=, 'NR > 1 && $7 == "train" && !n++ { $7 = "val" } 1' splits.csv >s.csv
    refused "parts are not those of c.json"
    awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR == 2 { $at["group"] = "p0" } 1' splits.csv >s.csv
    refused "groups are not those of c.json"
    awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR == 2 { $at["label"] = "other" } 1' splits.csv >s.csv
    refused "labels are not those of c.json"
    echo '{"xr_certificate": 2, "parts": []}' >c.json
    run -1 --separate-stderr xr-split --check --certificate c.json splits.csv
    [[ $stderr == "xr-split: c.json: not a certificate of xr-split"* ]]
    echo '{' >c.json
    run -1 --separate-stderr xr-split --check --certificate c.json splits.csv
    [[ $stderr == "xr-split: c.json:"*": not JSON" ]]
}

@test "every later tool refuses what is not of the split" {
    command -v xr-train >/dev/null || skip "xr-train is not built"
    set_up
    for part in train val test; do
        xr-augment -q --size 32 --split $part --certificate c.json -o $part.tar splits.csv
        xr-augment -q --size 32 --split $part -o plain-$part.tar splits.csv
    done
    sed '$d' splits.csv >s.csv
    run -1 --separate-stderr xr-augment --certificate c.json --split train -o no.tar s.csv
    [ "$stderr" = "xr-augment: s.csv: 47 rows where c.json has 48" ]
    [ ! -e no.tar ]
    wrong_usage xr-augment --certificate c.json train.tar
    train() {
        xr-train -q -m lenet5 -j 1 --certificate c.json --val "$1" -o m.safetensors "$2"
    }
    train val.tar train.tar
    xr-cat m.safetensors | grep -q '"c.json"'
    run -1 --separate-stderr train val.tar plain-train.tar
    [ "$stderr" = "xr-train: plain-train.tar: not verified against 'c.json': make it with xr-augment --certificate" ]
    run -1 --separate-stderr train plain-val.tar train.tar
    [[ $stderr == "xr-train: plain-val.tar: not verified"* ]]
    run -1 --separate-stderr train test.tar train.tar
    [ "$stderr" = "xr-train: test.tar: its split is 'test', not 'val'" ]
    run -1 --separate-stderr train val.tar test.tar
    [ "$stderr" = "xr-train: test.tar: its split is 'test', not 'train'" ]
    run -1 --separate-stderr xr-predict -j 1 -w m.safetensors --certificate c.json plain-test.tar
    [[ $stderr == "xr-predict: plain-test.tar: not verified"* ]]
    run -1 --separate-stderr xr-cam -j 1 -w m.safetensors --certificate c.json -o no.tar plain-test.tar
    [[ $stderr == "xr-cam: plain-test.tar: not verified"* ]]
    [ ! -e no.tar ]
    xr-cam -j 1 -w m.safetensors --certificate c.json test.tar >cam.tar
    # xr-augment's entry of the history, and that of xr-cam
    [ "$(xr-cat --header cam.tar | grep -o "\"c.json\": *\"sha256:$(sha256sum <c.json | cut -d' ' -f1)\"" | wc -l)" = 2 ]
    xr-predict -j 1 -w m.safetensors --certificate c.json test.tar >p.csv
    run -0 --separate-stderr xr-metrics -n 0 --certificate c.json p.csv
    [ -z "$stderr" ]
    sed '$d' p.csv >q.csv
    run -1 --separate-stderr xr-metrics -n 0 --certificate c.json q.csv
    [[ $stderr == "xr-metrics: q.csv: part 'test': "*" rows where c.json has "* ]]
    sed '2s/^[^,]*,/other,/' p.csv >q.csv
    run -1 --separate-stderr xr-metrics -n 0 --certificate c.json q.csv
    [[ $stderr == "xr-metrics: q.csv: part 'test': keys are not those of c.json" ]]
    sed 's/,test,/,fold,/' p.csv >q.csv
    run -1 --separate-stderr xr-metrics -n 0 --certificate c.json q.csv
    [ "$stderr" = "xr-metrics: q.csv: c.json has no part 'fold'" ]
}

@test "a split without groups is warned of where it is used" {
    set_up
    xr-split -q --no-group -s 7 --certificate n.json -o n.csv dataset.csv
    run -0 --separate-stderr xr-augment --size 16 --split val --certificate n.json -o v.tar n.csv
    [[ $stderr == *"warning: n.json: the split was made without groups"* ]]
    xr-split --check --no-group --certificate n.json n.csv
}

@test "xr-augment --inner: train and val of a nested fold, never the test fold" {
    set_up
    xr-split -q --group patient_id -k 3 --nested 4 -o k.csv dataset.csv
    keys() {
        xr-augment -q --size 16 --no-augment "$@" k.csv | xr-cat -t | cut -f1 | sort
    }
    column=$(head -1 k.csv | tr ',' '\n' | grep -n '^inner_1$' | cut -d: -f1)
    fold=$(head -1 k.csv | tr ',' '\n' | grep -n '^fold$' | cut -d: -f1)
    keys --fold 1 --inner 2 --split val >a
    awk -F, -v c="$column" '$c == "2" { print $1 }' k.csv | sort | cmp - a
    keys --fold 1 --inner 2 --split train >a
    awk -F, -v c="$column" 'NR > 1 && $c != "2" && $c != "" { print $1 }' k.csv | sort | cmp - a
    keys --fold 1 --inner 2 --split test >a
    awk -F, -v c="$fold" '$c == "1" { print $1 }' k.csv | sort | cmp - a
    wrong_usage xr-augment --inner 1 --split val k.csv
    run -1 --separate-stderr xr-augment --fold 0 --inner 1 --split val -o no.tar splits.csv
    [[ $stderr == *"no column 'inner_0'"* || $stderr == *"no column 'fold'"* ]]
    sed "s/,inner_1,/,inner_9,/" k.csv >l.csv
    run -1 --separate-stderr xr-augment --fold 1 --inner 1 --split val -o no.tar l.csv
    [[ $stderr == "xr-augment: l.csv:1: no column 'inner_1'"* ]]
    awk -F, -v OFS=, -v c="$column" '$c == "2" { $c = "x" } 1' k.csv >l.csv
    run -1 --separate-stderr xr-augment --fold 1 --inner 1 --split val -o no.tar l.csv
    [[ $stderr == "xr-augment: l.csv:"*": inner_1 'x' is not a number from 0" ]]
}

@test "xr-augment --subset: steps of a learning curve" {
    set_up
    xr-split -q --group patient_id --subsets .25,.5 -o s.csv dataset.csv
    n() {
        xr-augment -q --size 16 --no-augment "$@" s.csv | xr-cat -t | wc -l
    }
    subset=$(head -1 s.csv | tr ',' '\n' | grep -n '^subset$' | cut -d: -f1)
    for x in .25 .5 1; do
        want=$(awk -F, -v c="$subset" -v x=$x 'NR > 1 && $c != "" && $c <= x + 0 { n++ } END { print n }' s.csv)
        [ "$(n --split train --subset $x)" = "$want" ]
    done
    [ "$(n --split train)" = "$want" ]
    [ "$(n --split val --subset .25)" = "$(n --split val)" ]
    run -1 --separate-stderr xr-augment --split train --subset .5 -o no.tar splits.csv
    [[ $stderr == "xr-augment: splits.csv:1: no column 'subset'"* ]]
    wrong_usage xr-augment --split train --subset 2 s.csv
}
