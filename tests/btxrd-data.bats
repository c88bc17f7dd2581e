# pipelines/btxrd-data: the table of a folder of BTXRD, on folders made on the spot and on real films.
load helpers

data="$BATS_TEST_DIRNAME/../pipelines/btxrd-data"
header='image_id,center,age,gender,hand,ulna,radius,humerus,foot,tibia,fibula,femur,hip bone,ankle-joint'
header+=',knee-joint,hip-joint,wrist-joint,elbow-joint,shoulder-joint,tumor,benign,malignant'
header+=',osteochondroma,multiple osteochondromas,simple bone cyst,giant cell tumor,osteofibroma'
header+=',synovial osteochondroma,other bt,osteosarcoma,other mt,upper limb,lower limb,pelvis,frontal,lateral,oblique'

# row NAME AGE BONE BENIGN MALIGNANT VIEW: a row of dataset.csv; BONE counts from hand (1)
row() {
    local i line="$1,1,$2,F"
    for ((i = 1; i <= 15; i++)); do
        line+=,$((i == $3))
    done
    line+=,$(($4 | $5)),$4,$5,0,0,0,0,0,0,0,0,0,0,1,0
    for i in frontal lateral oblique; do
        if [ "$i" = "$6" ]; then line+=,1; else line+=,0; fi
    done
    echo "$line"
}

# d/: six films, dataset.csv; rows 2 and 3 are of one person
folder() {
    local i mask
    xr-synth -q -n 6 --size 64 --per-patient 1:1 -s 4 -o phantoms
    mkdir -p d/images d/masks
    mask=$(ls phantoms/masks | head -n 1)
    cp "phantoms/masks/$mask" d/masks/IMG000001.png
    mv "phantoms/images/${mask%.png}.jpg" d/images/IMG000001.jpeg
    set -- d/images/* phantoms/images/*
    for i in 2 3 4 5; do
        cp "${!i}" "d/images/IMG00000$i.jpeg"
    done
    cp "$6" d/images/IMG000006.JPG
    {
        echo "$header"
        row IMG000001.jpeg 48 9 0 1 frontal
        row IMG000002.jpeg 12 6 1 0 frontal
        row IMG000003.jpg 12 6 1 0 lateral
        row IMG000004.jpeg 12 7 1 0 frontal
        row IMG000005.jpeg 12 6 0 0 frontal
        row IMG000006.jpg 12 6 0 0 oblique
    } >d/dataset.csv
}

# fails MESSAGE: it exits 1 with that message, and neither output nor temporary files stay
fails() {
    mkdir -p t
    TMPDIR=$PWD/t run -1 --separate-stderr "$data" d out.csv
    [ -z "$output" ]
    echo "$stderr"
    [[ $stderr == *"$1"* ]]
    [ ! -e out.csv ]
    [ -z "$(ls t)" ]
    [ -z "$(find . -maxdepth 1 -name '*.part')" ]
}

@test "wrong usage: exit 2, nothing on standard output" {
    for arguments in '' 'd' 'd o.csv more'; do
        # shellcheck disable=SC2086
        run -2 --separate-stderr "$data" $arguments
        [ -z "$output" ]
        [[ $stderr == "usage: "* ]]
    done
}

@test "no folder, no table, no films: one line that says so" {
    fails "'d' is no folder"
    mkdir d
    fails "neither labels.csv nor dataset.csv in 'd'"
    echo image_id,label,group >d/labels.csv
    fails "no folder images in 'd'"
    mkdir d/images
    fails "no films"
}

@test "only dataset.xlsx: one line says how to convert it" {
    mkdir -p d/BTXRD/images
    : >d/BTXRD/dataset.xlsx
    fails "libreoffice --headless --convert-to csv --outdir 'd/BTXRD' 'd/BTXRD/dataset.xlsx'"
    [ "${#stderr_lines[@]}" = 1 ]
}

@test "dataset.csv: classes, paths, masks, groups; columns and rows in order" {
    folder
    run -0 --separate-stderr "$data" d out.csv
    [ -z "$output" ]
    [ "${stderr_lines[0]}" = "btxrd-data: d/dataset.csv: 6 films: 1 malignant, 3 benign, 2 normal" ]
    [ "$(head -n 1 out.csv)" = "key,path,mask,label,$header" ]
    cut -d, -f1-5 out.csv | tail -n 6 >got
    diff got - <<'END'
IMG000001,images/IMG000001.jpeg,masks/IMG000001.png,malignant,IMG000001.jpeg
IMG000002,images/IMG000002.jpeg,,benign,IMG000002.jpeg
IMG000003,images/IMG000003.jpeg,,benign,IMG000003.jpg
IMG000004,images/IMG000004.jpeg,,benign,IMG000004.jpeg
IMG000005,images/IMG000005.jpeg,,normal,IMG000005.jpeg
IMG000006,images/IMG000006.JPG,,normal,IMG000006.jpg
END
    cut -d, -f5- out.csv | cmp - d/dataset.csv
    "$data" d/ "$PWD/again.csv" 2>/dev/null
    cmp out.csv again.csv
    [ "$(stat -c %a out.csv)" = "$(printf %o $((0666 & ~$(umask))))" ]
    # neighbours that agree are one patient
    patient=$(sed -n 's/^PATIENT := //p' "$BATS_TEST_DIRNAME/../pipelines/btxrd.mk")
    xr-split -q --group-runs "$patient" out.csv >splits.csv
    xr-split --check splits.csv
    [ "$(cut -d, -f6 splits.csv | tail -n 6 | tr '\n' ' ')" = "IMG000001 IMG000002 IMG000002 IMG000004 IMG000005 IMG000005 " ]
}

@test "annotations: a column where the folder is there, masks drawn from their polygons" {
    folder
    mkdir d/Annotations
    echo '{"shapes":[{"label":"x","shape_type":"polygon","points":[[10,10],[40,10],[40,40]]}],"imageWidth":64,"imageHeight":64}' \
        >d/Annotations/IMG000002.json
    "$data" d out.csv 2>/dev/null
    [ "$(head -n 1 out.csv)" = "key,path,mask,label,annotation,$header" ]
    [ "$(cut -d, -f2,3,5 out.csv | sed -n 2,3p | tr '\n' ' ')" = \
        "images/IMG000001.jpeg,masks/IMG000001.png, images/IMG000002.jpeg,,Annotations/IMG000002.json " ]
    xr-split -q --no-group out.csv >splits.csv
    xr-augment -q --root d --split all --size 64 --polygon-mask splits.csv | tar -tf - | grep -F mask.npy >masks
    [ "$(tr '\n' ' ' <masks)" = "IMG000001.mask.npy IMG000002.mask.npy " ]
}

@test "one level down, and a table beside the folder" {
    folder
    "$data" d one.csv 2>/dev/null
    mkdir e
    mv d e/BTXRD
    "$data" e two.csv 2>/dev/null
    sed -e 's|,images/|,BTXRD/images/|' -e 's|,masks/|,BTXRD/masks/|' one.csv | cmp - two.csv
    mv e/BTXRD/dataset.csv e/
    "$data" e three.csv 2>/dev/null
    cmp two.csv three.csv
    xr-augment -q --size 8 --root e two.csv | xr-cat --check
}

@test "labels.csv goes first; its labels and groups are taken as they are" {
    folder
    printf '\357\273\277group,image_id,note,label,path\r\np 1,IMG000001.jpeg,"a, ""b""\r\nc",x,old\r\n' >d/labels.csv
    printf '"p,2",IMG000002,,y,old\r\n' >>d/labels.csv
    run -0 --separate-stderr "$data" d out.csv
    [[ $stderr == *"warning: 4 films in 'd/images' are not in the table"* ]]
    printf 'key,path,mask,label,group,image_id,note\nIMG000001,images/IMG000001.jpeg,masks/IMG000001.png,x,p 1,IMG000001.jpeg,"a, ""b""\r\nc"\nIMG000002,images/IMG000002.jpeg,,y,"p,2",IMG000002,\n' |
        diff - out.csv
    xr-split -q --ratio 50/0/50 out.csv >splits.csv
    xr-split --check splits.csv
}

@test "what is wrong with a table is named by file and line" {
    folder
    cp d/dataset.csv good
    wrong() { # EXPRESSION MESSAGE
        sed -e "$1" good >d/dataset.csv
        fails "btxrd-data: d/dataset.csv:$2"
    }
    wrong '4s/,1,1,0,/,1,1,1,/' "4: film 'IMG000003' is both benign and malignant"
    wrong '4s/,1,1,0,/,1,2,0,/' "4: '2' in column 'benign' is neither 0 nor 1"
    wrong '1s/,hip bone,/,,/' "1: column 13 has no name"
    wrong '1s/,ulna,/,hand,/' "1: two columns 'hand'"
    wrong '3s/IMG000002.jpeg/IMG000001.jpg/' "3: film 'IMG000001' is in line 2 already"
    wrong '3s/IMG000002.jpeg//' "3: empty image_id"
    wrong '3s/IMG000002.jpeg/..\/images\/IMG000002.jpeg/' "3: '../images/IMG000002.jpeg' cannot be the name"
    wrong '3s/IMG000002.jpeg/IMG.2.jpeg/' "3: 'IMG.2.jpeg' cannot be the name"
    wrong '5s/$/,1/' "5: 38 fields, but the header has 37"
    wrong '5s/$/\n/' "6: 1 fields, but the header has 37"
    wrong '5s/^/"/' "5: a quote is still open"
    wrong '5s/IMG000004.jpeg/"IMG000004"x/' "5: text behind a closing quote"
    wrong '5s/IMG000004.jpeg/"IMG000004"/;6s/F/F"",""/' "6: a quote inside a field"
    : >d/dataset.csv
    fails "d/dataset.csv:1: empty table"
    echo image_id,label >d/labels.csv
    fails "d/labels.csv:1: no column 'group'"
    printf 'image_id,label,group\nIMG000001,,g\n' >d/labels.csv
    fails "d/labels.csv:2: film 'IMG000001' has no label"
    printf 'image_id,label,group\nIMG000001,a,\n' >d/labels.csv
    fails "d/labels.csv:2: film 'IMG000001' has no group"
}

@test "films that are missing, and films that nobody asked for" {
    folder
    rm d/images/IMG000002.jpeg d/images/IMG000005.jpeg
    : >d/images/Thumbs.db
    fails "d/dataset.csv:3: no film 'IMG000002.jpeg' in 'd/images' (2 of 6 rows have none; ALLOW_MISSING=1"
    ALLOW_MISSING=1 run -0 --separate-stderr "$data" d out.csv
    [[ $stderr == *"warning: 2 rows without a film were left out"* ]]
    [[ $stderr != *"not in the table"* ]]
    [ "$(cut -d, -f1 out.csv | tail -n +2 | tr '\n' ' ')" = "IMG000001 IMG000003 IMG000004 IMG000006 " ]
    # two files that differ in the suffix: the one that the row names, else nobody can say
    rm out.csv
    cp d/images/IMG000001.jpeg d/images/IMG000001.jpg
    ALLOW_MISSING=1 run -0 --separate-stderr "$data" d out.csv
    grep -q '^IMG000001,images/IMG000001.jpeg,' out.csv
    [[ $stderr == *"warning: 1 films in 'd/images' are not in the table"* ]]
    rm out.csv
    sed -i 's/IMG000001.jpeg/IMG000001.JPEG/' d/dataset.csv
    fails "d/dataset.csv:2: several files could be 'IMG000001.JPEG': IMG000001.jpeg, IMG000001.jpg"
}

@test "an old output stays as it was where the table is wrong" {
    folder
    echo old >out.csv
    rm d/images/IMG000004.jpeg
    run -1 "$data" d out.csv
    [ "$(cat out.csv)" = old ]
    ALLOW_MISSING=1 "$data" d out.csv
    [ "$(wc -l <out.csv)" = 6 ]
}

@test "where it cannot write it fails" {
    folder
    run -1 --separate-stderr "$data" d /dev/full
    [[ $stderr == *"cannot write '/dev/full'"* ]]
    [ -c /dev/full ]
    run -1 --separate-stderr "$data" d nowhere/out.csv
    [[ $stderr == *"cannot write 'nowhere/out.csv'"* ]]
    "$data" d /dev/stdout 2>/dev/null | head -n 1 | grep -q ^key,path,mask,label,image_id
}

@test "names with blanks, quotes and commas" {
    folder
    mv d "d 'x, y"
    mv "d 'x, y/images/IMG000001.jpeg" "d 'x, y/images/a \"1\", b.jpeg"
    printf 'image_id,label,group\n"a ""1"", b.jpeg",x,1\nIMG000002,y,2\n' >"d 'x, y/labels.csv"
    cp "d 'x, y/images/IMG000002.jpeg" "d 'x, y/images/a '2'.jpeg"
    echo "a '2'.jpeg,y,3" >>"d 'x, y/labels.csv"
    "$data" "d 'x, y" "o p.csv"
    diff - "o p.csv" <<'END'
key,path,mask,label,group,image_id
"a ""1"", b","images/a ""1"", b.jpeg",,x,1,"a ""1"", b.jpeg"
IMG000002,images/IMG000002.jpeg,,y,2,IMG000002
a '2',images/a '2'.jpeg,,y,3,a '2'.jpeg
END
}

@test "btxrd256: five pairs are found, the one with two labels is dropped, no group is divided" {
    need_shared
    set="$SHARED/data/btxrd256"
    run -0 --separate-stderr "$data" "$set" films.csv
    [[ $stderr == *": 2606 films: 239 malignant, 1068 benign, 1299 normal"* ]]
    xr-split -q --root "$set" -j 2 --near-duplicates --drop-conflicting --pairs pairs.csv -o splits.csv films.csv
    [ "$(grep -c ,exact, pairs.csv)" = 5 ]
    [ "$(wc -l <splits.csv)" = 2605 ]
    [ "$(awk -F, 'NR > 1 && $3 != ""' splits.csv | wc -l)" = 1306 ]
    xr-split --check splits.csv
    xr-split --check --near-duplicates -j 2 --root "$set" splits.csv >/dev/null
    # of key,path,mask,label,class,group,split,annotation,image_id
    cut -d, -f1-4,6,9- splits.csv >out.csv
    # the pairs that duplicates.csv lists, and no other change of groups
    awk -F, '
        FILENAME == "out.csv" { if (FNR > 1) { group[$6] = $5 }; next }
        FILENAME ~ /duplicates/ {
            if (FNR == 1) { next }
            pairs++
            if ($3 != $4) { bad += $1 in group || $2 in group; next }
            bad += !($1 in group) || group[$1] != group[$2]
            joined[$5] = joined[$6] = 1
            next
        }
        FNR > 1 && ($1 in group) && !($6 in joined) { bad += group[$1] != $6 }
        END { print pairs, bad + 0 }' out.csv "$set/duplicates.csv" "$set/labels.csv" >verdict
    [ "$(cat verdict)" = "5 0" ]
    # said once more without xr-split's own word
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }
        { g = $c["group"]; s = $c["split"]; if (g in part && part[g] != s) exit 1; part[g] = s }' splits.csv
    xr-split -q -k 5 out.csv | xr-split --check
}

@test "btxrd256: groups made of dataset.csv are those of labels.csv" {
    need_shared
    set="$SHARED/data/btxrd256"
    mkdir d
    ln -s "$set/images" "$set/masks" d/
    ln -s "$set/dataset_excerpt.csv" d/dataset.csv
    run -0 --separate-stderr "$data" d films.csv
    [[ $stderr == *": 213 films: 60 malignant, 92 benign, 61 normal"* ]]
    [[ $stderr == *"warning: 2393 films in 'd/images' are not in the table"* ]]
    cut -d, -f5- films.csv | cmp - "$set/dataset_excerpt.csv"
    patient=$(sed -n 's/^PATIENT := //p' "$BATS_TEST_DIRNAME/../pipelines/btxrd.mk")
    xr-split -q --group-runs "$patient" films.csv | cut -d, -f1-4,6,8- >out.csv
    [ "$(cut -d, -f5 out.csv | tail -n +2 | sort -u | wc -l)" = 111 ]
    # the same label; and one group here is one group there
    awk -F, '
        FNR == 1 { next }
        FILENAME != "out.csv" { label[$1] = $2; group[$1] = $6; next }
        {
            n++
            bad += label[$6] != $4
            if (!($5 in there)) { there[$5] = group[$6] }
            if (!(group[$6] in here)) { here[group[$6]] = $5 }
            bad += there[$5] != group[$6] || here[group[$6]] != $5
        }
        END { print n, bad + 0 }' "$set/labels.csv" out.csv >verdict
    [ "$(cat verdict)" = "213 0" ]
    xr-split -q out.csv | xr-split --check
    # names as in the original on a disk where all end in .jpg
    mkdir -p e/images
    for film in $(cut -d, -f1 d/dataset.csv | tail -n +2); do
        ln -s "$set/images/$film" "e/images/${film%.*}.jpg"
    done
    cp d/dataset.csv e/
    "$data" e other.csv 2>/dev/null
    [ "$(cut -d, -f1,4,5 other.csv)" = "$(cut -d, -f1,4,5 films.csv)" ]
    [ "$(cut -d, -f2 other.csv | tail -n +2 | grep -vc '\.jpg$')" = 0 ]
}
