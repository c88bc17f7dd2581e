#!/usr/bin/env bats
# The search for near duplicates among real films with planted copies.
load ../helpers

# search FOLDER MIN_RECALL ARG...: originals in films.csv and the copies in FOLDER; recall by kind of
# copy, and pairs of different films that are not known to be one (same.csv), per pair that there is.
search() {
    local folder=$1 recall=$2
    (
        cat films.csv
        find "$PWD/$folder" -name '*.jpg' -printf '%f,%p,x\n' | sed 's/\.jpg,/,/' | sort
    ) >all.csv
    xr-split -q --no-group --near-duplicates --pairs pairs.csv -j 2 -o /dev/null "${@:3}" all.csv
    awk -F, -v least="$recall" '
        function base(k) { sub(/-.*/, "", k); return k }
        FILENAME == "same.csv" { if (FNR > 1) { same[$1, $2] = 1 }; next }
        FILENAME == "all.csv" {
            if (FNR == 1) { next }
            n++
            if ($1 ~ /-/) { kind = $1; sub(/.*-/, "", kind); planted[kind]++ }
            next
        }
        FNR == 1 { next }
        {
            a = base($1); b = base($2)
            # the copies of a film whose pixels are those of another are found beside that one
            if (a == b || (a, b) in same || (b, a) in same) {
                if ($1 !~ /-/) { found[$2] = 1 }
                if ($2 !~ /-/) { found[$1] = 1 }
            } else {
                wrong++
            }
        }
        END {
            for (k in found) { if (sub(/.*-/, "", k)) { hit[k]++ } }
            for (k in planted) {
                printf "%s: %d planted, recall %.4f\n", k, planted[k], hit[k] / planted[k]
                all += planted[k]; got += hit[k]
                if (hit[k] / planted[k] < least) { bad = 1 }
            }
            printf "recall %.4f; %d false among %.0f pairs\n", got / all, wrong, n * (n - 1) / 2
            exit bad || wrong > n * (n - 1) / 2 / 10000
        }' same.csv all.csv pairs.csv
}

@test "planted copies are found, other films are not" {
    need_shared
    films=$SHARED/data/btxrd256
    awk -F, -v dir="$films/images/" '
        NR == 1 { print "key,path,label"; next }
        { key = $1; sub(/\..*/, "", key); print key "," dir $1 ",x" }' "$films/labels.csv" >films.csv
    # films that are one: equal pixels, and the same film written twice
    xr-split -q --no-group --near-duplicates --near-flips --pairs same.csv -j 2 -o /dev/null films.csv
    [ "$(grep -c ',exact,' same.csv)" = 5 ]
    [ "$(grep -vc ',exact,' same.csv)" = 5 ] # four and the header: the same film, another window
    mkdir copies flips
    sed 1d films.csv | cut -d, -f2 >list
    copies copies 1 <list
    search copies .99
    copies --flips flips 2 <list
    search flips .99 --near-flips
}
