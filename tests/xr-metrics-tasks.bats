load helpers

# Masks as PGM: rows of 0 and 1.
pgm() { # FILE WIDTH HEIGHT DIGITS
    { printf 'P2\n%d %d\n1\n' "$2" "$3"; sed 's/./& /g' <<<"$4"; } >"$1"
}

# Four pairs: half of it found, nothing there, nothing found, equal.
masks() {
    mkdir truth found
    pgm truth/a.pgm 4 2 00110011
    pgm found/a.pgm 4 2 00100010
    pgm truth/b.pgm 4 2 00000000
    pgm found/b.pgm 4 2 00000000
    pgm truth/c.pgm 4 2 11000000
    pgm found/c.pgm 4 2 00000000
    pgm truth/d.pgm 4 2 01000000
    pgm found/d.pgm 4 2 01000000
    printf 'key,patient,split\na,p1,test\nb,p2,test\nc,p1,test\nd,p3,val\n' >cases.csv
}

boxes() {
    printf '%s\n' key,class,x1,y1,x2,y2 a,x,0,0,50,50 b,x,0,0,50,50 b,x,100,0,150,50 c,x,,,, >truth.csv
    printf '%s\n' key,class,x1,y1,x2,y2,score a,x,0,0,50,50,.9 b,x,100,0,150,50,.5 \
        b,x,300,300,350,350,.7 b,x,302,300,352,350,.6 >found.csv
    cat >truth.json <<'JSON'
{"images": [{"id": 7, "file_name": "films/a.png"}, {"id": 9, "file_name": "b.png"}, {"id": 8, "file_name": "c.png"}],
 "categories": [{"id": 3, "name": "x"}],
 "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [0, 0, 50, 50], "area": 2500, "iscrowd": 0},
  {"id": 2, "image_id": 9, "category_id": 3, "bbox": [0, 0, 50, 50]},
  {"id": 3, "image_id": 9, "category_id": 3, "bbox": [100, 0, 50, 50]}]}
JSON
    cat >found.json <<'JSON'
[{"image_id": 7, "category_id": 3, "bbox": [0, 0, 50, 50], "score": 0.9},
 {"image_id": 9, "category_id": 3, "bbox": [100, 0, 50, 50], "score": 0.5},
 {"image_id": 9, "category_id": 3, "bbox": [300, 300, 50, 50], "score": 0.7},
 {"image_id": 9, "category_id": 3, "bbox": [302, 300, 50, 50], "score": 0.6}]
JSON
}

# number CSV NAME: the value in that row of --format csv
number() {
    awk -F, -v name="$2" '$1 == name { print $2; found = 1 } END { exit !found }' "$1"
}

@test "segment: means, medians and sums of masks in folders" {
    masks
    xr-metrics --task segment --format csv --per-record rows.csv truth found >got
    [ "$(number got n)" = 4 ]
    [ "$(number got n_empty_both)" = 1 ]
    [ "$(number got n_empty_prediction)" = 2 ]
    # 2/3, 0 and 1; of all pixels together 2 * 3 / (7 + 3)
    [[ $(number got mean.dice) == 0.55555555555555* ]]
    [[ $(number got median.dice) == 0.66666666666666* ]]
    [ "$(number got pooled.dice)" = 0.6 ]
    # distances 0, 0, 1, 1 from truth, 0, 0 back; the other pair is 0
    [ "$(number got mean.hausdorff)" = 0.5 ]
    [ "$(cut -d, -f1,6-12 rows.csv | sed -n 2p)" = a,4,2,2,1,1,0.66666666666666663,0.5 ]
    [ "$(cut -d, -f1,11,14 rows.csv | sed -n 3p)" = b,, ]
    [ "$(wc -l <rows.csv)" = 5 ]
}

@test "segment: spacing, threshold, single files, the same for any -j" {
    masks
    xr-metrics --task segment --spacing 3,2 --format csv -n 0 truth/a.pgm found/a.pgm >got
    [ "$(number got mean.hausdorff)" = 2 ]
    [ "$(number got mean.hausdorff95_max_of_directed)" = 2 ]
    xr-metrics --task segment truth found >1
    xr-metrics --task segment -j 3 truth found >3
    cmp 1 3
    for spacing in 0,1 1 1,x a,b -1,1; do
        wrong_usage xr-metrics --task segment --spacing "$spacing" truth found
    done
}

@test "segment: groups and splits of a table" {
    masks
    xr-metrics --task segment --table cases.csv --group patient --format csv truth found >got
    [ "$(number got bootstrap.unit)" = group ]
    [ "$(number got bootstrap.units)" = 3 ]
    xr-metrics --task segment --table cases.csv --split test --format csv -n 0 truth found >got
    [ "$(number got n)" = 3 ]
    sed -i /^b/d cases.csv
    run -1 --separate-stderr xr-metrics --task segment --table cases.csv truth found
    [[ $stderr == *"'b' is not in the table cases.csv" ]]
    run -1 --separate-stderr xr-metrics --task segment --group patient truth found
    [[ $stderr == *"neither groups nor spacing"* ]]
}

@test "segment: record streams are joined by key, in any order" {
    tiny-stream 6 size=16 masks=1 groups=2 >a.tar
    xr-cat -k IMG3 -k IMG4 -k IMG5 a.tar >b1.tar
    xr-cat -k IMG0 -k IMG1 -k IMG2 a.tar >b2.tar
    cat b1.tar b2.tar >b.tar
    xr-metrics --task segment --format csv --group group a.tar a.tar >got
    [ "$(number got n)" = 6 ]
    [ "$(number got mean.dice)" = 1 ]
    [ "$(number got bootstrap.units)" = 2 ]
    xr-metrics --task segment --format csv --group group -j 2 a.tar b.tar >other
    diff got other
    run -1 --separate-stderr xr-metrics --task segment a.tar b1.tar
    [[ $stderr == "xr-metrics: a.tar: 'IMG0' has a mask, and none in b1.tar" ]]
    [ -z "$output" ]
    run -1 --separate-stderr xr-metrics --task segment --spacing source a.tar a.tar
    [[ $stderr == *"record 'IMG0': its source tells no spacing"* ]]
    head -c 3000 a.tar >cut.tar
    run -1 --separate-stderr xr-metrics --task segment --per-record rows.csv cut.tar a.tar
    [ -z "$output" ]
    [ ! -e rows.csv ]
}

@test "segment: COCO's polygons and run-length masks against pictures" {
    mkdir found
    pgm found/a.pgm 4 3 000001100110
    pgm found/b.pgm 4 3 000000000000
    pgm found/c.pgm 4 3 000001100111
    cat >truth.json <<'JSON'
{"images": [{"id": 1, "file_name": "x/a.png", "height": 3, "width": 4}, {"id": 2, "file_name": "b.png", "height": 3, "width": 4},
  {"id": 3, "file_name": "c.png", "height": 3, "width": 4}], "categories": [{"id": 1, "name": "t"}],
 "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "segmentation": {"size": [3, 4], "counts": [4, 2, 1, 2, 3]}},
  {"id": 2, "image_id": 3, "category_id": 1, "bbox": [1, 1, 2, 2], "segmentation": [[1, 1, 2, 1, 2, 2, 1, 2]]},
  {"id": 3, "image_id": 3, "category_id": 1, "bbox": [3, 2, 1, 1], "segmentation": {"size": [3, 4], "counts": "61"}}]}
JSON
    sed -i 's/"counts": "61"/"counts": [11, 1]/' truth.json
    xr-metrics --task segment -n 0 --per-record rows.csv --format csv truth.json found >got
    [ "$(number got n)" = 3 ]
    [ "$(number got n_empty_both)" = 1 ]
    [ "$(number got mean.dice)" = 1 ]
    sed -i 's/, 3\]}/, 4]}/' truth.json
    run -1 --separate-stderr xr-metrics --task segment truth.json found
    [[ $stderr == "xr-metrics: truth.json: image 'x/a.png': a run-length mask whose runs"* ]]
}

@test "segment: the spacing of the film, in the record's size" {
    need_shared
    need xr-augment
    xr-augment --version | grep -q "^DICOM: DCMTK" || skip "built without DICOM"
    cp "$SHARED/data/dicom/CT_small.dcm" .
    # 128 x 128 pixels of 0.661468 mm; the mask of one ends 10 of them later
    for last in 89 99; do
        { echo P2 128 128 1; awk -v last=$last 'BEGIN { for (y = 0; y < 128; y++) for (x = 0; x < 128; x++)
            print (y >= 40 && y < 80 && x >= 30 && x <= last) }'; } >$last.pgm
        printf '%s\n' key,path,mask,label,split a,CT_small.dcm,$last.pgm,x,test >$last.csv
        for fit in squash pad; do
            xr-augment -q --size 64 --fit $fit --split test -o $fit$last.tar $last.csv
        done
    done
    for fit in squash pad; do
        xr-metrics --task segment --spacing source -n 0 --format csv ${fit}89.tar ${fit}99.tar >got
        [ "$(printf %.5f "$(number got mean.hausdorff)")" = 6.61468 ]
        [ "$(number got distances_in)" = mm ]
    done
}

@test "segment: records without a mask are an error, or left out and counted" {
    xr-synth -q -n 9 --size 48 --ratio 1:1:1 -s 3 -o .
    xr-split -q -s 7 -o splits.csv dataset.csv
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "mask") m = i } NR == 2 { $m = "" } { $1 = $1; print }' OFS=, \
        splits.csv >without.csv
    xr-augment -q --size 32 --split all -o all.tar splits.csv
    xr-augment -q --size 32 --split all -o some.tar without.csv
    run -1 --separate-stderr xr-metrics --task segment some.tar all.tar
    [[ $stderr == *": it has no mask" ]]
    run -0 --separate-stderr xr-metrics --task segment --skip-unlabelled --format csv -n 0 some.tar all.tar
    [[ $stderr == *"some.tar: "*" records without a mask left out" ]]
    echo "$output" >got
    [ $(($(number got n) + $(number got n_unlabelled))) = 9 ]
    [ "$(number got mean.dice)" = 1 ]
}

@test "segment: sets that differ, sizes that differ, files that are no masks" {
    masks
    rm found/c.pgm
    run -1 --separate-stderr xr-metrics --task segment truth found
    [[ $stderr == "xr-metrics: truth: 'c' has a mask, and none in found" ]]
    pgm found/c.pgm 2 4 00000000
    run -1 --separate-stderr xr-metrics --task segment truth found
    [[ $stderr == "xr-metrics: 'c': a mask of 4x2 in truth, of 2x4 in found" ]]
    echo x >found/c.pgm
    run -1 --separate-stderr xr-metrics --task segment truth found
    [[ $stderr == "xr-metrics: found/c.pgm: "* ]]
    mkdir none
    run -1 --separate-stderr xr-metrics --task segment truth none
    [[ $stderr == "xr-metrics: none: neither .npy files nor pictures in it" ]]
    cp truth/a.pgm truth/a.mask.pgm
    cp truth/a.pgm truth/a.mask.pnm 2>/dev/null
    run -1 xr-metrics --task segment truth found
}

@test "segment: the reference masks as files" {
    need_shared
    mkdir truth found
    for f in "$SHARED"/golden/segment/*.truth.npy; do
        key=$(basename "$f" .truth.npy)
        ln -s "$f" "truth/$key.npy"
        ln -s "${f%.truth.npy}.prediction.npy" "found/$key.npy"
    done
    xr-metrics --task segment --spacing 0.5,0.8 -n 0 --per-record rows.csv truth found >got
    # hausdorff of blob0, then its parts
    [ "$(awk -F, '$1 == "blob0" { printf "%.10g %s %s", $15, $9, $10 }' rows.csv)" = "46.4 2 8" ]
}

@test "detect: tables and COCO's JSON give the same" {
    boxes
    xr-metrics --task detect --format csv truth.csv found.csv >csv 2>warning
    grep -q 'only the 3 images' warning
    xr-metrics --task detect --format csv truth.json found.json >json
    diff <(grep -v '^all_images\|^froc.curve' csv) <(grep -v '^all_images\|^froc.curve' json)
    # 34 recalls at precision 1, 33 at 1/2
    [ "$(printf %.9f "$(number csv coco.AP50)")" = "$(awk 'BEGIN { printf "%.9f", (34 + 33 / 2) / 101 }')" ]
    [[ $(number csv coco.AR_100) == 0.666666666666666* ]]
    # after .9: none wrong; all: 2 wrong in 3 images
    [[ $(number csv froc.sensitivity.0.5) == 0.333333333333333* ]]
    [[ $(number csv froc.sensitivity.1) == 0.666666666666666* ]]
    # nothing is small; not NaN
    grep -q '^coco.AP_small,,,,none,no such object$' csv
    xr-metrics --task detect --nms 0.5 --format csv -n 0 truth.json found.json >nms
    [ "$(number nms n_predictions)" = 3 ]
    [[ $(number nms froc.sensitivity.0.5) == 0.666666666666666* ]]
}

@test "detect: images and groups of a table; classes as one; all overlaps" {
    boxes
    printf '%s\n' path,patient,split films/a.png,p1,test b.png,p1,test c.png,p2,test d.png,p3,test e.png,p3,val >t.csv
    xr-metrics --task detect --table t.csv --group patient --format csv truth.csv found.csv >got
    [ "$(number got n)" = 5 ]
    [ "$(number got bootstrap.units)" = 3 ]
    xr-metrics --task detect --table t.csv --split test --format csv -n 0 truth.csv found.csv >got
    [ "$(number got n)" = 4 ]
    sed -i 's/^b,x,100/b,y,100/' truth.csv
    xr-metrics -q --task detect --format csv -n 0 truth.csv found.csv >got
    grep -q '^coco.AP,' got
    [ "$(number got per_class.y.n_predictions)" = 0 ]
    [ "$(number got per_class.y.AP)" = 0 ]
    xr-metrics -q --task detect --one-class --overlaps o.csv --format csv -n 0 truth.csv found.csv >got
    [ "$(number got per_class.object.n_truth)" = 3 ]
    [ "$(wc -l <o.csv)" = 8 ]
    [ "$(head -2 o.csv | tail -1)" = "a,1,1,object,object,0.90000000000000002,1,1,1,1" ]
}

@test "detect: what is wrong in a file is said with its line" {
    boxes
    cp found.csv good.csv
    sed -i '3s/100/200/' found.csv
    run -1 --separate-stderr xr-metrics -q --task detect truth.csv found.csv
    [[ $stderr == "xr-metrics: found.csv:3: a box whose second corner is before its first" ]]
    sed '3s/\.5$/high/' good.csv >found.csv
    run -1 --separate-stderr xr-metrics -q --task detect truth.csv found.csv
    [[ $stderr == "xr-metrics: found.csv:3: score: 'high'"* ]]
    sed 's/,score//; s/,\.[0-9]*$//' good.csv >found.csv
    run -1 --separate-stderr xr-metrics -q --task detect truth.csv found.csv
    [[ $stderr == *"score"* ]]
    run -1 --separate-stderr xr-metrics -q --task detect truth.csv found.json
    [[ $stderr == *"a list of results, whose ids mean nothing"* ]]
    sed -i 's/"image_id": 9/"image_id": 4/' found.json
    run -1 --separate-stderr xr-metrics -q --task detect truth.json found.json
    [[ $stderr == "xr-metrics: found.json: annotation 2: image_id 4 is not among those of the truth" ]]
    [ -z "$output" ]
}

@test "detect: the reference figures, from files" {
    need_shared
    xr-metrics --task detect -n 0 --format csv "$SHARED"/golden/detect/coco_{gt,dt}.json >got
    want=$(grep -m1 '"AP":' "$SHARED/golden/detect/expected.json" | tr -dc 0-9.)
    [ "$(printf %.6f "$(number got coco.AP)")" = "$(printf %.6f "$want")" ]
    [[ $(number got froc.sensitivity.0.125) == 0.614035087719298* ]]
}

@test "power: numbers of cases from what is expected and from a table" {
    xr-metrics --power sensitivity=0.05 --expect sensitivity=0.9 --expect prevalence=0.3 \
        --power auc=.05 --expect auc=0.85 --format csv >got
    [ "$(number got power.1.n_measured)" = 141 ]
    [ "$(number got power.1.n)" = 470 ]
    [ "$(number got power.2.method)" = normal ]
    [ "$(number got power.2.n_measured)" = 139 ]
    [ "$(number got power.3.method)" = hanley_mcneil ]
    printf 'key,label,p_a,p_b\n' >p.csv
    awk 'BEGIN { for (i = 0; i < 40; i++) printf "%d,%s,%g,%g\n", i, i % 4 ? "a" : "b", (i * 7 % 40) / 40, 1 - (i * 7 % 40) / 40 }' >>p.csv
    xr-metrics --power auc:b=0.1 --power accuracy=0.1 --format csv p.csv >got
    [ "$(number got power.2.method)" = delong ]
    [ "$(number got power.1.class)" = b ]
    [ "$(number got power.3.figure)" = accuracy ]
    [[ $(xr-metrics --power auc=0.1 --expect auc=1 --expect prevalence=.5) == *'"n": null'*'"reason": "the formula is for areas between'* ]]
    wrong_usage xr-metrics --power auc=0.1
    wrong_usage xr-metrics --power nonsense=0.1 --expect auc=.9
    wrong_usage xr-metrics --power auc=0.9 --expect auc=.9
    wrong_usage xr-metrics --power auc --expect auc=.9
    wrong_usage xr-metrics --power auc:c=0.1 p.csv
    wrong_usage xr-metrics --power sensitivity=.1 p.csv p.csv
    wrong_usage xr-metrics --expect auc=.9 p.csv
}

@test "options of one mode are wrong usage in another" {
    masks
    boxes
    wrong_usage xr-metrics --task segment truth
    wrong_usage xr-metrics --task segment --nms 0.5 truth found
    wrong_usage xr-metrics --task segment --certificate x truth found
    wrong_usage xr-metrics --task segment --split test truth found
    wrong_usage xr-metrics --task detect --spacing 1,1 truth.csv found.csv
    wrong_usage xr-metrics --task detect --froc-rates 1,x truth.csv found.csv
    wrong_usage xr-metrics --task detect --group patient truth.csv found.csv
    wrong_usage xr-metrics --task nothing truth.csv found.csv
    wrong_usage xr-metrics --spacing 1,1 truth.csv
    wrong_usage xr-metrics --format xml truth.csv
    wrong_usage xr-metrics --text --format csv truth.csv
    run -1 --separate-stderr xr-metrics --task detect -q truth.csv found.csv -o /dev/full
    [[ $stderr == *"No space left"* ]]
}

@test "ledger: every look is counted, by the rows and not by their order" {
    printf '%s\n' key,label,split,p_a,p_b 1,a,test,.6,.4 2,b,test,.3,.7 3,a,test,.2,.8 4,a,val,.2,.8 >p.csv
    { head -1 p.csv; tail -n +2 p.csv | tac | sed 's/,\.2,\.8/,.9,.1/'; } >other.csv
    run -0 --separate-stderr xr-metrics --split test -n 0 --ledger looks.jsonl p.csv
    [[ $stderr == "xr-metrics: warning: looks.jsonl: look 1 at this test set" ]]
    [[ $output == *'"look": 1'* ]]
    run -0 --separate-stderr xr-metrics --split test -n 0 --ledger looks.jsonl other.csv
    [[ $stderr == *"look 2 at this test set" ]]
    run -0 --separate-stderr xr-metrics -q --split val -n 0 --ledger looks.jsonl p.csv
    [[ $output == *'"look": 1'* ]]
    run -0 --separate-stderr xr-metrics --split test -n 0 --ledger looks.jsonl p.csv other.csv
    [[ $stderr == *"look 3 at this test set" ]]
    [ "$(wc -l <looks.jsonl)" = 4 ]
    [ "$(tail -1 looks.jsonl | grep -o '"[a-z]*.csv": "sha256:' | wc -l)" = 2 ]
    sed 's/^\([0-9]\)/x\1/' other.csv >fold2.csv
    for rule in "--folds pooled" "--folds averaged" "--ensemble mean"; do
        run -0 --separate-stderr xr-metrics -q $rule --split test -n 0 --ledger folds.jsonl p.csv \
            "$([[ $rule == *folds* ]] && echo fold2.csv || echo other.csv)"
        [ "$(tail -1 folds.jsonl | grep -o '"[a-z0-9]*.csv": "sha256:' | wc -l)" = 2 ]
    done
    grep -q '"arguments": .*--split=test.*"date": "20' looks.jsonl
    # a run that fails is no look; a ledger that is broken gives no result
    run -1 xr-metrics --split none -n 0 --ledger looks.jsonl p.csv
    [ "$(wc -l <looks.jsonl)" = 4 ]
    printf '{"test_set": "x' >>looks.jsonl
    run -1 --separate-stderr xr-metrics --split test -n 0 --ledger looks.jsonl p.csv
    [[ $stderr == "xr-metrics: looks.jsonl:5: the last line is cut"* ]]
    [ -z "$output" ]
    masks
    boxes
    run -0 --separate-stderr xr-metrics --task segment -n 0 --ledger l truth found
    run -0 --separate-stderr xr-metrics --task segment -n 0 --ledger l found found
    [[ $stderr == *"look 1 at"* ]]
    run -0 --separate-stderr xr-metrics -q --task detect -n 0 --ledger l truth.csv found.csv
    run -0 --separate-stderr xr-metrics --task detect -n 0 --ledger l truth.json found.json
    [[ $stderr == *"look 2 at"* ]]
}

@test "formats: every mode as CSV, text, Markdown and LaTeX" {
    masks
    boxes
    printf '%s\n' key,label,p_a_1,'p_b|' 1,a_1,.6,.4 '2,b|,.3,.7' 3,a_1,.2,.8 4,a_1,.7,.3 >p.csv
    awk 'NR == 1 { print $0 ",split,sex" } NR > 1 { for (i = 0; i < 20; i++) print i $0 "," (i % 2 ? "test," : "val,") (i % 3 ? "f" : "m") }' \
        p.csv >many.csv
    for mode in "--task segment truth found" "--task detect truth.json found.json" "p.csv" "p.csv p.csv" \
        "--split test --by sex --at sens=.9 --decision a_1 -n 50 many.csv" \
        "--power auc=.1 --expect auc=.8 --expect prevalence=.5"; do
        # shellcheck disable=SC2086
        for format in csv text markdown latex; do
            xr-metrics -q $mode --format $format >"got.$format"
            [ -s "got.$format" ]
        done
        # five commas a line: no cell here has one
        [ "$(head -1 got.csv)" = figure,value,low,high,method,note ]
        [ -z "$(sed 's/"[^"]*"//g' got.csv | grep -v '^[^,]*,[^,]*,[^,]*,[^,]*,[^,]*,[^,]*$')" ]
        # a table has the same number of bars in every line
        awk '/^\|/ { gsub(/\\\|/, ""); n = gsub(/\|/, ""); if (last && n != last) exit 1; last = n; next } { last = 0 }' got.markdown
        [ "$(grep -c '^.begin{\(tabular\|longtable\)}' got.latex)" = "$(grep -c '^.bottomrule' got.latex)" ]
        run ! grep -q '[^\\]_' <(sed 's/^%.*//' got.latex)
        run ! grep -qi 'nan\b' got.csv got.markdown got.latex
        cat got.latex >>all.latex
    done
    cmp <(xr-metrics -q --text p.csv) <(xr-metrics -q --format text p.csv)
    cat >want <<'END'
power
  figure  method         expected  half_width  n_measured  measured   n  n_of_class  n_of_others
  auc     hanley_mcneil     0.800       0.100          78  rows      78          39           39
END
    xr-metrics -q --power auc=.1 --expect auc=.8 --expect prevalence=.5 --format text >got
    diff want <(sed -n '/^power/,/^$/{/./p}' got)
    command -v pdflatex >/dev/null || skip "pdflatex not found: LaTeX was not compiled"
    { echo '\documentclass{article}\usepackage{booktabs,longtable}\begin{document}'
      cat all.latex
      echo '\end{document}'; } >all.tex
    pdflatex -interaction=nonstopmode -halt-on-error all.tex >log
    run ! grep -q Overfull log
}
