# xr-augment: decoding, shapes, transforms, epochs, shards, masks, bad films.
load helpers

# Films made on the spot: a few phantoms with masks, split in three.
films() {
    xr-synth -q --force -n "${1:-12}" --size 48 -s 5 -o . &&
        xr-split -q --no-group -s 1 -o splits.csv dataset.csv
}

# keys STREAM: the keys in order, without epochs' folders.
keys() {
    tar -tf "$1" | sed -n 's/\.npy$//p' | grep -v '\.mask$' | sed 's,^[0-9]*/,,'
}

# mixed: a table of the files of data/mixed.
mixed() {
    need_shared
    (echo key,path && cd "$SHARED/data/mixed" && for f in *.jpg *.png; do
        echo "$f,$f" | sed 's/\./_/'
    done) >mixed.csv
}

@test "help, version and wrong usage" {
    help_and_version xr-augment
    films
    wrong_usage xr-augment --split all --size 0 splits.csv
    wrong_usage xr-augment --size 32x splits.csv
    wrong_usage xr-augment --fit stretch splits.csv
    wrong_usage xr-augment --fit crop:2 splits.csv
    wrong_usage xr-augment --interpolation cubic splits.csv
    wrong_usage xr-augment --channels 3 splits.csv
    wrong_usage xr-augment --split training splits.csv
    wrong_usage xr-augment --epochs 0 splits.csv
    wrong_usage xr-augment --shard 3/2 splits.csv
    wrong_usage xr-augment --shard 0/2 splits.csv
    wrong_usage xr-augment -t 'clahe(clp=2)' splits.csv
    wrong_usage xr-augment -t nothing splits.csv
    wrong_usage xr-augment --size 16x32 --augment -t transpose splits.csv
    wrong_usage xr-augment --like m.safetensors --size 32 splits.csv
    wrong_usage xr-augment splits.csv splits.csv
    wrong_usage xr-augment --classes a,,b splits.csv
    wrong_usage xr-augment -j 0 splits.csv
}

@test "every transform that is listed can be given" {
    films
    reference=images/$(ls images | head -1)
    xr-augment --list-transforms | sed "s,FILE,$reference," >list
    [ "$(wc -l <list)" -ge 45 ]
    for name in $(cut -d'(' -f1 list); do # each has its line in the page
        grep -qE "^\.It Cm (.* Cm |.* , )?$name( |\(|$)" "$XR_TOP/man/xr-augment.1"
    done
    while read -r call; do
        xr-augment --size 32 --split train -t "${call/p=0.5/p=1}" splits.csv >out.tar
        name=${call%%(*}
        tar -xOf out.tar --wildcards --exclude '__xr__/*' '*.json' >said
        case $name in # those that apply others are not written down themselves
        one_of | some_of | sequence) grep -q '"name": "[hv]flip"' said ;;
        rand_augment | trivial_augment) grep -q '"name": "' said ;;
        *) grep -q "\"name\": \"$name\"" said ;;
        esac
    done <list
    # RGB too
    args=()
    while read -r call; do
        args+=(-t "${call/p=0.5/p=1}")
    done <list
    xr-augment --size 32 --channels rgb --split train "${args[@]}" splits.csv | xr-cat --check
}

@test "a table becomes records in its order, with label, columns and mask" {
    films
    xr-augment --size 32 --split test splits.csv >a.tar
    xr-cat --check a.tar
    diff <(keys a.tar) <(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["split"] == "test" { print $at["key"] }' splits.csv)
    key=$(keys a.tar | head -1)
    tar -xOf a.tar "$key.json" | grep -q '"row": {"key": "'"$key"'"'
    tar -xOf a.tar "$key.json" | grep -q '"transforms": \[\]'
    tar -xOf a.tar __xr__/header.json | grep -q '"records_per_epoch": '"$(keys a.tar | wc -l),"
    tar -xOf a.tar __xr__/header.json | grep -q '"height": 32, "width": 32, "channels": 1'
    # from a pipe: equal but for the history
    xr-augment --no-history --size 32 --split test splits.csv >b.tar
    xr-augment --no-history --size 32 --split test <splits.csv >c.tar
    diff <(tar -xOf b.tar --exclude '__xr__/end.json') <(tar -xOf c.tar --exclude '__xr__/end.json')
    tar -xOf c.tar __xr__/end.json | grep -q '"sources": {"standard input": "sha256:'
}

@test "any number of threads gives equal bytes" {
    films 20
    for more in "--split train --epochs 3" "--split test" "--split train --channels rgb"; do
        xr-augment --size 40 -j1 $more splits.csv >1.tar
        for j in 2 5; do
            xr-augment --size 40 -j$j $more splits.csv | cmp - 1.tar
        done
    done
}

@test "seeds: the same again, another one differs" {
    films
    xr-augment --size 32 --split train -s 3 splits.csv >a.tar
    xr-augment --size 32 --split train -s 3 splits.csv | cmp - a.tar
    xr-augment --size 32 --split train -s 4 splits.csv >b.tar
    ! cmp -s a.tar b.tar
    [ "$(keys a.tar | sort)" = "$(keys b.tar | sort)" ]
    [ "$(keys a.tar)" != "$(keys b.tar)" ]
}

@test "each training epoch is a permutation, another one each time" {
    films 30
    xr-augment --size 32 --split train --epochs 3 splits.csv >a.tar
    xr-augment --size 32 --split all --no-augment splits.csv >all.tar
    n=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["split"] == "train"' splits.csv | wc -l)
    for e in 0001 0002 0003; do
        tar -tf a.tar | sed -n "s,^$e/\(.*\)\.cls$,\1,p" >order$e
        [ "$(sort -u order$e | wc -l)" = "$n" ]
        [ "$(wc -l <order$e)" = "$n" ]
    done
    ! cmp -s order0001 order0002
    ! cmp -s order0002 order0003
    cmp <(sort order0001) <(sort order0003)
    # epochs follow each other, and the header has said so
    tar -tf a.tar | sed -n 's,/.*\.cls,,p' | sort -c
    tar -xOf a.tar __xr__/header.json | grep -q '"epochs": 3, "records_per_epoch": '"$n,"
    # an epoch does not depend on how many there are
    xr-augment --size 32 --split train --epochs 1 splits.csv >one.tar
    diff <(keys one.tar) order0001
    key=$(head -1 order0001)
    cmp <(tar -xOf one.tar "$key.npy") <(tar -xOf a.tar "0001/$key.npy")
}

@test "val, test and --no-augment: the table's order, no transforms, one epoch" {
    films 30
    for more in "--split val" "--split test" "--split train --no-augment"; do
        xr-augment --size 32 $more --epochs 4 -t 'invert(p=1)' splits.csv >a.tar
        part=$(set -- $more && echo "$2")
        diff <(keys a.tar) <(awk -F, -v p="$part" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
            $at["split"] == p { print $at["key"] }' splits.csv)
        tar -xOf a.tar __xr__/header.json | grep -q '"epochs": 1,'
        ! tar -xOf a.tar --wildcards --exclude '__xr__/*' '*.json' | grep -q invert
    done
}

@test "shards are disjoint, and together they are the whole" {
    films 20
    xr-augment --size 32 --split train --epochs 2 splits.csv >all.tar
    for i in 1 2 3; do
        xr-augment --size 32 --split train --epochs 2 --shard $i/3 splits.csv >$i.tar
        xr-cat --check $i.tar
        tar -xOf $i.tar __xr__/header.json | grep -q "\"records_per_epoch\": $(($(keys $i.tar | wc -l) / 2)),"
    done
    diff <(for i in 1 2 3; do tar -tf $i.tar; done | grep '\.npy$' | sort) <(tar -tf all.tar | grep '\.npy$' | sort)
    name=$(tar -tf 2.tar | grep -m1 '\.npy$')
    cmp <(tar -xOf 2.tar "$name") <(tar -xOf all.tar "$name")
}

@test "folds: test is f, val the next, train the rest, a hold-out in none" {
    films 24
    xr-split -q --no-group -k 3 --test-ratio .2 -s 1 dataset.csv >folds.csv
    wrong_usage xr-augment --split val folds.csv
    wrong_usage xr-augment --split val --fold 3 folds.csv
    for part in train val test; do
        xr-augment --size 16 --no-augment --split $part --fold 1 folds.csv >$part.tar
    done
    column() { # NAME VALUE: keys of rows with that value, hold-out left out
        awk -F, -v c="$1" -v v="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
            $at[c] == v && $at["split"] != "test" { print $at["key"] }' folds.csv
    }
    diff <(keys test.tar) <(column fold 1)
    diff <(keys val.tar) <(column fold 2)
    diff <(keys train.tar) <(column fold 0)
    tar -xOf val.tar __xr__/header.json | grep -q '"split": "val", "fold": 1'
}

@test "classes: by index, by name, as given; strangers are refused" {
    films 4
    p=$(sed -n '2{s/,.*//;p}' splits.csv)
    p=images/$p.$(ls images | head -1 | sed 's/.*\.//')
    header() { tar -xOf - __xr__/header.json; }
    printf 'key,path,label,class\na,%s,zebra,0\nb,%s,ant,1\n' "$p" "$p" >t.csv
    xr-augment --size 8 t.csv | header | grep -q '"classes": \["zebra", "ant"\]'
    printf 'key,path,label\na,%s,zebra\nb,%s,ant\nc,%s,\n' "$p" "$p" "$p" >t.csv
    xr-augment --size 8 t.csv | header | grep -q '"classes": \["ant", "zebra"\].*"class_counts": \[1, 1\].*"unlabelled": 1'
    xr-augment --size 8 t.csv | tar -tf - | grep -c '\.cls$' | grep -qx 2
    xr-augment --size 8 --classes zebra,ant,cat t.csv | header | grep -q '"classes": \["zebra", "ant", "cat"\]'
    run -1 --separate-stderr xr-augment --size 8 --classes ant t.csv
    [ "$stderr" = "xr-augment: t.csv:2: unknown class 'zebra'" ]
    [ -z "$output" ]
    printf 'key,path,label,class\na,%s,x,0\nb,%s,y,0\n' "$p" "$p" >t.csv
    run -1 --separate-stderr xr-augment --size 8 t.csv
    [[ $stderr == "xr-augment: t.csv:3: class 0 is 'y' here"* ]]
    printf 'key,path\na,%s\na,%s\n' "$p" "$p" >t.csv
    run -1 --separate-stderr xr-augment --size 8 t.csv
    [ "$stderr" = "xr-augment: t.csv:3: key 'a' stands in line 2 already" ]
    printf 'key,path\na.b,%s\n' "$p" >t.csv
    run -1 --separate-stderr xr-augment --size 8 t.csv
    [[ $stderr == *"--key-replace .=_"* ]]
    xr-augment --size 8 --key-replace .=_ t.csv | tar -tf - | grep -qx a_b.npy
}

@test "a film that cannot be read: the line, the file, the reason" {
    films 4
    head -c 300 "images/$(ls images | head -1)" >cut.png
    printf 'key,path\na,images/%s\nb,cut.png\nc,images/%s\n' "$(ls images | head -1)" "$(ls images | tail -1)" >t.csv
    for j in 1 3; do
        run -1 --separate-stderr xr-augment -j$j --size 8 -o out.tar t.csv
        [[ $stderr == "xr-augment: t.csv:3: cannot read 'cut.png': "* ]]
        [ "${#stderr_lines[@]}" = 1 ]
        [ ! -e out.tar ]
        run -0 --separate-stderr xr-augment -j$j --size 8 --skip-bad -o out.tar t.csv
        [[ ${stderr_lines[0]} == "xr-augment: warning: t.csv:3: cannot read 'cut.png': "* ]]
        [ "${stderr_lines[1]}" = "xr-augment: warning: 1 of 3 records skipped" ]
        [ "$(keys out.tar | xargs)" = "a c" ]
        tar -xOf out.tar __xr__/end.json | grep -q '"records": 2, "skipped": 1'
        tar -xOf out.tar __xr__/header.json | grep -q '"records_per_epoch": 3'
        rm out.tar
    done
    printf 'key,path\nb,gone.png\n' >t.csv
    run -1 --separate-stderr xr-augment --size 8 t.csv
    [ "$stderr" = "xr-augment: t.csv:2: cannot read 'gone.png': cannot open: No such file or directory" ]
}

@test "a mask of another size names both" {
    films 4
    a=images/$(ls images | head -1)
    m=masks/$(ls masks | head -1)
    xr-synth -q -n 2 --size 32 -s 1 -o other
    printf 'key,path,mask\na,%s,other/%s\n' "$a" "$m" >t.csv
    [ -e "other/$m" ] || printf 'key,path,mask\na,%s,%s\n' "other/images/$(ls other/images | head -1)" "$m" >t.csv
    run -1 --separate-stderr xr-augment --size 8 t.csv
    [[ $stderr == "xr-augment: t.csv:2: mask '"*"' is "*"x"*", image '"*"' is "*"x"* ]]
}

@test "masks move with their films" {
    films 12
    xr-augment --size 48 --split train --no-augment splits.csv >plain.tar
    xr-augment --size 48 --split train -t 'hflip(p=1)' splits.csv >flip.tar
    xr-augment --augment -t 'hflip(p=1)' flip.tar >back.tar
    n=0
    for k in $(tar -tf plain.tar | grep '\.mask\.npy$'); do
        n=$((n + 1))
        cmp <(tar -xOf plain.tar "$k") <(tar -xOf back.tar "$k")
        cmp <(tar -xOf plain.tar "${k/.mask/}") <(tar -xOf back.tar "${k/.mask/}")
    done
    [ $n -gt 0 ]
    ! cmp -s <(tar -xOf plain.tar "$k") <(tar -xOf flip.tar "$k")
}

@test "image files are unlabelled films" {
    films 4
    xr-augment --size 16x24 images/* >a.tar
    [ "$(keys a.tar | wc -l)" = "$(ls images | wc -l)" ]
    ! tar -tf a.tar | grep -q '\.cls$'
    tar -xOf a.tar __xr__/header.json | grep -q '"height": 16, "width": 24'
    mkdir b
    cp "images/$(ls images | head -1)" b
    run -1 --separate-stderr xr-augment images/* b/*
    [[ $stderr == *"give the same key"* ]]
}

@test "a stream and a WebDataset shard are inputs too" {
    films 6
    xr-augment --size 32 --split train --no-augment splits.csv >a.tar
    cmp <(xr-augment --split train -t 'vflip(p=1)' splits.csv --size 32 -s 0 | xr-cat --text | sort | wc -l) \
        <(xr-augment --augment -t 'vflip(p=1)' a.tar | xr-cat --text | sort | wc -l)
    xr-augment --no-augment a.tar >same.tar # nothing to do: the same pixels
    for k in $(tar -tf a.tar | grep '\.npy$'); do
        cmp <(tar -xOf a.tar "$k") <(tar -xOf same.tar "$k")
    done
    [ "$(tar -xOf same.tar __xr__/header.json | grep -o '"tool"' | wc -l)" = 2 ]
    # what other programs write
    mkdir shard
    i=0
    for f in images/*; do
        i=$((i + 1))
        cp "$f" "shard/s$i.${f##*.}"
        printf %d $((i % 2)) >shard/s$i.cls
    done
    (cd shard && tar -cf ../shard.tar -- *)
    xr-augment --size 24 --classes no,yes shard.tar >b.tar
    [ "$(keys b.tar | wc -l)" = "$i" ]
    tar -xOf b.tar s1.cls | grep -qx 1
    gzip -c shard.tar | xr-augment -j2 --no-history --size 24 --classes no,yes >c.tar
    xr-augment --no-history --size 24 --classes no,yes <shard.tar | cmp - c.tar
    # cut
    head -c $(($(stat -c %s a.tar) / 2)) a.tar >cut.tar
    run -1 --separate-stderr xr-augment -j2 -o out.tar cut.tar
    [[ $stderr == "xr-augment: cut.tar: record "* ]]
    [ ! -e out.tar ]
}

@test "--like takes size, fit, interpolation and channels from a model" {
    films 4
    pre='{\"height\":48,\"width\":40,\"channels\":1,\"mean\":[0.5],\"std\":[0.2],\"interpolation\":\"bilinear\",\"fit\":\"squash\"}'
    header='{"__metadata__":{"preprocessing":"'$pre'"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    {
        printf "\\x$(printf %02x $((${#header} % 256)))\\x$(printf %02x $((${#header} / 256)))\\0\\0\\0\\0\\0\\0"
        printf %s "$header"
        printf '\0\0\0\0'
    } >model.safetensors
    xr-augment --like model.safetensors splits.csv >a.tar
    tar -xOf a.tar __xr__/header.json | grep -q '"height": 48, "width": 40, "channels": 1, "dtype": "uint8", "fit": "squash", "interpolation": "bilinear"'
    tar -xOf a.tar __xr__/header.json | grep -q '"inputs": {"model.safetensors": "sha256:'
    xr-augment --size 48x40 --fit squash --interpolation bilinear splits.csv >b.tar
    diff <(tar -xOf a.tar --exclude '__xr__/*') <(tar -xOf b.tar --exclude '__xr__/*')
    wrong_usage xr-augment --like model.safetensors --fit pad splits.csv
}

@test "fits: what they do to a wide film" {
    films 2
    need_shared
    f=$SHARED/data/mixed/COVID-00013b.jpg # 1806 x 1375
    for fit in pad squash crop crop:0.875; do
        xr-augment --size 64 --fit $fit "$f" >"${fit%%:*}.tar"
        tar -xOf "${fit%%:*}.tar" __xr__/header.json | grep -q "\"fit\": \"$fit\""
    done
    rows() { # STREAM: the first and the middle row's sums
        tar -xOf "$1" COVID-00013b.npy | tail -c 4096 | od -An -v -tu1 -w64 |
            awk '{ s = 0; for (i = 1; i <= NF; i++) s += $i } NR == 1 || NR == 32 { print (s > 0) }' | xargs
    }
    [ "$(rows pad.tar)" = "0 1" ]
    [ "$(rows squash.tar)" = "1 1" ]
    [ "$(rows crop.tar)" = "1 1" ]
}

@test "data/mixed: every good file decodes, every bad one is one line" {
    mixed
    run -0 --separate-stderr xr-augment --root "$SHARED/data/mixed" --size 64 --fit squash \
        --skip-bad -o out.tar mixed.csv
    [ "${#stderr_lines[@]}" = 6 ]
    for bad in bad-crc.png bad-empty.jpg bad-text.jpg bad-truncated.jpg bad-truncated.png; do
        [ "$(grep -c "cannot read '.*/$bad': " <<<"$stderr")" = 1 ]
    done
    grep -q "bad-truncated.jpg': Premature end of JPEG file" <<<"$stderr"
    [ "${stderr_lines[5]}" = "xr-augment: warning: 5 of $(($(wc -l <mixed.csv) - 1)) records skipped" ]
    keys out.tar | grep -qx bad-jpeg-named_png
    tar -xOf out.tar rg3-exif-rot6_jpg.json | grep -q '"height": 440, "width": 300, "orientation": 6'
    # one film in many encodings has one gray
    sum() {
        tar -xOf out.tar "$1.npy" | tail -c 4096 | od -An -v -tu1 -w1 | awk '{ s += $1 } END { print int(s / 4096 + .5) }'
    }
    for f in rg3-gray16_png rg3-gray_jpg rg3-rgb444_jpg rg3-rgb420_jpg rg3-progressive_jpg rg3-cmyk_jpg \
        rg3-palette_png rg3-rgba_png rg3-grayalpha_png rg3-rgb16_png rg3-interlaced_png bad-jpeg-named_png; do
        d=$(($(sum $f) - $(sum rg3-gray8_png)))
        [ "${d#-}" -le 1 ]
    done
    for bad in bad-crc.png bad-empty.jpg bad-text.jpg bad-truncated.jpg bad-truncated.png; do
        run -1 --separate-stderr xr-augment "$SHARED/data/mixed/$bad"
        [ "${#stderr_lines[@]}" = 1 ]
        [ -z "$output" ]
    done
}

@test "/dev/full, an early reader, empty input, a terminal" {
    films 4
    run -1 --separate-stderr bash -c 'xr-augment --size 16 splits.csv >/dev/full'
    [[ $stderr == "xr-augment: standard output: cannot write: No space left on device" ]]
    run -141 --separate-stderr bash -o pipefail -c 'xr-augment -j2 --split train --epochs 500 splits.csv | head -c 1 >/dev/null'
    [ -z "$stderr" ]
    run -1 --separate-stderr xr-augment </dev/null
    [[ $stderr == *"empty input: did the previous command fail?" ]]
    printf 'key,path,label\n' >t.csv
    run -1 --separate-stderr xr-augment t.csv
    [ "$stderr" = "xr-augment: t.csv: a header and no rows" ]
    run -1 --separate-stderr xr-augment --split val <<<'key,path,split
a,b.png,train'
    [[ $stderr == *"no film of split 'val'" ]]
    run -1 --separate-stderr xr-augment --split val <<<'key,path,split
a,b.png,valid'
    [[ $stderr == "xr-augment: "*":2: split 'valid' is not train, val or test" ]]
}

@test "a YAML section is the same as options" {
    films 8
    cat >c.yaml <<'END'
augment:
  size: 32x40
  epochs: 2
  transform:
    - clahe: {clip: 2, p: 0.5}
    - hflip
    - name: shift_scale_rotate
      rotate: 5:10
END
    xr-augment --config c.yaml --split train splits.csv >a.tar
    xr-augment --size 32x40 --epochs 2 -t 'clahe(clip=2,p=0.5)' -t hflip -t 'shift_scale_rotate(rotate=5:10)' \
        --split train splits.csv >b.tar
    diff <(tar -xOf a.tar --exclude '__xr__/*') <(tar -xOf b.tar --exclude '__xr__/*')
    tar -xOf a.tar __xr__/header.json | grep -q '"name": "shift_scale_rotate", "shift": \[-0.0625, 0.0625\]'
}

@test "transforms in transforms: YAML is the same as options" {
    films 8
    cat >c.yaml <<'END'
augment:
  transform:
    - one_of: [blur, {median: {size: 5}}]
    - some_of:
        n: [1, 2]
        p: 0.9
        transforms:
          - gamma: {gamma: [0.5, 2], p: 1}
          - sequence:
              - hflip: {p: 1}
              - name: rot90
                turns: 2
          - {one_of: [invert, equalize]}
END
    xr-augment --no-history --size 32 --config c.yaml --split train splits.csv >a.tar
    xr-augment --no-history --size 32 -t 'one_of(blur,median(size=5))' --split train \
        -t 'some_of(n=1:2,p=0.9,gamma(gamma=0.5:2,p=1),sequence(hflip(p=1),rot90(turns=2)),one_of(invert,equalize))' \
        splits.csv | cmp - a.tar
    tar -xOf a.tar __xr__/header.json | grep -q '"name": "sequence", "transforms": \[{"name": "hflip", "p": 1}, {"name": "rot90"'
    refused() { # YAML TEXT: that list entry is wrong usage, which says so
        printf 'augment:\n  transform:\n    - %s\n' "$1" >bad.yaml
        run -2 --separate-stderr xr-augment --config bad.yaml --split train splits.csv
        [[ $stderr == *"bad.yaml:3: $2"* ]]
    }
    refused '{clahe: {clip: [1, 2, 3]}}' 'a list here is a range of two numbers'
    refused '{clahe: {clip: {a: 1}}}' 'nested too deep'
    refused '[[hflip]]' 'nested too deep'
    refused '{one_of: [[hflip]]}' 'nested too deep'
}

@test "the size that a chain gives is the size of the records" {
    films 8
    xr-augment --size 64x80 -t 'random_crop(height=48,width=40)' -t hflip --split train splits.csv >a.tar
    xr-cat --check a.tar
    tar -xOf a.tar __xr__/header.json | grep -q '"height": 48, "width": 40'
    [ "$(tar -xOf a.tar "$(keys a.tar | head -1).npy" | wc -c)" = $((128 + 48 * 40)) ]
    [ "$(tar -xOf a.tar "$(tar -tf a.tar | grep -m1 'mask\.npy')" | wc -c)" = $((128 + 48 * 40)) ]
    # where nothing is varied, --size is
    xr-augment --size 64x80 -t 'random_crop(height=48,width=40)' --split test splits.csv |
        tar -xOf - __xr__/header.json | grep -q '"height": 64, "width": 80'
    wrong_usage xr-augment --size 64 --split train -t 'resize(height=32,width=32,p=0.5)' splits.csv
}

@test "a replay gives the same bytes: every transform, epochs, masks, repeats" {
    films 16
    args=()
    while read -r call; do
        args+=(-t "$call")
    done < <(xr-augment --list-transforms | sed "s,FILE,images/$(ls images | head -1),")
    more=(--no-history --size 40 --split train --epochs 3 splits.csv)
    xr-augment "${args[@]}" -s 7 "${more[@]}" >a.tar
    xr-augment --replay a.tar -s 7 -j 3 "${more[@]}" | cmp - a.tar
    # another seed is another order of the same records
    xr-augment --replay a.tar -s 8 "${more[@]}" >b.tar
    [ "$(xr-cat --digests a.tar | sort)" = "$(xr-cat --digests b.tar | sort)" ]
    ! cmp -s a.tar b.tar
    # JSON lines, keys from the stream; not all of the films
    xr-augment --balance class "${args[@]}" --no-history --size 40 --split train splits.csv >c.tar
    for key in $(keys c.tar); do
        tar -xOf c.tar "$key.json" | sed "s,^{,{\"key\": \"$key\"\, ,"
        echo
    done >c.jsonl
    xr-augment --replay c.jsonl --no-history --size 40 --split train --balance class splits.csv >d.tar
    [ "$(xr-cat --digests c.tar)" = "$(xr-cat --digests d.tar)" ]
    # a stream that was varied before: what is behind it is not applied again
    xr-augment --no-history --size 40 --augment -t 'gamma(p=1)' c.tar >e.tar
    xr-augment --no-history --replay e.tar c.tar | cmp - e.tar
}

@test "a preview shows films beside their first epochs" {
    films 8
    xr-augment --split train --size 40 --epochs 3 --preview 2 -o a.png splits.csv
    xr-augment --split train --size 40 --epochs 3 --preview 2 -j 3 splits.csv | cmp - a.png
    [ "$(head -c 4 a.png | tail -c 3)" = PNG ]
    [ "$(xr-augment --channels rgb a.png | tar -xOf - a.json | grep -o '"width": [0-9]*')" = '"width": 200' ]
    # more films than there are; nothing drawn; an output that was there stays
    xr-augment --split train --size 40 --preview 100 -t none -o b.png splits.csv
    wrong_usage xr-augment --preview -1 splits.csv
    cp a.png keep.png
    printf 'key,path\nb,gone.png\n' >t.csv
    run -1 --separate-stderr xr-augment --preview 1 -o a.png t.csv
    [[ $stderr == *"cannot read 'gone.png'"* ]]
    cmp a.png keep.png
}

@test "a replay that does not fit is one line" {
    films 8
    xr-augment --size 40 --split train -t 'elastic(p=1)' splits.csv >a.tar
    wrong_usage xr-augment --replay a.tar -t hflip splits.csv
    refused() { # TEXT ARGUMENT...: exit 1, the message has TEXT, nothing is written
        run -1 --separate-stderr xr-augment -o out.tar "${@:2}" splits.csv
        [[ $stderr == "xr-augment: "*"$1"* ]]
        [ "${#stderr_lines[@]}" = 1 ]
        [ ! -e out.tar ]
    }
    refused "a.tar has no record '" --size 40 --replay a.tar
    refused "came out as 48x48, not 40x40" --size 48 --split train --replay a.tar
    refused "gone.tar: cannot open" --replay gone.tar
    head -c 3000 a.tar >cut.tar
    refused "cut.tar: record " --replay cut.tar
    echo '{"key": "a"}' >b.jsonl
    refused "b.jsonl: line 1: record 'a' has no list 'transforms'" --replay b.jsonl
    printf '{"key": "a", "transforms": []}\n{"key": "a", "transforms": []}\n' >b.jsonl
    refused "b.jsonl: record 'a' comes twice" --replay b.jsonl
    printf '\n{"transforms": []}\n' >b.jsonl
    sed -i 1d b.jsonl
    refused "b.jsonl: line 1: no key" --replay b.jsonl
    mkdir t && tar -xf a.tar -C t && sed -i 's/"transform_schema": [0-9]*/"transform_schema": 1/' t/__xr__/header.json
    (cd t && tar -cf ../old.tar __xr__/header.json ./*.npy)
    refused "old.tar: its transforms are of schema 1, here they are of" --replay old.tar
}

@test "without transforms every epoch has the same pixels" {
    films
    xr-augment --no-history --split train --size 16 --epochs 2 -t none -o none.tar splits.csv
    tar -xf none.tar
    key=$(tar -tf none.tar | sed -n 's,^0001/\(.*\)\.npy$,\1,p' | grep -v mask | head -1)
    cmp "0001/$key.npy" "0002/$key.npy"
    grep -q '"transforms": \[\]' "0001/$key.json"
    wrong_usage xr-augment -t none -t hflip splits.csv
}

# shares STREAM: records of each class, "a b"
shares() {
    xr-cat -t "$1" | awk -F'\t' '{ n[$2]++ } END { print n["a"] + 0, n["b"] + 0 }'
}

@test "a balanced epoch has the shares that were asked for and no key twice" {
    films 20
    (echo key,path,label,split && awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { print $at["key"] "," $at["path"] "," (NR <= 17 ? "a" : "b") ",train" }' splits.csv) >skew.csv
    balance() {
        xr-augment --no-history --split train --size 16 "$@" skew.csv
    }
    balance >none.tar
    balance --balance none | cmp - none.tar
    [ "$(shares none.tar)" = "16 4" ]
    balance --balance class >class.tar
    [ "$(shares class.tar)" = "10 10" ]
    balance --balance sqrt >sqrt.tar # 4 : 2
    [ "$(shares sqrt.tar)" = "13 7" ]
    # beta 1 is equal shares, beta 0 the table's; 0.9: 16/E(16) : 4/E(4) = 1.96 : 1.16
    balance --balance effective --balance-beta 1 >one.tar
    [ "$(shares one.tar)" = "10 10" ]
    balance --balance effective --balance-beta 0 >zero.tar
    [ "$(shares zero.tar)" = "16 4" ]
    balance --balance effective --balance-beta .9 >some.tar
    [ "$(shares some.tar)" = "13 7" ]
    xr-cat --check class.tar
    [ "$(keys class.tar | sort | uniq -d | wc -l)" -eq 0 ]
    # each film of b comes twice or three times, of a at most once
    [ "$(keys class.tar | grep -c '@2$')" -eq 4 ]
    [ "$(keys class.tar | grep -c '@3$')" -eq 2 ]
    [ "$(keys class.tar | sed 's/@.*//' | sort -u | wc -l)" -eq 14 ]
    tar -xOf class.tar __xr__/header.json >header
    grep -q '"class_counts": \[10, 10\]' header
    grep -q '"sampling": {"order": "balanced", "unlabelled": 0, "balance": "class", "films_per_class": \[16, 4\]}' header
    tar -xOf class.tar --wildcards '*@3.json' | grep -q '"repeat": 3'
    # repeats are varied each by itself
    [ "$(tar -xf class.tar --wildcards '*@[23].npy' && md5sum ./*@[23].npy | cut -c1-32 | sort | uniq -d | wc -l)" -eq 0 ]
}

@test "balanced epochs differ, repeat, and are the same in shards and threads" {
    films 20
    run -0 xr-augment --no-history --split train --size 16 --epochs 3 --balance class -o all.tar splits.csv
    xr-augment --no-history --split train --size 16 --epochs 3 --balance class -j 4 splits.csv | cmp - all.tar
    tar -tf all.tar | grep '^0001/.*npy' | grep -v mask | sed 's,0001/,,' >one
    tar -tf all.tar | grep '^0002/.*npy' | grep -v mask | sed 's,0002/,,' >two
    [ "$(wc -l <one)" -eq "$(wc -l <two)" ]
    run -1 cmp -s one two
    for i in 1 2; do
        xr-augment --split train --size 16 --epochs 3 --balance class --shard $i/2 splits.csv
    done | xr-cat -t - | cut -f1 | sort >shards
    xr-cat -t all.tar | cut -f1 | sort | cmp - shards
    # passed through, a stream still says that it is balanced
    xr-augment --size 16 all.tar | tar -xOf - __xr__/header.json | grep -q '"sampling": {"order": "stream", "balance": "class"'
    # what is not varied is not balanced
    xr-augment --no-history --split test --size 16 splits.csv >plain.tar
    xr-augment --no-history --split test --size 16 --balance class splits.csv | cmp - plain.tar
}

@test "balancing needs labels and keys of its own" {
    films 40
    printf 'key,path,label,split\na@2,x.png,a,train\nb,y.png,b,train\n' >at.csv
    run -1 --separate-stderr xr-augment --split train --balance class at.csv
    [[ $stderr == *"the key 'a@2' ends as that of a film that comes again"* ]]
    printf 'key,path,label,split\na,x.png,a,train\nb,y.png,,train\n' >no.csv
    run -1 --separate-stderr xr-augment --split train --balance class no.csv
    [[ $stderr == *"--balance: 1 films have no label" ]]
    wrong_usage xr-augment --augment --balance class images/*.jpg
    xr-augment --split test --size 16 -o s.tar splits.csv
    wrong_usage xr-augment --balance class s.tar
    wrong_usage xr-augment --balance equal splits.csv
    # class weights on top must be asked for
    xr-augment --split train --size 32 --balance sqrt -o train.tar splits.csv
    wrong_usage xr-train -m resnet18 -o m --class-weights auto train.tar
    wrong_usage xr-train -m resnet18 -o m --loss focal --alpha auto train.tar
    xr-train -m resnet18 -j 1 -b 4 -o m --class-weights auto --weights-on-balanced train.tar >/dev/null
    xr-train -m resnet18 -j 1 -b 4 -o m train.tar >/dev/null
}

# P2 text: three gray films and a file of two pages are enough for what paths can say.
pgm() { # NAME LEVEL
    printf 'P2 4 4 255' >"$1"
    for _ in {1..16}; do printf ' %d' "$2"; done >>"$1"
}

# Of the first voxels of a NIfTI volume of 2 x 2 x 3, z itself.
volume() {
    {
        printf '\x5c\x01\0\0' && head -c 36 /dev/zero
        printf '\3\0\2\0\2\0\3\0\1\0\1\0\1\0\1\0' && head -c 14 /dev/zero
        printf '\2\0\x08\0' && head -c 2 /dev/zero
        for _ in {1..8}; do printf '\0\0\x80\x3f'; done
        printf '\0\0\xb0\x43' && head -c 232 /dev/zero
        printf 'n+1\0' && head -c 4 /dev/zero
        printf '\0\0\0\0\x40\x40\x40\x40\x80\x80\x80\x80'
    } >"$1"
}

@test "PNM and NIfTI files: all frames of operands, chosen ones in a table" {
    xr-augment --version | grep -q '^NIfTI: libnifti' || skip "built without libnifti"
    pgm a.pgm 7
    volume v.nii
    gzip -k v.nii
    mv v.nii.gz w.nii.gz
    xr-augment --size 2 --interpolation nearest a.pgm v.nii w.nii.gz >a.tar
    [ "$(keys a.tar | tr '\n' ' ')" = "a v_z001 v_z002 v_z003 w_z001 w_z002 w_z003 " ]
    [ "$(tar -xOf a.tar v_z002.npy | tail -c 4 | xxd -p)" = 40404040 ]
    [ "$(tar -xOf a.tar w_z003.npy | tail -c 4 | xxd -p)" = 80808080 ]
    tar -xOf a.tar v_z003.json | grep -q '"axis": "z", "slice": 3, "slices": 3'
    printf '%s\n' path 'v.nii#z3' 'v.nii#x1' 'w.nii.gz#y2' >t.csv
    xr-augment --size 2 --interpolation nearest t.csv >b.tar
    [ "$(keys b.tar | tr '\n' ' ')" = "v_z003 v_x001 w_y002 " ]
    cmp <(tar -xOf a.tar v_z003.npy) <(tar -xOf b.tar v_z003.npy)
    # one operand may choose; lists and folders are like operands
    xr-augment --size 2 'v.nii#z2' >c.tar
    [ "$(keys c.tar)" = v_z002 ]
    printf 'v.nii\na.pgm\n' | xr-augment --size 2 --files-from - >d.tar
    [ "$(keys d.tar | tr '\n' ' ')" = "v_z001 v_z002 v_z003 a " ]
    mkdir -p f/one
    mv w.nii.gz f/one
    xr-augment --size 2 f >e.tar
    [ "$(keys e.tar | tr '\n' ' ')" = "one_w_z001 one_w_z002 one_w_z003 " ]
    # the same for any number of threads
    xr-augment --size 2 -j3 a.pgm v.nii | cmp - <(xr-augment --size 2 -j1 a.pgm v.nii)
}

@test "a file of several frames without a choice, and one that is not there" {
    xr-augment --version | grep -q '^NIfTI: libnifti' || skip "built without libnifti"
    volume v.nii
    printf 'path\nv.nii\n' >t.csv
    run -1 --separate-stderr xr-augment t.csv
    [ "$stderr" = "xr-augment: t.csv:2: cannot read 'v.nii': a volume of 2 x 2 x 3 voxels: choose a slice in its path, as in FILE#z2" ]
    printf 'path\nv.nii#z4\n' >t.csv
    run -1 --separate-stderr xr-augment t.csv
    [ "$stderr" = "xr-augment: t.csv:2: cannot read 'v.nii#z4': no slice z4: it has 3" ]
    pgm a.pgm 7
    printf 'path\na.pgm#2\n' >t.csv
    run -1 --separate-stderr xr-augment t.csv
    [ "$stderr" = "xr-augment: t.csv:2: cannot read 'a.pgm#2': no frame 2: it has 1" ]
    printf 'path\na.pgm#z1\n' >t.csv
    run -1 --separate-stderr xr-augment t.csv
    [[ $stderr == *"'a.pgm#z1': no volume: "* ]]
    # a file whose own name is such a text
    pgm 'a.pgm#2' 9
    printf 'path,key\na.pgm#2,k\n' >t.csv
    xr-augment --size 2 t.csv | tar -xOf - k.npy | tail -c 1 | xxd -p | grep -qx 09
}

@test "every DICOM film and its line in the stream" {
    need_shared
    xr-augment --version | grep -q '^DICOM: DCMTK' || skip "built without DCMTK"
    for f in RG3_UNCR RG3_J2KR RG1_J2KI; do
        xr-augment -q --size 64 "$SHARED/data/dicom/$f.dcm" >$f.tar
        tar -xOf $f.tar $f.json | grep -q '"modality": "CR".*"photometric": "MONOCHROME1".*"voi": "LINEAR"'
    done
    # lossless: the same film
    cmp <(tar -xOf RG3_UNCR.tar RG3_UNCR.npy) <(tar -xOf RG3_J2KR.tar RG3_J2KR.npy)
    # MONOCHROME1 inverted once: air beside the leg is dark, bone in it bright
    tar -xOf RG3_UNCR.tar RG3_UNCR.npy | tail -c 4096 >film
    (($((16#$(head -c $((32 * 64 + 19)) film | tail -c 1 | xxd -p))) < 40))
    (($((16#$(head -c $((32 * 64 + 32)) film | tail -c 1 | xxd -p))) > 120))
    run -1 --separate-stderr xr-augment "$SHARED/data/dicom/MR_truncated.dcm"
    [[ $stderr == *"cannot read '"*"MR_truncated.dcm': damaged DICOM file, or it ends early"* ]]
    [ "$(wc -l <<<"$stderr")" = 1 ]
    # frames
    xr-augment -q --size 32 "$SHARED/data/dicom/emri_small_RLE.dcm" >f.tar
    [ "$(keys f.tar | tail -1)" = emri_small_RLE_f010 ]
    printf 'path\nemri_small_RLE.dcm\n' >t.csv
    run -1 --separate-stderr xr-augment --root "$SHARED/data/dicom" t.csv
    [[ $stderr == *": 10 frames: choose one in its path, as in FILE#1" ]]
}

# Two films of a patient with all that a table can say of him.
named() {
    pgm smith_1980.pgm 7
    pgm b.pgm 200
    cat >t.csv <<EOF
key,path,label,patient_id,patient_name,birth_date,age,sex,Center,remark
Smith_John_1,smith_1980.pgm,benign,MRN1234567,"Smith, John",1931-02-03,94,m,Mercy General,seen by Dr. Who
Smith_John_2,b.pgm,normal,MRN1234567,"Smith, John",1931-02-03,31,m,Mercy General,
EOF
    head -c 32 /dev/urandom | base64 >secret
}

@test "de-identified: nothing of the row's person is left anywhere in the stream" {
    named
    export XR_DEIDENTIFY_KEY="0123456789abcdef"
    xr-augment --size 8 --deidentify -o a.tar t.csv
    ! tar -xOf a.tar | grep -aiE 'smith|john|mercy|MRN|1931|94|who|t\.csv|0123456789abcdef'
    [ "$(keys a.tar | grep -cE '^[0-9a-f]{32}$')" = 2 ]
    key=$(keys a.tar | head -1)
    # HMAC-SHA256 by another program
    [ "$key" = "$(printf Smith_John_1 | openssl dgst -sha256 -hmac "$XR_DEIDENTIFY_KEY" | sed 's/.*= //' | head -c 32)" ]
    tar -xOf a.tar "$key.json" >json
    patient=$(printf MRN1234567 | openssl dgst -sha256 -hmac "$XR_DEIDENTIFY_KEY" | sed 's/.*= //' | head -c 32)
    center=$(printf 'Mercy General' | openssl dgst -sha256 -hmac "$XR_DEIDENTIFY_KEY" | sed 's/.*= //' | head -c 32)
    hash=$(printf Smith_John_1 | openssl dgst -sha256 -hmac "$XR_DEIDENTIFY_KEY" | sed 's/.*= //' | head -c 32)
    grep -qF '"row": {"key": "'"$hash"'", "label": "benign", "patient_id": "'"$patient"'", "age": "90", "sex": "m", "Center": "'"$center"'"}' json
    # pixels and labels are those of the films
    xr-augment --size 8 -o b.tar t.csv
    cmp <(tar -xOf a.tar "$key.npy") <(tar -xOf b.tar Smith_John_1.npy)
    cmp <(tar -xOf a.tar "$key.cls") <(tar -xOf b.tar Smith_John_1.cls)
    # the same secret from a file, the same bytes; another one, other keys
    printf '%s\n' "$XR_DEIDENTIFY_KEY" >same
    env -u XR_DEIDENTIFY_KEY xr-augment --size 8 --deidentify --deidentify-key same t.csv | cmp - a.tar
    xr-augment --size 8 --deidentify --deidentify-key secret t.csv >c.tar
    [ -z "$(comm -12 <(keys a.tar | sort) <(keys c.tar | sort))" ]
    # a stream that still has the names loses them; epochs and repeats stay readable
    xr-augment --size 8 --augment --epochs 2 --balance class -t 'hflip(p=1)' -o e.tar t.csv
    xr-augment --deidentify -o f.tar e.tar
    ! tar -xOf f.tar | grep -aiE 'smith|john|mercy|MRN|1931|94|who|e\.tar|t\.csv'
    ! tar -tf f.tar | grep -i smith
    tar -tf f.tar | grep -qE '^0002/[0-9a-f]{32}\.npy$'
    tar -xOf f.tar --wildcards '0001/*.json' | grep -q '"name": "hflip"'
    # ids of annotations are no better than keys
    cat >coco.json <<EOF
{"images": [{"id": 771234, "file_name": "smith_1980.pgm", "width": 4, "height": 4}], "categories": [{"id": 1, "name": "x"}],
 "annotations": [{"id": 881234, "image_id": 771234, "category_id": 1, "bbox": [1, 1, 2, 2]}]}
EOF
    xr-augment --size 8 --deidentify --coco coco.json -o g.tar t.csv
    tar -xOf g.tar "$key.boxes.json" | grep -q '"ids": \[1\]'
    ! tar -xOf g.tar | grep -aE '881234|771234|coco.json'
    # what is varied follows the new keys: nobody can try names against it
    xr-cat --check f.tar
}

@test "de-identified: parts, folds and nested folds stay, names beside them do not" {
    printf 'P2 2 2 255 0 1 2 3\n' >a.pgm
    printf 'key,path,label,split,fold,inner_0,inner_1,subset,inner_city\na,a.pgm,x,test,0,1,2,.5,Boston\n' >t.csv
    XR_DEIDENTIFY_KEY=0123456789abcdef xr-augment --size 8 --deidentify -o a.tar t.csv
    tar -xOf a.tar "$(keys a.tar).json" |
        grep -qF '"label": "x", "split": "test", "fold": "0", "inner_0": "1", "inner_1": "2", "subset": ".5"}'
}

@test "--deidentify without a secret, with a short one, or a key alone" {
    named
    unset XR_DEIDENTIFY_KEY
    wrong_usage xr-augment --deidentify t.csv
    wrong_usage xr-augment --deidentify-key secret t.csv
    echo short >short
    run -1 --separate-stderr xr-augment --deidentify --deidentify-key short t.csv
    [ -z "$output" ]
    [[ $stderr == "xr-augment: short: a key of 5 bytes; at least 16 are needed"* ]]
    run -1 --separate-stderr xr-augment --deidentify --deidentify-key none t.csv
    XR_DEIDENTIFY_KEY='' run -1 --separate-stderr xr-augment --deidentify t.csv
    [ -z "$output" ]
}

@test "files that once broke a reader: one line each, nothing else" {
    xr-augment --version | grep -q '^DICOM: DCMTK' || skip "built without DCMTK"
    xr-augment --version | grep -q '^NIfTI: libnifti' || skip "built without libnifti"
    # sequences in sequences until the stack would be gone
    {
        cat "$XR_TOP/tests/bad/nested-length.dcm" | head -c 172
        printf '\x40\0\x60\xa0SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff' >one
        for _ in {1..16}; do cat one one >two && mv two one; done
        cat one
    } >deep.dcm
    for f in "$XR_TOP"/tests/bad/* deep.dcm; do
        # the shadow memory of AddressSanitizer is larger
        [ -n "${ASAN_OPTIONS:-}" ] || ulimit -v 4000000
        run -1 --separate-stderr xr-augment "$f"
        [ -z "$output" ]
        [ "$(wc -l <<<"$stderr")" = 1 ]
        [[ $stderr == "xr-augment: cannot read '$f': "?* ]]
    done
}
