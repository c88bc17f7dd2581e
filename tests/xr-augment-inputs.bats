# xr-augment: what it reads (folders, lists, several streams), in which order, from where.
load helpers

# Films made on the spot: a few phantoms with masks, split in three.
films() {
    xr-synth -q --force -n "${1:-12}" --size 48 -s 5 -o . &&
        xr-split -q --no-group -s 1 -o splits.csv dataset.csv
}

# keys STREAM: the keys in order.
keys() {
    xr-cat -t "$1" | cut -f1
}

# records STREAM: all members of records, in order, as one text.
records() {
    tar -xOf "$1" --exclude '__xr__/*'
}

# shard NAME FIRST LAST: an ordinary WebDataset shard of some of the images.
shard() {
    local i=0 f
    mkdir "$1.d"
    for f in images/*; do
        i=$((i + 1))
        [ $i -ge "$2" ] && [ $i -le "$3" ] || continue
        cp "$f" "$1.d/s$i.${f##*.}"
        printf %d $((i % 2)) >"$1.d/s$i.cls"
    done
    (cd "$1.d" && tar --sort=name -cf "../$1" -- *)
}

@test "a folder with one folder a class" {
    films 6
    mkdir -p set/zebra/deep set/ant set/.hidden
    i=0
    for f in images/*; do
        i=$((i + 1))
        case $i in
        1 | 2) cp "$f" "set/ant/film-$i.${f##*.}" ;;
        3) cp "$f" "set/zebra/deep/film-$i.${f##*.}" ;;
        4) cp "$f" "set/zebra/film-1.${f##*.}" ;;
        esac
    done
    echo text >set/README
    echo text >set/.hidden/x.png
    run -0 --separate-stderr xr-augment --no-history --size 16 -o a.tar set
    [ "$stderr" = "xr-augment: warning: set: 1 files without an image's suffix left out" ]
    rm set/README
    [ "$(keys a.tar | xargs)" = "ant_film-1 ant_film-2 zebra_deep_film-3 zebra_film-1" ]
    tar -xOf a.tar __xr__/header.json | grep -q '"classes": \["ant", "zebra"\].*"class_counts": \[2, 2\]'
    tar -xOf a.tar zebra_film-1.cls | grep -qx 1
    tar -xOf a.tar zebra_film-1.json | grep -q '"label": "zebra"'
    # the name of the folder is no part of anything, nor a slash behind it
    mv set other
    xr-augment --no-history --size 16 other/ | cmp - a.tar
    # balanced and shuffled as any table
    xr-augment --augment --balance class --size 16 other | xr-cat --check
    xr-augment --size 16 --classes zebra,cat,ant other >b.tar
    tar -xOf b.tar zebra_film-1.cls | grep -qx 0
    run -1 --separate-stderr xr-augment --size 16 --classes ant other
    [ "$stderr" = "xr-augment: other/zebra: unknown class 'zebra'" ]
    [ -z "$output" ]
    cp other/ant/film-1.* "other/stray.$(ls other/ant | sed 's/.*\.//;q')"
    run -1 --separate-stderr xr-augment --size 16 other
    [[ $stderr == "xr-augment: other/stray."*": an image beside the folders of classes" ]]
    rm other/stray.*
    mkdir other/zebra_deep # two paths, one key
    cp other/zebra/deep/* other/zebra_deep
    run -1 --separate-stderr xr-augment --size 16 other
    [[ $stderr == *"give the same key 'zebra_deep_film-3'" ]]
    mkdir empty empty/a flat
    run -1 --separate-stderr xr-augment empty
    [ "$stderr" = "xr-augment: empty: no image in the folders of classes" ]
    cp images/* flat
    run -1 --separate-stderr xr-augment flat
    [ "$stderr" = "xr-augment: flat: no folder of a class in it" ]
    ln -s .. empty/a/up
    run -1 --separate-stderr xr-augment empty
    [[ $stderr == *": more than 16 folders deep" ]]
    wrong_usage xr-augment --root other other
    wrong_usage xr-augment other other
}

@test "a list of files, by lines or NULs, from a file or standard input" {
    films 4
    xr-augment --no-history --size 16 images/* >a.tar
    ls images/* >list
    xr-augment --no-history --size 16 --files-from list | cmp - a.tar
    find images -type f -print0 | sort -z | xr-augment --size 16 -0 --files-from - >b.tar
    cmp <(records a.tar) <(records b.tar)
    tar -xOf b.tar __xr__/end.json | grep -q '"sources": {"standard input": "sha256:'
    sed 's/$/\r/' list | head -c -2 | xr-augment --size 16 --files-from - >c.tar
    cmp <(records a.tar) <(records c.tar)
    (cd images && ls) | xr-augment --root images --size 16 --files-from - >d.tar
    cmp <(records a.tar) <(records d.tar)
    xr-augment --size 16 --files-from list | tar -xOf - __xr__/header.json | grep -q '"inputs": {"list": "sha256:'
    echo gone.png >>list
    run -1 --separate-stderr xr-augment --size 16 --files-from list
    [ "$stderr" = "xr-augment: list:5: cannot read 'gone.png': cannot open: No such file or directory" ]
    head -1 list >>list
    run -1 --separate-stderr xr-augment --size 16 --files-from list
    [[ $stderr == "xr-augment: list:6: key '"*"' stands in line 1 already" ]]
    printf 'a.png\n\nb.png\n' >list
    run -1 --separate-stderr xr-augment --files-from list
    [ "$stderr" = "xr-augment: list:2: an empty path" ]
    printf 'a.png\0b.png\0' >list
    run -1 --separate-stderr xr-augment --files-from list
    [ "$stderr" = "xr-augment: list:1: a NUL byte: is it for --null?" ]
    : >list
    run -1 --separate-stderr xr-augment --files-from list
    [[ $stderr == "xr-augment: list: no path in it" ]]
    wrong_usage xr-augment --files-from list splits.csv
    wrong_usage xr-augment --null splits.csv
    wrong_usage xr-augment --augment --balance class --files-from list
}

@test "several shards are read one after another" {
    films 6
    shard a.tar 1 3
    shard b.tar 4 6
    xr-augment --no-history --size 16 --classes no,yes a.tar b.tar >both.tar
    [ "$(keys both.tar | xargs)" = "s1 s2 s3 s4 s5 s6" ]
    xr-augment --no-history -j3 --size 16 --classes no,yes a.tar b.tar | cmp - both.tar
    xr-augment --no-history --size 16 --classes no,yes a.tar >1.tar
    xr-augment --no-history --size 16 --classes no,yes b.tar >2.tar
    cmp <(records both.tar) <(records 1.tar && records 2.tar)
    # our own streams too, and then their counts are added
    xr-augment --size 16 1.tar 2.tar >again.tar
    cmp <(xr-cat --digests both.tar) <(xr-cat --digests again.tar)
    xr-augment --no-history --size 16 --split test splits.csv >test.tar
    xr-augment --no-history --size 16 --split val splits.csv >val.tar
    n=$(($(keys test.tar | wc -l) + $(keys val.tar | wc -l)))
    xr-augment --size 16 test.tar val.tar >sum.tar
    [ "$(keys sum.tar | wc -l)" = "$n" ]
    tar -xOf sum.tar __xr__/header.json | grep -q "\"records_per_epoch\": $n,"
    xr-augment --size 16 - val.tar <test.tar >pipe.tar
    cmp <(records pipe.tar) <(records sum.tar)
    ! tar -xOf pipe.tar __xr__/header.json | grep -q records_per_epoch
    # what does not go together is said before anything is written
    run -1 --separate-stderr xr-augment --size 16 1.tar b.tar
    [ "$stderr" = "xr-augment: b.tar: it has no header, unlike '1.tar'" ]
    [ -z "$output" ]
    xr-augment --size 20 --split val splits.csv >20.tar
    run -1 --separate-stderr xr-augment test.tar 20.tar
    [[ $stderr == "xr-augment: 20.tar: joined streams differ: images 16x16x1"* ]]
    run -1 --separate-stderr xr-augment 1.tar gone.tar
    [[ $stderr == "xr-augment: gone.tar: cannot open"* ]]
    xr-augment --size 16 --split train --epochs 2 splits.csv >epochs.tar
    run -1 --separate-stderr xr-augment epochs.tar epochs.tar
    [[ $stderr == *"streams of several epochs cannot be joined" ]]
    wrong_usage xr-augment 1.tar -
    wrong_usage xr-augment splits.csv 1.tar
    # a bad record names its shard
    mkdir bad && echo text >bad/s9.png && (cd bad && tar -cf ../bad.tar s9.png)
    run -1 --separate-stderr xr-augment -j2 --size 16 a.tar bad.tar
    [[ $stderr == "xr-augment: bad.tar: record 's9': cannot read 's9.png': "* ]]
}

@test "a stream is shuffled through a buffer, each epoch by itself" {
    films 24
    xr-augment --no-history --size 16 --split train --epochs 3 splits.csv >a.tar
    for n in 4 1000; do
        xr-augment --no-history --shuffle-buffer $n -s 3 a.tar >b.tar
        xr-augment --no-history --shuffle-buffer $n -s 3 -j4 a.tar | cmp - b.tar
        ! cmp -s <(keys a.tar) <(keys b.tar)
        cmp <(keys a.tar | sort) <(keys b.tar | sort)
        keys b.tar | cut -d/ -f1 | sort -c # epochs do not mix
        xr-augment --no-history --shuffle-buffer $n -s 4 a.tar >c.tar
        ! cmp -s <(keys b.tar) <(keys c.tar)
        ! cmp -s <(keys b.tar | sed -n 's,^0001/,,p') <(keys b.tar | sed -n 's,^0002/,,p')
    done
    # the k-th record given is among the first k - 1 + N that were read
    xr-augment --shuffle-buffer 4 -s 3 a.tar >b.tar
    keys a.tar | grep ^0002 >order
    keys b.tar | grep ^0002 | awk 'NR == FNR { at[$0] = NR; next } at[$0] > FNR + 3 { exit 1 }' order -
    tar -xOf b.tar __xr__/header.json | grep -q '"sampling": {"order": "buffer", "buffer": 4'
    key=$(keys b.tar | head -1)
    cmp <(tar -xOf a.tar "$key.npy") <(tar -xOf b.tar "$key.npy")
    xr-augment --no-history --shuffle-buffer 1 a.tar >one.tar
    cmp <(records a.tar) <(records one.tar)
    wrong_usage xr-augment --shuffle-buffer 4 splits.csv
    wrong_usage xr-augment --shuffle-buffer 4 images/*
}

@test "shards together are the whole, for tables and streams, and as Slurm counts" {
    films 20
    shard w.tar 1 20
    xr-augment --size 16 --split train --epochs 2 splits.csv >t.tar
    for input in "--split train --epochs 2 splits.csv" t.tar "--classes a,b w.tar" "--augment -t hflip t.tar"; do
        for order in "" "--shuffle-buffer 3"; do
            case $input$order in *csv--*) continue ;; esac
            xr-augment --size 16 $order $input >all.tar
            for i in 1 2 3; do
                xr-augment --size 16 $order --shard $i/3 -j2 $input >$i.tar
                xr-cat --check $i.tar
            done
            xr-cat -t all.tar | sort >whole
            cat 1.tar 2.tar 3.tar | xr-cat -t - | sort | cmp - whole
            # and pixel by pixel
            cmp <(xr-cat --digests all.tar | sort) <(cat 1.tar 2.tar 3.tar | xr-cat --digests - | sort)
        done
    done
    xr-augment --no-history --size 16 --shard 2/3 splits.csv >2.tar
    SLURM_PROCID=1 SLURM_NTASKS=3 xr-augment --no-history --size 16 --shard auto splits.csv | cmp - 2.tar
    # only where it is asked for
    xr-augment --no-history --size 16 splits.csv >all.tar
    SLURM_PROCID=1 SLURM_NTASKS=3 xr-augment --no-history --size 16 splits.csv | cmp - all.tar
    unset SLURM_PROCID SLURM_NTASKS
    wrong_usage xr-augment --shard auto splits.csv
    SLURM_PROCID=3 SLURM_NTASKS=3 wrong_usage xr-augment --shard auto splits.csv
}

@test "a start at a record gives exactly the tail of the whole" {
    films 20
    xr-augment --size 16 --split train --epochs 3 splits.csv >t.tar
    for input in "--split train --epochs 3 splits.csv" "--split train --epochs 3 --balance class splits.csv" \
        t.tar "--shuffle-buffer 5 --augment -t vflip t.tar" "--shard 2/2 --split train --epochs 3 splits.csv" \
        "--shard 2/2 t.tar"; do
        xr-augment --size 16 -s 2 $input >all.tar
        n=$(keys all.tar | grep -c ^0002)
        for at in 1:1 1:3 2:1 2:4 "2:$n" 3:2; do
            xr-augment --size 16 -s 2 --start-at "$at" -j2 $input >tail.tar
            xr-cat --check tail.tar
            from=$((${at%:*} * n - n + ${at#*:}))
            # the members of records from there on, byte by byte
            key=$(keys all.tar | sed -n "${from}p")
            tar -tf all.tar --exclude '__xr__/*' | sed -n "\,^$key\.,,\$p" >names
            diff <(tar -tf tail.tar --exclude '__xr__/*') names
            cmp <(records tail.tar) <(tar -xOf all.tar -T names)
        done
        tar -xOf tail.tar __xr__/header.json | grep -q '"start": {"epoch": 3, "record": 2}'
        cmp <(tar -xOf tail.tar __xr__/header.json | grep -o '"epochs.*class_counts[^]]*') \
            <(tar -xOf all.tar __xr__/header.json | grep -o '"epochs.*class_counts[^]]*')
    done
    run -1 --separate-stderr xr-augment --size 16 --start-at 4:1 t.tar
    [[ $stderr == "xr-augment: --start-at: no record 4:1" ]]
    run -1 --separate-stderr xr-augment --size 16 --split train --start-at 2:1 splits.csv
    [[ $stderr == "xr-augment: --start-at 2:1: 1 epochs of "* ]]
    run -1 --separate-stderr xr-augment --size 16 --split train --start-at 1:1000 splits.csv
    [[ $stderr == "xr-augment: --start-at 1:1000: 1 epochs of "* ]]
    wrong_usage xr-augment --start-at 1 splits.csv
    wrong_usage xr-augment --start-at 0:1 splits.csv
    wrong_usage xr-augment --start-at 1:0 splits.csv
}

@test "the output in parts: each a stream, together the whole" {
    films 20
    xr-augment --no-history --size 16 --split train --epochs 2 splits.csv >all.tar
    n=$(keys all.tar | wc -l)
    per=$((n / 2))
    xr-augment --no-history --size 16 --split train --epochs 2 -j3 --shard-records 5 -o 'out-%03d.tar' splits.csv
    [ "$(ls out-*.tar | wc -l)" = $(((n + 4) / 5)) ]
    [ "$(keys out-001.tar | wc -l)" = 5 ]
    for f in out-*.tar; do
        xr-cat --check "$f"
        tar -xOf "$f" __xr__/header.json | grep -q "\"records_per_epoch\": $per,.*\"part\": $((10#${f:4:3}))"
    done
    cmp <(for f in out-*.tar; do records "$f"; done) <(records all.tar)
    cat out-*.tar | xr-cat --check
    # read again as one, they have the plan of the whole
    xr-augment --no-history out-*.tar >again.tar
    xr-augment --no-history all.tar | cmp - again.tar
    xr-cat --no-history out-*.tar | cmp - all.tar
    # some of them have no plan
    xr-augment out-001.tar out-003.tar | tar -xOf - __xr__/header.json >header
    ! grep -q records_per_epoch header
    ! grep -q '"part"' header
    # by size: a part ends with the record that reaches it
    xr-augment --no-history --size 32 --split test --shard-size 5kB -o 'size-%d.tar' splits.csv
    [ "$(ls size-*.tar | wc -l)" -gt 1 ]
    for f in size-*.tar; do
        [ "$(stat -c %s "$f")" -lt 15000 ]
    done
    wrong_usage xr-augment --shard-records 5 splits.csv
    wrong_usage xr-augment --shard-records 5 -o out.tar splits.csv
    wrong_usage xr-augment --shard-records 5 -o 'out-%s.tar' splits.csv
    wrong_usage xr-augment --shard-records 5 -o 'out-%d-%d.tar' splits.csv
    wrong_usage xr-augment --shard-size 5potatoes -o 'out-%d.tar' splits.csv
}

@test "a part that is missing is an error, parts that are not all a warning" {
    films 20
    xr-augment --no-history --size 32 --shard-records 5 -o 'p-%d.tar' splits.csv
    [ "$(ls p-*.tar | wc -l)" = 4 ]
    tar -xOf p-3.tar __xr__/end.json | grep -q '"parts": 4'
    ! tar -xOf p-2.tar __xr__/end.json | grep -q '"parts"'
    xr-augment --no-history --size 32 splits.csv >all.tar
    check() { xr-cat --check "$@"; }
    join() { xr-cat -o joined.tar "$@"; }
    vary() { xr-augment "$@" >varied.tar; }
    for way in check join vary; do
        run -0 --separate-stderr $way p-0.tar p-1.tar p-2.tar p-3.tar
        [ -z "$stderr" ]
        run -1 --separate-stderr $way p-0.tar p-2.tar p-3.tar
        [[ $stderr == *"part 0 of an output is not followed by part 1" ]]
        run -1 --separate-stderr $way p-0.tar p-1.tar p-2.tar
        [[ $stderr == *"part 2 of an output is not its last: what follows is missing" ]]
        run -1 --separate-stderr $way p-0.tar all.tar
        [[ $stderr == *"part 0 of an output is not followed by part 1" ]]
        # as one file, a part alone, parts from another on
        cat p-0.tar p-1.tar p-3.tar >one.tar
        run -1 --separate-stderr $way one.tar
        [[ $stderr == *"part 1 of an output is not followed by part 2" ]]
        cat p-0.tar p-1.tar >one.tar
        run -1 --separate-stderr $way one.tar
        run -0 --separate-stderr $way p-2.tar
        run -0 --separate-stderr $way p-1.tar p-3.tar
        [ $way != vary ] || [ "$stderr" = "xr-augment: warning: p-1.tar: parts of an output, not all of it" ]
        # all of two outputs
        run -0 --separate-stderr $way p-[0123].tar all.tar
        [ -z "$stderr" ]
    done
    # what is written anew is no part
    xr-cat -o copy.tar p-3.tar
    ! tar -xOf copy.tar __xr__/header.json | grep -q '"part"'
    xr-cat -o whole.tar p-[0123].tar
    run -0 --separate-stderr xr-augment whole.tar -o /dev/null
    [ -z "$stderr" ]
    cat p-[012].tar >cut.tar
    xr-train -q -m lenet5 -b 4 -j 1 -o m.safetensors whole.tar >/dev/null
    run -1 --separate-stderr xr-predict -w m.safetensors cut.tar
    [[ $stderr == "xr-predict: cut.tar: part 2 of an output is not its last"* ]]
    run -0 --separate-stderr xr-predict -w m.safetensors p-1.tar
    [ "$stderr" = "xr-predict: warning: p-1.tar: parts of an output, not all of it" ]
}

@test "no part has its name before all are whole" {
    films 10
    mkdir out
    cp splits.csv bad.csv
    sed -n '2{s/^[^,]*/last/;p}' splits.csv | sed 's,images/[^,]*,gone.png,' >>bad.csv
    run -1 --separate-stderr xr-augment --size 16 --shard-records 2 -o 'out/%d.tar' bad.csv
    [[ $stderr == *"cannot read 'gone.png'"* ]]
    [ -z "$(ls -A out)" ]
    xr-augment --size 16 --shard-records 2 -o 'out/%d.tar' splits.csv
    [ "$(ls -A out | wc -l)" = 5 ]
    sha256sum out/* >sums
    # fewer parts: those that were there would be taken for more
    run -1 --separate-stderr xr-augment --size 16 --shard-records 4 -o 'out/%d.tar' splits.csv
    [ "$stderr" = "xr-augment: out/3.tar: of another run with more parts: remove it" ]
    sha256sum -c --quiet sums
    # more than a process may have open by default
    (
        ulimit -Sn 40
        xr-augment --augment -t none --epochs 10 --size 8 --shard-records 1 -o 'out/x-%05d.tar' splits.csv
    )
    [ "$(ls out/x-* | wc -l)" = 100 ]
}
