# xr-augment --depth 16: what films have more than 8 bits of, from the file to the tensor.
load helpers

# deep NAME WIDTH HEIGHT: a PGM of 16 bits whose low bytes are of all kinds.
deep() {
    awk -v w="$2" -v h="$3" -v seed="${4:-1}" 'BEGIN { print "P2", w, h, 65535
        for (i = 0; i < w * h; i++) print (i * 40503 * seed + int(i / w) * 257) % 65536 }' >"$1"
}

# words STREAM KEY: the levels of a record of 16 bits, one a line.
words() {
    tar -xOf "$1" "$2.npy" | tail -c "$((2 * $3))" | od -An -v -tu2 -w2 | tr -d ' '
}

films() {
    for i in 1 2 3 4 5 6; do deep "f$i.pgm" 40 30 $i; done
    xr-synth -q --force -n 2 --size 40 -s 5 --format png -o phantom # 8 bits
    cp phantom/images/* .
    (
        echo key,path,label,split
        for f in *.pgm *.png; do echo "${f%.*},$f,$([ "${f#f}" = "$f" ] && echo a || echo b),train"; done
    ) >t.csv
}

@test "every level of 16 bits reaches the record, 8 bits become 257 v" {
    deep a.pgm 12 9
    printf 'P2 3 2 255 0 1 2 128 254 255\n' >b.pgm
    xr-augment --depth 16 --size 9x12 a.pgm >a.tar
    [ "$(words a.tar a 108)" = "$(tail -n +2 a.pgm)" ]
    [ "$(tar -xOf a.tar a.npy | head -c 40 | grep -ao '<u2')" = '<u2' ]
    tar -xOf a.tar __xr__/header.json | grep -q '"dtype": "uint16"'
    [ "$(xr-cat --text a.tar | cut -f3)" = "uint16 9x12" ]
    xr-cat --check a.tar
    xr-augment --depth 16 --size 2x3 b.pgm >b.tar
    [ "$(words b.tar b 6 | xargs)" = '0 257 514 32896 65278 65535' ]
    # three channels of it; of 8 bits only what 8 bits can hold
    [ "$(xr-augment --depth 16 --channels rgb --size 9x12 a.pgm | xr-cat --text - | cut -f3)" = "uint16 9x12x3" ]
    xr-augment --size 9x12 a.pgm >eight.tar
    tar -xOf eight.tar a.npy | tail -c 108 | od -An -v -tu1 -w1 | tr -d ' ' >got
    awk 'NR > 1 { print int(($1 * 255 + 32767) / 65535) }' a.pgm | cmp - got
}

@test "--depth 8 is the default, any number of threads gives equal bytes" {
    films
    xr-augment --no-history --size 32 --split train t.csv >a.tar
    xr-augment --no-history --size 32 --split train --depth 8 t.csv | cmp - a.tar
    xr-augment --no-history --size 32 --split train --depth 16 --epochs 3 t.csv >b.tar
    xr-augment --no-history --size 32 --split train --depth 16 --epochs 3 -j 4 t.csv | cmp - b.tar
    wrong_usage xr-augment --depth 12 t.csv
    for bad in 1 1: :9 9:1 5:5 -1:9 0:101 a:b; do
        wrong_usage xr-augment "--stretch=$bad" t.csv
    done
}

@test "what takes 8 bits only is refused by name, before anything is read" {
    films
    reference=$(ls *.png | head -1)
    for call in jpeg "match_histogram(reference=$reference)" 'one_of(hflip,some_of(jpeg,vflip,n=1))'; do
        xr-augment --size 32 --split train -t "$call" t.csv >/dev/null
        run -2 --separate-stderr xr-augment --depth 16 --size 32 --split train -t "$call" t.csv
        [[ $stderr == "xr-augment: "*" takes 8 bits only"* ]]
        [[ $stderr == *"$(grep -o 'jpeg\|match_histogram' <<<"$call")"* ]]
        [ -z "$output" ]
    done
    run -2 --separate-stderr xr-augment --depth 16 --channels rgb --size 32 --split train -t clahe t.csv
    [[ $stderr == "xr-augment: clahe takes 16 bits in gray only"* ]]
    # all the others do take 16
    n=0
    while read -r call; do
        xr-augment --depth 16 --size 32 --split train -t "${call/p=0.5/p=1}" t.csv | xr-cat --check - >/dev/null
        n=$((n + 1))
    done < <(xr-augment --list-transforms | grep -v '^jpeg\|^match_histogram')
    [ "$n" -ge 43 ]
}

@test "cache, preview and replay at 16 bits" {
    films
    more=(--no-history --size 32 --split train --epochs 2)
    xr-augment "${more[@]}" t.csv >8.tar
    xr-augment "${more[@]}" --depth 16 t.csv >16.tar
    for depth in 8 16 8 16; do
        xr-augment "${more[@]}" --depth $depth --cache cache t.csv | cmp - $depth.tar
    done
    [ "$(find cache -type f | wc -l)" = 16 ]
    xr-augment "${more[@]}" --depth 16 --replay 16.tar t.csv | cmp - 16.tar
    # the same was drawn for both: a replay of one gives the other
    xr-augment "${more[@]}" --depth 16 --replay 8.tar t.csv | cmp - 16.tar
    xr-augment --size 32 --split train --depth 16 --preview 2 -o p.png t.csv
    [ "$(head -c 4 p.png | tail -c 3)" = PNG ]
    printf '{"key": "f1", "transforms": [{"name": "jpeg", "quality": 50}]}\n' >r.jsonl
    run -1 --separate-stderr xr-augment --depth 16 --size 32 --replay r.jsonl f1.pgm
    [[ $stderr == *"r.jsonl: record 'f1': transform 1: jpeg takes 8 bits only"* ]]
}

@test "a stream keeps its depth, or is given another" {
    films
    xr-augment --no-history --size 32 --depth 16 t.csv >a.tar
    [ "$(xr-augment a.tar | xr-cat --digests -)" = "$(xr-cat --digests a.tar)" ]
    xr-augment --no-history --size 32 t.csv >8.tar
    [ "$(xr-augment --depth 8 a.tar | xr-cat --digests -)" = "$(xr-cat --digests 8.tar)" ]
    # joined with one of the other depth
    run -1 --separate-stderr xr-cat -o both.tar a.tar 8.tar
    [[ $stderr == *"uint16"*"uint8"* ]]
    # a mask is uint8, whatever its film is
    (
        echo key,path,mask
        echo a,f1.pgm,f2.pgm
    ) >m.csv
    xr-augment --depth 16 --size 32 m.csv | xr-augment --augment -t rot90 - >m.tar
    [ "$(tar -xOf m.tar a.mask.npy | head -c 40 | grep -ao '|u1')" = '|u1' ]
    run -1 --separate-stderr xr-augment --stretch 0:100 a.tar
    [[ $stderr == *"record 'f1': --stretch is for films"* ]]
}

@test "--stretch: percentiles of a film become black and white" {
    # 101 levels 1000, 1010 ... 2000: percentile p is 1000 + 10 p
    awk 'BEGIN { print "P2 101 1 65535"; for (i = 0; i < 101; i++) print 1000 + 10 * i }' >a.pgm
    xr-augment --depth 16 --size 1x101 --stretch 10:90 a.pgm >a.tar 2>/dev/null
    words a.tar a 101 >got
    awk 'BEGIN { for (i = 0; i < 101; i++) { v = (i - 10) / 80; v = v < 0 ? 0 : v > 1 ? 1 : v
        printf "%.0f\n", v * 65535 } }' | cmp - got
    # masks stay, a film of one level stays
    printf 'P2 2 2 65535 7 7 7 7\n' >b.pgm
    xr-augment --depth 16 --size 2 --stretch 0:100 b.pgm >b.tar 2>/dev/null
    [ "$(words b.tar b 4 | xargs)" = '7 7 7 7' ]
    # before it is resampled, and part of a cached film's name
    xr-augment --no-history --size 1x101 a.pgm >plain.tar 2>/dev/null
    for more in "" "--stretch 0:100" "" "--stretch 0:100" "--stretch 0:99"; do
        xr-augment --no-history --size 1x101 $more a.pgm >want.tar 2>/dev/null
        xr-augment --no-history --size 1x101 $more --cache cache a.pgm 2>/dev/null | cmp - want.tar
    done
    [ "$(find cache -type f | wc -l)" = 3 ]
    ! cmp -s want.tar plain.tar
}

@test "networks read 16 bits: of 257 v what they make of v" {
    xr-synth -q -n 12 --size 40 -s 5 -o .
    more=(--size 32 --no-history)
    xr-augment "${more[@]}" dataset.csv >8.tar
    xr-augment "${more[@]}" 8.tar --depth 16 >16.tar
    xr-train -m lenet5 -b 4 -j 1 -o m.safetensors 8.tar >8.csv
    xr-train -m lenet5 -b 4 -j 1 -o n.safetensors 16.tar >16.csv
    for film in 8 16; do
        xr-predict -j 1 -w m.safetensors $film.tar >p$film.csv
        xr-predict -j 1 -w m.safetensors --tta hflip $film.tar >t$film.csv
        xr-cam -j 1 -w m.safetensors -o c$film.tar $film.tar
    done
    for t in p t; do
        paste -d, <(cut -d, -f1,6 ${t}8.csv) <(cut -d, -f1,6 ${t}16.csv) |
            awk -F, 'NR > 1 { n++; if ($1 != $3 || ($2 - $4) ^ 2 > 1e-10) exit 1 } END { exit n != 12 }'
    done
    # the film goes along as it was, its overlay is one of 8 bits
    [ "$(xr-cat --text c16.tar | cut -f3 | sort -u)" = "uint16 32x32" ]
    xr-cat --digests 16.tar >want
    xr-cat --digests c16.tar | cmp - want
    xr-cat -n 1 -x png c16.tar >o16.png
    xr-cat -n 1 -x png c8.tar | cmp - o16.png
    # the low byte counts
    deep a.pgm 32 32
    xr-augment --size 32 a.pgm | xr-predict -w m.safetensors | cut -d, -f6 | tail -1 >a8
    xr-augment --size 32 --depth 16 a.pgm | xr-predict -w m.safetensors | cut -d, -f6 | tail -1 >a16
    ! cmp -s a8 a16
}
