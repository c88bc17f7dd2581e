# xr-augment: the cache of fitted films, decoding no larger than needed, memory.
load helpers

films() {
    xr-synth -q --force -n "${1:-8}" --size "${2:-200}" -s 5 -o . &&
        xr-split -q --no-group -s 1 -o splits.csv dataset.csv
}

entries() {
    find cache -type f | wc -l
}

@test "a cache changes time, not bytes" {
    films
    run=(xr-augment --no-history --size 48 --split train --epochs 3)
    "${run[@]}" splits.csv >plain.tar
    n=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } $at["split"] == "train"' splits.csv | wc -l)
    run -0 --separate-stderr "${run[@]}" -v -j3 --cache cache -o first.tar splits.csv
    cmp first.tar plain.tar
    [ "$(entries)" = "$n" ]
    run -0 --separate-stderr "${run[@]}" -v --cache cache -o second.tar splits.csv
    cmp second.tar plain.tar
    [[ $stderr == *"cache: $((3 * n)) of $((3 * n)) films found"* ]]
    # also where the files lie elsewhere, under other names: content decides
    mkdir moved
    cp -r images masks moved
    "${run[@]}" --cache cache --root moved splits.csv | cmp - plain.tar
    [ "$(entries)" = "$n" ]
    # it is no part of what the output says of itself
    xr-augment --size 48 --split train splits.csv >a.tar
    xr-augment --size 48 --split train --cache cache splits.csv | cmp - a.tar
}

@test "a file below --root whose own name looks like a choice is kept too" {
    mkdir set
    printf 'P2 2 2 255 0 1 2 3\n' >'set/a#3'
    printf 'key,path\na,a#3\n' >t.csv
    xr-augment --size 8 --root set --cache cache t.csv >/dev/null
    [ "$(entries)" = 1 ]
}

@test "what decides about the pixels decides about the entry" {
    films 1
    f=images/$(ls images | head -1)
    xr-augment --size 32 --cache cache "$f" >/dev/null
    n=1
    for more in "--size 33" "--size 32x33" "--size 32 --fit squash" "--size 32 --fit crop:0.9" \
        "--size 32 --interpolation bilinear" "--size 32 --channels rgb" "--size 32 --fast-decode"; do
        xr-augment --no-history $more "$f" >plain.tar
        xr-augment --no-history $more --cache cache "$f" | cmp - plain.tar
        n=$((n + 1))
        [ "$(entries)" = $n ]
        xr-augment --no-history $more --cache cache "$f" | cmp - plain.tar
        [ "$(entries)" = $n ]
    done
    # another film under the same name
    xr-synth -q --force -n 1 --size 200 -s 6 -o other
    cp other/images/* "$f"
    xr-augment --no-history --size 32 "$f" >plain.tar
    xr-augment --no-history --size 32 --cache cache "$f" | cmp - plain.tar
    [ "$(entries)" = $((n + 1)) ]
}

@test "damaged entries are made again, at every byte" {
    films 1 64
    f=images/$(ls images | head -1)
    xr-augment --no-history --size 8 --cache cache "$f" >plain.tar
    entry=$(find cache -type f)
    cp "$entry" whole
    size=$(stat -c %s whole)
    for at in $(seq 0 9 "$size") cut empty text; do
        case $at in
        cut) head -c $((size / 2)) whole >"$entry" ;;
        empty) : >"$entry" ;;
        text) echo text >"$entry" ;;
        *)
            cp whole "$entry"
            printf '\377' | dd of="$entry" bs=1 seek="$at" conv=notrunc status=none
            ;;
        esac
        xr-augment --no-history --size 8 --cache cache "$f" | cmp - plain.tar
        cmp "$entry" whole
    done
    [ "$(entries)" = 1 ] # nothing temporary is left
}

@test "several writers, a bound, a folder that cannot be written" {
    films 12
    xr-augment --no-history --size 64 splits.csv >plain.tar
    for i in 1 2 3 4; do
        xr-augment --no-history --size 64 -j2 --cache cache -o $i.tar splits.csv &
    done
    wait
    for i in 1 2 3 4; do
        cmp $i.tar plain.tar
    done
    [ "$(entries)" = 12 ]
    one=$(stat -c %s "$(find cache -type f | head -1)")
    rm -r cache
    for i in 1 2; do # the second run finds the place taken
        xr-augment --no-history --size 64 --cache cache --cache-max $((5 * one + one / 2)) splits.csv | cmp - plain.tar
        [ "$(entries)" = 5 ]
    done
    rm -r cache
    mkdir cache
    for i in {0..255}; do # every place where an entry could go is a file
        : >"cache/$(printf %02x "$i")"
    done
    run -0 --separate-stderr xr-augment --no-history --size 64 --cache cache -o a.tar splits.csv
    cmp a.tar plain.tar
    [[ $stderr == "xr-augment: warning: nothing more was put into the cache: cache/"* ]]
    [ "${#stderr_lines[@]}" = 1 ]
    : >file
    run -1 --separate-stderr xr-augment --cache file/cache splits.csv
    [[ $stderr == "xr-augment: --cache: file/cache: cannot make the folder: Not a directory" ]]
    wrong_usage xr-augment --cache-max 1GiB splits.csv
    wrong_usage xr-augment --cache-max many --cache cache splits.csv
    xr-augment --size 64 splits.csv >s.tar
    wrong_usage xr-augment --cache cache s.tar
}

@test "bad films and warnings are the same from the cache" {
    films 3
    head -c 300 "images/$(ls images | head -1)" >cut.jpg
    { cat "images/$(ls images | head -1)" && printf 'x'; } >tail.jpg
    (echo key,path && for f in images/*; do echo ",$f" | sed 's,.*/\([^.]*\).*,\1&,'; done && echo c,cut.jpg) >t.csv
    for i in 1 2; do
        run -0 --separate-stderr xr-augment --size 16 --skip-bad --cache cache -o $i.tar t.csv
        [[ ${stderr_lines[0]} == "xr-augment: warning: t.csv:5: cannot read 'cut.jpg': "* ]]
        [ "${#stderr_lines[@]}" = 2 ]
    done
    cmp 1.tar 2.tar
    [ "$(entries)" = 3 ]
}

@test "fast decoding: smaller, never smaller than needed, masks and boxes in place" {
    films 6 1000
    f=images/$(ls images | head -1)
    printf '{"shapes": [{"label": "x", "points": [[10, 10], [200, 300]], "shape_type": "rectangle"}]}' >l.json
    awk '{ print $0 (NR == 1 ? ",annotation" : ",l.json") }' dataset.csv >t.csv
    for fit in pad squash crop; do
        xr-augment --size 100 --fit $fit t.csv >slow.tar
        xr-augment --size 100 --fit $fit --fast-decode t.csv >fast.tar
        xr-cat --check fast.tar
        for m in $(tar -tf slow.tar | grep -v '__xr__'); do
            case $m in
            *.mask.npy | *.json) cmp <(tar -xOf slow.tar "$m") <(tar -xOf fast.tar "$m") ;; # also source's sides
            *.npy) ! cmp -s <(tar -xOf slow.tar "$m") <(tar -xOf fast.tar "$m") ;;
            esac
        done
        # levels differ little
        paste <(tar -xOf slow.tar --wildcards '*[0-9].npy' | od -An -v -tu1 -w1) \
            <(tar -xOf fast.tar --wildcards '*[0-9].npy' | od -An -v -tu1 -w1) |
            awk '{ d = $1 - $2; s += d < 0 ? -d : d } END { exit s / NR > 1 }'
    done
    # where half would be too small it is decoded whole
    w=$(tar -xOf slow.tar "$(tar -tf slow.tar | grep -m1 '[0-9]\.json')" | grep -o '"width": [0-9]*' | sed 's/.* //')
    xr-augment --size $((w / 2 + 2)) --fit squash "$f" >slow.tar
    xr-augment --size $((w / 2 + 2)) --fit squash --fast-decode "$f" >fast.tar
    cmp <(tar -xOf slow.tar --wildcards '*.npy') <(tar -xOf fast.tar --wildcards '*.npy')
}

# peak COMMAND...: the most memory it had, in KiB; a sanitizer would keep what was freed.
peak() {
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1:thread_local_quarantine_size_kb=64 "$@" -v 2>&1 >/dev/null | sed -n 's/.* \([0-9.]*\) MiB at most.*/\1/p' | awk '{ print int($1 * 1024) }'
}

@test "memory does not grow with the number of films" {
    films 1 64
    f=$(ls images)
    table() {
        echo key,path
        seq "$1" | awk -v f="images/$f" '{ print "film-" $1 "," f }'
    }
    table 100 >small.csv
    table 3000 >large.csv
    xr-augment --size 128 -o small.tar small.csv
    xr-augment --size 128 -o large.tar large.csv
    for j in 1 2; do
        for more in "--size 128" "--size 128 --augment" "--size 128 --cache cache"; do
            a=$(peak xr-augment -j$j $more small.csv)
            b=$(peak xr-augment -j$j $more large.csv)
            echo "$j $more: $a KiB, $b KiB"
            [ "$a" -gt 1000 ]
            [ $((b - a)) -lt 8192 ]
        done
        a=$(peak xr-augment -j$j --shuffle-buffer 20 small.tar)
        b=$(peak xr-augment -j$j --shuffle-buffer 20 large.tar)
        echo "$j stream: $a KiB, $b KiB"
        [ $((b - a)) -lt 8192 ]
    done
}
