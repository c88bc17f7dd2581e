# xr-augment: boxes and polygons that travel with their films.
load helpers

# chunk TYPE <DATA: of a PNG file; gzip knows its checksum.
chunk() {
    { printf %s "$1" && cat; } >chunk
    printf '%08x' $(($(stat -c %s chunk) - 4)) | sed 's/../\\x&/g' | xargs -0 printf %b
    cat chunk
    gzip -c chunk | tail -c 8 | head -c 4 | od -An -tx1 | awk '{ print "\\x" $4 "\\x" $3 "\\x" $2 "\\x" $1 }' |
        tr -d '\n' | xargs -0 printf %b
}

# A black film of 48 x 48: 2,352 zeros, not packed.
black() {
    printf '\x89PNG\r\n\x1a\n'
    printf '\0\0\0\x30\0\0\0\x30\x08\0\0\0\0' | chunk IHDR
    { printf '\x78\x01\x01\x30\x09\xcf\xf6' && head -c 2352 /dev/zero && printf '\x09\x30\0\x01'; } | chunk IDAT
    chunk IEND </dev/null
}

# A film of 48 x 48 with a rectangle and a triangle, annotated in three ways.
annotated() {
    film=film.png
    black >"$film"
    cat >l.json <<'END'
{"shapes": [{"label": "bad", "points": [[12, 12], [36, 24]], "shape_type": "rectangle"},
  {"label": "good", "points": [[24, 30], [36, 30], [36, 42]], "shape_type": "polygon"}], "imageHeight": 48}
END
    printf '1 0.5 0.375 0.5 0.25\n0 0.5 0.625 0.75 0.625 0.75 0.875\n' >y.txt
    cat >c.json <<END
{"images": [{"id": 7, "file_name": "other.png"}, {"id": 3, "file_name": "$film"}],
 "annotations": [{"id": 0, "image_id": 3, "category_id": 2, "bbox": [12, 12, 24, 12]},
  {"id": 5, "image_id": 7, "category_id": 2, "bbox": [1, 1, 2, 2]},
  {"id": 1, "image_id": 3, "category_id": 4, "segmentation": [[24, 30, 36, 30, 36, 42]], "bbox": [0, 0, 1, 1]}],
 "categories": [{"id": 4, "name": "good"}, {"id": 2, "name": "bad"}]}
END
    printf 'key,path,annotation\na,%s,l.json\n' "$film" >l.csv
    printf 'key,path,annotation\na,%s,y.txt\n' "$film" >y.csv
    printf 'key,path\na,%s\n' "$film" >c.csv
}

boxes() { # STREAM: a.boxes.json
    tar -xOf "$1" a.boxes.json
}

@test "LabelMe, YOLO and COCO say the same" {
    annotated
    xr-augment --size 48 l.csv >l.tar
    [ "$(boxes l.tar)" = '{"classes": ["bad", "good"], "boxes": [[12, 12, 36, 24], [24, 30, 36, 42]], "ids": [0, 1], "polygons": [[], [[24, 30, 36, 30, 36, 42]]]}' ]
    xr-augment --size 48 --box-names good,bad y.csv >y.tar
    cmp <(boxes y.tar) <(boxes l.tar)
    xr-augment --size 48 --coco c.json c.csv >c.tar
    cmp <(boxes c.tar) <(boxes l.tar)
    tar -xOf c.tar __xr__/header.json | grep -q '"inputs": {"c.csv": "sha256:[^,]*, "c.json": "sha256:'
    xr-augment --size 48 --coco c.json "$film" | tar -xOf - film.boxes.json | cmp - <(boxes l.tar)
    xr-augment --size 48 y.csv | tar -xOf - a.boxes.json | grep -q '"classes": \["1", "0"\]'
    # a film that COCO does not list has none; one that is listed without an annotation has an empty list
    printf 'key,path\nb,gone/%s\na,%s\n' "$film" "$film" >d.csv
    mkdir gone && cp "$film" gone
    sed "s/other.png/third.png/; s/\"image_id\": 3/\"image_id\": 9/g" c.json >empty.json
    xr-augment --size 48 --coco empty.json c.csv >e.tar
    [ "$(boxes e.tar)" = '{"classes": [], "boxes": [], "ids": [], "polygons": []}' ]
    sed "s/$film/third.png/" c.json >none.json
    ! xr-augment --size 48 --coco none.json c.csv | tar -tf - | grep boxes
}

@test "boxes move with the film: sizes, fits, turns, and on through a stream" {
    annotated
    box() { boxes "$1" | sed 's/.*"boxes": \[\(.*\)\], "ids.*/\1/'; }
    xr-augment --size 24x96 --fit squash l.csv >a.tar
    [ "$(box a.tar)" = "[24, 6, 72, 12], [48, 15, 72, 21]" ]
    xr-augment --size 24x96 --fit pad l.csv >a.tar # 24 x 24 in the middle
    [ "$(box a.tar)" = "[42, 6, 54, 12], [48, 15, 54, 21]" ]
    xr-augment --size 48 --fit crop:0.5 l.csv >a.tar # twice the size, the middle half
    [ "$(box a.tar)" = "[0, 0, 48, 24], [24, 36, 48, 48]" ]
    # of the second half is left
    xr-augment --size 48 --fit crop:0.5 --min-visible 0.6 l.csv >a.tar
    [ "$(box a.tar)" = "[0, 0, 48, 24]" ]
    xr-augment --size 48 --fit crop:0.5 --min-visible 0.5 l.csv >a.tar
    [ "$(box a.tar)" = "[0, 0, 48, 24], [24, 36, 48, 48]" ]
    for t in hflip vflip transpose 'rot90(turns=1)'; do
        t=${t%)}
        [[ $t == *'('* ]] && t="$t,p=1)" || t="$t(p=1)"
        xr-augment --size 48 --augment -t "$t" l.csv >a.tar
        case $t in
        hflip*) want="[12, 12, 36, 24], [12, 30, 24, 42]" ;;
        vflip*) want="[12, 24, 36, 36], [24, 6, 36, 18]" ;;
        transpose*) want="[12, 12, 24, 36], [30, 24, 42, 36]" ;;
        rot90*) want="[12, 12, 24, 36], [30, 12, 42, 24]" ;;
        esac
        [ "$(box a.tar)" = "$want" ]
        # the way back, from a stream
        [[ $t == rot90* ]] && continue
        xr-augment --augment -t "$t" a.tar >b.tar
        [ "$(box b.tar)" = "[12, 12, 36, 24], [24, 30, 36, 42]" ]
    done
    for j in 1 3; do
        xr-augment --size 48 --augment --epochs 4 -j$j l.csv >$j.tar
    done
    cmp 1.tar 3.tar
    [ "$(tar -xOf 1.tar --wildcards '*.boxes.json' | sort -u | wc -l)" = 4 ]
    xr-cat --check 1.tar
}

@test "polygons are drawn as the mask where asked" {
    annotated
    ! xr-augment --size 48 l.csv | tar -tf - | grep mask
    xr-augment --size 48 --polygon-mask l.csv >a.tar
    # the triangle with its rim: rows of 13, 12 ... 1; the rectangle is none
    sum=$(tar -xOf a.tar a.mask.npy | tail -c 2304 | od -An -v -tu1 -w1 | awk '$1 == 255' | wc -l)
    [ "$sum" = 91 ]
    # it moves with the film as any mask
    xr-augment --size 48 --augment -t 'hflip(p=1)' --polygon-mask l.csv >b.tar
    xr-augment --augment -t 'hflip(p=1)' b.tar >c.tar
    cmp <(tar -xOf a.tar a.mask.npy) <(tar -xOf c.tar a.mask.npy)
    ! cmp -s <(tar -xOf a.tar a.mask.npy) <(tar -xOf b.tar a.mask.npy)
    # a mask of the table stays
    printf 'key,path,annotation,mask\na,%s,l.json,%s\n' "$film" "$film" >m.csv
    xr-augment --size 48 m.csv >m.tar
    xr-augment --size 48 --polygon-mask m.csv >n.tar
    cmp <(tar -xOf m.tar a.mask.npy) <(tar -xOf n.tar a.mask.npy)
}

@test "annotations that cannot be read: the line, the file, the reason" {
    annotated
    echo '{"shapes": [{"label": "x", "points": [[1, 2], [3]]}]}' >l.json
    run -1 --separate-stderr xr-augment --size 16 -o out.tar l.csv
    [ "$stderr" = "xr-augment: l.csv:2: cannot read 'l.json': shape 1: a list of points that is none" ]
    [ ! -e out.tar ]
    rm l.json
    run -1 --separate-stderr xr-augment --size 16 l.csv
    [[ $stderr == "xr-augment: l.csv:2: cannot read 'l.json': cannot open: No such file or directory" ]]
    echo '3 0.5 0.5 0.1 0.1' >y.txt
    run -1 --separate-stderr xr-augment --size 16 --box-names a,b y.csv
    [ "$stderr" = "xr-augment: y.csv:2: cannot read 'y.txt': line 1: class 3: 2 names are given" ]
    for bad in '{}' '{"images": [{"id": 1}], "annotations": []}' '[' \
        '{"images": [{"file_name": "a"}, {"file_name": "a"}], "annotations": [], "categories": []}'; do
        echo "$bad" >c.json
        run -1 --separate-stderr xr-augment --size 16 --coco c.json c.csv
        [[ $stderr == "xr-augment: c.json:"* ]]
        [ "${#stderr_lines[@]}" = 1 ]
        [ -z "$output" ]
    done
    echo '{"images": [{"id": 1, "file_name": "'"$film"'"}], "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2]}],
        "categories": [{"id": 1, "name": "x"}]}' >c.json
    run -1 --separate-stderr xr-augment --size 16 --coco c.json c.csv
    [ "$stderr" = "xr-augment: c.csv:2: c.json: image '$film': annotation 0 has neither polygon nor bbox" ]
    printf '' >y.txt
    xr-augment --size 16 y.csv | tar -xOf - a.boxes.json | grep -q '"boxes": \[\]'
    xr-augment --size 16 l.csv --skip-bad 2>/dev/null | xr-cat --check
    xr-augment --size 16 "$film" >s.tar
    wrong_usage xr-augment --coco c.json s.tar
    wrong_usage xr-augment --min-visible 2 c.csv
}

@test "BTXRD's outlines drawn again are its masks" {
    need_shared
    (echo key,path,mask,annotation && cd "$SHARED/data/btxrd256" && for f in annotations/*.json; do
        k=${f##*/}
        k=${k%.json}
        i=images/$k.jpeg
        [ -e "$i" ] || i=images/$k.jpg
        echo "$k,$i,masks/$k.png,$f"
    done) >t.csv
    cut -d, -f1-3 t.csv >m.csv
    cut -d, -f1,2,4 t.csv >a.csv
    xr-augment -j2 --root "$SHARED/data/btxrd256" --size 256 m.csv >m.tar
    xr-augment -j2 --root "$SHARED/data/btxrd256" --size 256 --polygon-mask a.csv >a.tar
    mkdir m a
    tar -C m -xf m.tar --wildcards '*.mask.npy'
    tar -C a -xf a.tar --wildcards '*.mask.npy'
    n=$(ls m | wc -l)
    [ "$n" -gt 1300 ]
    # masks with holes, of which the outlines know nothing, are others
    [ "$(diff -rq m a | wc -l)" -le $((n / 50)) ]
    # one object a lesion, though LabelMe has a rectangle and a polygon of each
    objects=$(tar -xOf a.tar --wildcards '*.boxes.json' | sed 's/, "boxes".*//' | awk -F'", "' '{ n += NF } END { print n }')
    [ "$objects" = "$(($(wc -l <"$SHARED/data/btxrd256/boxes.csv") - 1))" ]
}
