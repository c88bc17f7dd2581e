#!/usr/bin/env bats
# xr-split with a look at the films: copies, films that cannot be read, labels that conflict.
load helpers

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/set" && cd "$BATS_FILE_TMPDIR/set" || return 1
    "${XR_BUILD:-$BATS_TEST_DIRNAME/../build}/bin/xr-synth" -q -n 40 --size 400 --ratio 1:1:1 --per-patient 1:2 -s 5 -o .
}
set_up() { # t.csv: key,path,label,group of 40 phantoms
    cp -r "$BATS_FILE_TMPDIR/set/." .
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; print "key,path,label,group"; next }
        { k = $at["path"]; sub(/.*\//, "", k); sub(/\..*/, "", k); print k "," $at["path"] "," $at["label"] "," $at["patient_id"] }' dataset.csv >t.csv
}
# plant [--flips]: c.csv is t.csv with the copies, each a patient of its own
plant() {
    mkdir -p copies
    sed 1d t.csv | cut -d, -f2 | copies "$@" copies 1
    (cat t.csv && for f in copies/*.jpg; do
        n=${f##*/}
        k=${n%-*}
        echo "${n%.jpg},$f,$(awk -F, -v k="$k" '$1 == k { print $3 }' t.csv),new-${n%.jpg}"
    done) >c.csv
}
# pairs FILE: copies found beside their film, and pairs of different films
pairs() {
    awk -F, 'function base(k) { sub(/-.*/, "", k); return k }
        NR == 1 { next }
        base($1) != base($2) { wrong++; next }
        $1 !~ /-/ { found[$2] = 1 }
        END { for (k in found) n++; printf "%d %d\n", n, wrong }' "$1"
}

@test "copies that are smaller, compressed, brighter are found, and nothing else" {
    set_up
    plant
    xr-split -q --near-duplicates --pairs p.csv -j 2 -o s.csv c.csv
    [ "$(pairs p.csv)" = "160 0" ]
    [ "$(head -1 p.csv)" = "key_a,key_b,kind,correlation,label_a,label_b,done" ]
    # a copy has its film's group, and so lies in its part
    awk -F, 'NR == 1 { next } { k = $1; sub(/-.*/, "", k); if (k in part && part[k] != $6) { exit 1 }; part[k] = $6 }' s.csv
    xr-split --check s.csv
    run -0 --separate-stderr xr-split -v --check --near-duplicates s.csv
    [[ $stderr == *"pairs of films look alike, none is in two parts"* ]]
    # without a look they would not
    xr-split -q -o u.csv c.csv
    xr-split --check u.csv
    run -1 --separate-stderr xr-split --check --near-duplicates u.csv
    [ -z "$output" ]
    [[ $stderr == "xr-split: u.csv:"*" looks like 'IMG"*"' in line "*" (near, correlation "*"), but its split is '"*"', not '"*"'" ]]
}

@test "mirrored copies only if asked for" {
    set_up
    plant --flips
    xr-split -q --near-duplicates --pairs p.csv -o s.csv c.csv
    read -r found wrong < <(pairs p.csv)
    [ "$found $wrong" = "0 0" ]
    xr-split -q --near-duplicates --near-flips --pairs p.csv -o s.csv c.csv
    [ "$(pairs p.csv)" = "40 0" ]
    [ "$(sed 1d p.csv | cut -d, -f3 | sort | uniq -c | tr -s ' ' | tr '\n' ' ')" = " 14 hflip  13 turn  13 vflip " ]
}

@test "the same bytes for any number of threads" {
    set_up
    plant
    for j in 1 2 4; do
        xr-split -q --near-duplicates --near-flips --pairs p$j.csv --certificate c$j.json -j $j -o s$j.csv c.csv
        cmp p1.csv p$j.csv
        cmp c1.json c$j.json
        cmp s1.csv s$j.csv
    done
    # nor does the order of rows decide who is in which group
    (head -1 c.csv && sed 1d c.csv | sort -r) >r.csv
    xr-split -q --near-duplicates r.csv | sort >a
    sort s1.csv >b
    xr-split -q --near-duplicates --near-flips c.csv | sort | cmp - b
    cut -d, -f1,5,6 a >a1
    cut -d, -f1,5,6 b | cmp - a1
}

@test "equal pixels: joined, dropped, and dropped where labels conflict" {
    set_up
    a=$(sed -n 2p t.csv | cut -d, -f2)
    other=$(awk -F, 'NR == 2 { l = $3 } NR > 2 && $3 != l { print $3; exit }' t.csv)
    label=$(sed -n 2p t.csv | cut -d, -f3)
    cp "$a" same.png
    { printf '\377\330\377\376\000\006abcd'; tail -c +3 "$a"; } >third.png # with a comment: other bytes
    run -1 cmp -s "$a" third.png
    (cat t.csv && echo "AA,same.png,$label,x1" && echo "zz,third.png,$label,x2") >c.csv
    first=$(sed -n 2p t.csv | cut -d, -f1)
    xr-split -q --near-duplicates --pairs p.csv -o s.csv c.csv
    [ "$(sed 1d p.csv)" = "$first,AA,exact,1.0000,$label,$label,joined
AA,zz,exact,1.0000,$label,$label,joined" ]
    [ "$(awk -F, -v k="$first" '$1 == k || $1 == "AA" || $1 == "zz" { print $5 }' s.csv | sort -u | wc -l)" = 1 ]
    run -0 --separate-stderr xr-split --near-duplicates --duplicates drop --certificate c.json -o s.csv c.csv
    [[ $stderr == *"warning: c.csv: 2 copies of films with equal pixels are left out"* ]]
    [ "$(awk -F, -v k="$first" '$1 == k || $1 == "AA" || $1 == "zz" { print $1 }' s.csv)" = AA ] # first by name
    grep -q '"duplicate": 2' c.json
    (cat t.csv && echo "AA,same.png,$other,x1" && echo "zz,third.png,$label,x2") >c.csv
    run -0 --separate-stderr xr-split --near-duplicates -o s.csv c.csv
    [[ $stderr == *"2 pairs of films have equal pixels and different labels (--drop-conflicting"* ]]
    run -0 --separate-stderr xr-split --near-duplicates --drop-conflicting --pairs p.csv -o s.csv c.csv
    [[ $stderr == *"3 films with equal pixels and different labels are left out"* ]]
    [ "$(grep -c '' s.csv)" = 40 ]
    [ "$(sed 1d p.csv | cut -d, -f7 | sort -u)" = "both left out" ]
    xr-split -q --no-group --near-duplicates -o s.csv t.csv # alone: groups of one
    [[ $(head -1 s.csv) == "key,path,label,class,split,group" ]]
}

@test "films that cannot be read: named, or left out and counted" {
    set_up
    (cat t.csv && echo "gone,gone.png,normal,x1" && echo "bad,t.csv,normal,x2") >c.csv
    run -1 --separate-stderr xr-split --near-duplicates -o s.csv c.csv
    [ "$stderr" = "xr-split: c.csv:42: gone.png: cannot open: No such file or directory" ]
    [ ! -e s.csv ]
    run -0 --separate-stderr xr-split --near-duplicates --skip-bad -o s.csv c.csv
    [[ $stderr == *"warning: c.csv: 2 films that cannot be read are left out"* ]]
    [ "$(grep -c '' s.csv)" = 41 ]
    run -1 --separate-stderr xr-split --near-duplicates --root /nowhere t.csv
    [[ $stderr == "xr-split: t.csv:2: /nowhere/"*": cannot open: "* ]]
    wrong_usage xr-split --near-flips t.csv
    wrong_usage xr-split --duplicates drop t.csv
    wrong_usage xr-split --drop-conflicting t.csv
    wrong_usage xr-split --near-duplicates --near-threshold .1 t.csv
}
