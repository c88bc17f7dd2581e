#!/usr/bin/env bats
# xr-report: one page from what the other tools left; hostile texts; nothing from elsewhere.
load helpers

# experiment: splits.csv log.csv predictions.csv metrics.json model.safetensors cam.tar scores.csv
experiment() {
    (
        echo key,label,class,group,split
        for i in $(seq 0 29); do
            part="train"
            [ "$i" -ge 20 ] && part="val"
            [ "$i" -ge 24 ] && part="test"
            echo "IMG$i,$([ $((i % 2)) = 0 ] && echo normal,0 || echo tumor,1),g$i,$part"
        done
    ) >splits.csv
    (
        echo epoch,split,loss,accuracy,balanced_accuracy,auc,lr,seconds,images_per_second
        for e in 1 2 3; do
            echo "$e,train,0.$((9 - e)),0.5,0.5,0.6,0.001,2,10.5"
            echo "$e,val,0.$((8 - e)),0.6,0.6,0.7$e,0.001,1,20"
        done
    ) >log.csv
    (
        echo key,label,split,p_normal,p_tumor,pred
        for i in $(seq 0 11); do
            p=$(((i * 37 + 11) % 100))
            [ "$p" -lt 10 ] && p=0$p
            echo "IMG$i,$([ $((i % 2)) = 0 ] && echo normal || echo tumor),test,0.$p,$(awk -v p="0.$p" 'BEGIN { print 1 - p }'),x"
        done
    ) >predictions.csv
    xr-metrics -n 200 -o metrics.json predictions.csv
    tiny-stream 12 classes=normal,tumor size=16 split=test | tiny-cam >cam.tar
    (
        echo key,label,target,method,layer,pointing,energy_in_mask,raw_max
        echo IMG1,tumor,tumor,gradcam,layer4,1,0.5,1
        echo IMG3,tumor,tumor,gradcam,layer4,0,0.25,1
        echo IMG0,normal,tumor,gradcam,layer4,,,1
    ) >scores.csv
    local header='{"__metadata__":{"architecture":"resnet18","classes":"[\"normal\", \"tumor\"]","training":"{\"seed\": 7}","history":"[{\"tool\": \"xr-train\", \"version\": \"0.1.0\", \"arguments\": [\"--lr=0.01\"]}]"},"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
    header+=$(printf '%*s' $(((8 - ${#header} % 8) % 8)) '')
    # shellcheck disable=SC2059
    {
        printf "\\x$(printf %02x $((${#header} & 255)))\\x$(printf %02x $((${#header} >> 8)))"
        head -c 6 /dev/zero
        printf %s "$header"
        head -c 24 /dev/zero
    } >model.safetensors
}

all="--split splits.csv --log log.csv --metrics metrics.json --predictions predictions.csv
    --model model.safetensors --cam cam.tar --cam-scores scores.csv"

# well_formed FILE: tags nest, ids are single, nothing is loaded from elsewhere, no script, no handlers
well_formed() {
    awk -v RS='\001' '
        function die(why) {
            print FILENAME ": " why >"/dev/stderr"
            bad = 1
            exit 1
        }
        {
            text = $0
            if (text !~ /^<!DOCTYPE html>\n/) die("no doctype")
            at = index(text, "<style>"); end = index(text, "</style>")
            style = substr(text, at, end - at)
            if (style ~ /url\(|@import/) die("style loads something")
            text = substr(text, 1, at + 6) substr(text, end)
            n = split(text, piece, "<")
            for (i = 2; i <= n; i++) {
                close_at = index(piece[i], ">")
                if (!close_at) die("open tag: " substr(piece[i], 1, 60))
                tag = substr(piece[i], 1, close_at - 1)
                name = tag
                sub(/[ \n\/].*/, "", name)
                if (tag ~ /^!/) continue
                if (name ~ /^(script|link|iframe|object|base|form)$/) die("tag " name)
                if (tag ~ /[ \n]on[a-z]+=/) die("handler in " substr(tag, 1, 60))
                if (match(tag, /(src|href)="[^"]*/)) {
                    value = substr(tag, RSTART, RLENGTH)
                    sub(/^[a-z]+="/, "", value)
                    if (value !~ /^(data:image\/|#)/) die("from elsewhere: " substr(value, 1, 60))
                    if (value ~ /^#/) target[substr(value, 2)] = 1
                }
                if (match(tag, / id="[^"]*/)) {
                    id = substr(tag, RSTART + 5, RLENGTH - 5)
                    if (id in ids) die("id twice: " id)
                    ids[id] = 1
                }
                if (tag ~ /^\//) {
                    name = substr(tag, 2)
                    if (depth < 1 || open[depth] != name) die("closing " name " in " open[depth])
                    depth--
                } else if (name !~ /^(meta|br|img)$/ && tag !~ /\/$/) {
                    open[++depth] = name
                }
            }
            if (depth) die("not closed: " open[depth])
            for (t in target) if (!(t in ids)) die("no target " t)
        }
        END { exit bad }' "$1"
}

@test "help, version and wrong options" {
    help_and_version xr-report
    wrong_usage xr-report
    wrong_usage xr-report --title x
    wrong_usage xr-report splits.csv
    wrong_usage xr-report --split - --log -
    wrong_usage xr-report --model -
    wrong_usage xr-report --max-images x --log log.csv
    wrong_usage xr-report --checklist prisma --log log.csv
    wrong_usage xr-report --card --checklist stard-ai --log log.csv
    wrong_usage xr-report --format markdown --log log.csv
    wrong_usage xr-report --certificate c.json --log log.csv
    wrong_usage xr-report --root . --log log.csv
}

@test "everything on one page" {
    experiment
    # shellcheck disable=SC2086
    run -0 --separate-stderr xr-report --title 'A trial' $all -o r.html
    [ -z "$output$stderr" ]
    well_formed r.html
    for text in '<title>A trial</title>' 'resnet18' 'id="data"' 'id="training"' 'id="results"' 'id="maps"' \
        'id="card"' 'id="lineage"' 'Proved while this was made' '3 epochs; the best validation AUC, 0.730, at epoch 3' \
        'Confusion matrix' 'xr-train --lr=0.01' 'MISSING' '12 of 12 films of the stream, gradcam at layer <code>layer4</code>; 4 were called wrongly' \
        '<td class="n">0.500 (1 of 2)</td>'; do
        grep -qF "$text" r.html || {
            echo "no '$text'" >&2
            return 1
        }
    done
    # both films and overlays of all twelve records
    [ "$(grep -o 'data:image/png' r.html | wc -l)" = 24 ]
    # the figures are those of the metrics, to the last digit
    value=$(sed -n '/"accuracy":/,/}/s/.*"value": \([0-9.]*\).*/\1/p' metrics.json | head -1)
    grep -qF "<data value=\"$value\">" r.html
    # the digests are those of the files
    for f in splits.csv log.csv predictions.csv metrics.json model.safetensors scores.csv; do
        grep -qF "$(sha256sum <$f | cut -d' ' -f1)" r.html
    done
    grep -qF '= the predictions of this report' r.html
}

@test "equal files give equal bytes, on standard output too" {
    experiment
    # shellcheck disable=SC2086
    xr-report $all >a.html
    # shellcheck disable=SC2086
    xr-report $all -o b.html
    cmp a.html b.html
    xr-report --split - <splits.csv >c.html
    xr-report --split splits.csv | sed 's/>splits.csv</>standard input</' | cmp - c.html
    xr-report --card --format markdown --split splits.csv >a.md
    xr-report --card --split splits.csv -o b.md
    cmp a.md b.md
}

@test "what is missing is left out" {
    experiment
    for one in '--split splits.csv' '--log log.csv' '--metrics metrics.json' '--predictions predictions.csv' \
        '--model model.safetensors' '--cam cam.tar' '--cam-scores scores.csv'; do
        # shellcheck disable=SC2086
        xr-report $one -o r.html
        well_formed r.html
        grep -q 'id="card"' r.html
    done
    ! grep -q 'id="results"' r.html || false
}

@test "the grid: at most --max-images, right and wrong, the same each time" {
    experiment
    xr-report --cam cam.tar --max-images 4 -o r.html
    [ "$(grep -c '<figure class="film">' r.html)" = 4 ]
    [ "$(grep -c 'class="wrong"' r.html)" = 2 ]
    [ "$(grep -c 'class="right"' r.html)" = 2 ]
    # of the wrong calls the most confident of each class
    grep -q 'heat map of IMG2"' r.html
    grep -q 'heat map of IMG5"' r.html
    xr-report --cam cam.tar --max-images 0 -o r.html
    [ "$(grep -c '<figure class="film">' r.html)" = 0 ]
    tiny-stream 5 labels=0 size=16 | tiny-cam | xr-report --cam - -o r.html
    [ "$(grep -c '<figure class="film">' r.html)" = 5 ]
}

@test "plots are inlined where they belong; other files are refused" {
    experiment
    printf '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>' >roc.svg
    cp roc.svg extra.svg
    xr-report --predictions predictions.csv --plot roc.svg --plot extra.svg -o r.html
    well_formed r.html
    [ "$(grep -o 'data:image/svg+xml;base64' r.html | wc -l)" = 2 ]
    [ "$(sed -n 's/.*plot roc.svg" src="data:image\/svg+xml;base64,\([^"]*\)".*/\1/p' r.html | base64 -d | cmp - roc.svg && echo same)" = same ]
    ! grep -q 'aria-label="ROC' r.html || false
    grep -q 'aria-label="Precision and recall"' r.html
    grep -q 'id="figures"' r.html
    echo text >x.svg
    run -1 --separate-stderr xr-report --plot x.svg
    [ "$stderr" = "xr-report: x.svg: neither SVG nor PNG" ]
    [ -z "$output" ]
}

@test "hostile texts stay texts" {
    bad='<script>alert(1)</script><img src=x onerror=alert(1)>"'"'"'&amp;'
    csv='"<script>alert(1)</script><img src=x onerror=alert(1)>""'"'"'&amp;"'
    printf 'key,label,split,group\n%s,%s,train,%s\nb,y,test,2\nc,y,val,3\n' "$csv" "$csv" "$csv" | sed 's/^"<script>/"/; s/script>/scr>/' >splits.csv
    printf 'epoch,split,loss\n1,%s,0.5\n2,%s,0.4\n' "$csv" "$csv" >log.csv
    printf 'key,label,"p_%s,p_b\nk,b,0.9,0.1\nl,b,0.2,0.8\n' "${csv#\"}" >predictions.csv
    json=${bad//\"/\\\"}
    cat >metrics.json <<JSON
{"n": 1, "classes": ["$json", "b"], "confusion_matrix": [[1, 0], [0, 1]], "$json": {"value": 0.5},
 "per_class": {"$json": {"support": 1, "$json": {"value": null, "reason": "$json"}}},
 "bootstrap": {"method": "$json", "unit": "$json"},
 "history": [{"tool": "$json", "arguments": ["$json", 3, null], "inputs": {"$json": "$json", "x": 4}}, 5, null]}
JSON
    xr-report --title "$bad" --rule "$bad" --intended-use "$bad" --limits "$bad" --source "$bad" --contact "$bad" \
        --log log.csv --predictions predictions.csv --metrics metrics.json -o r.html
    well_formed r.html
    grep -qF '&lt;script&gt;alert(1)&lt;/script&gt;' r.html
    # JSON of any other shape does no harm
    for json in '{}' '{"n": "x", "classes": 3, "confusion_matrix": [[1]], "per_class": [1], "history": {"a": 1}}' \
        '{"per_class": {"a": 3, "b": {}}, "accuracy": {"value": "x"}}' '{"classes": [1, null], "confusion_matrix": [1, [null, "x"]]}'; do
        printf '%s' "$json" >metrics.json
        xr-report --metrics metrics.json --predictions predictions.csv -o r.html
        well_formed r.html
    done
    printf '[1]' >metrics.json
    run -1 --separate-stderr xr-report --metrics metrics.json
    [[ $stderr == "xr-report: metrics.json: not the JSON of xr-metrics"* ]]
}

@test "a bad split, a cut stream and a missing file leave no page" {
    experiment
    sed -i '3s/g1/g25/' splits.csv
    run -1 --separate-stderr xr-report --split splits.csv -o r.html
    [[ $stderr == "xr-report: splits.csv:27: group 'g25' is in test, and in train in line 3" ]]
    for bytes in 100 3000 12000; do
        head -c $bytes cam.tar >cut.tar
        run -1 --separate-stderr xr-report --cam cut.tar -o r.html
        [[ $stderr == "xr-report: cut.tar: "* ]]
        [ -z "$output" ]
    done
    run -1 --separate-stderr xr-report --log missing.csv -o r.html
    [[ $stderr == "xr-report: missing.csv: cannot open"* ]]
    : >empty
    for option in split log metrics predictions model cam cam-scores plot; do
        run -1 --separate-stderr xr-report "--$option" empty -o r.html
        [[ $stderr == "xr-report: "*empty* ]]
        [ -z "$output" ]
    done
    [ ! -e r.html ]
}

@test "odd logs: one epoch, no numbers, no split column" {
    printf 'epoch,split,loss,auc\n1,train,0.5,\n1,val,,\n' >log.csv
    xr-report --log log.csv -o r.html
    well_formed r.html
    printf 'epoch,loss\n1,inf\n2,nan\n' >log.csv
    xr-report --log log.csv -o r.html
    well_formed r.html
    printf 'a,b\nx,y\n' >log.csv
    xr-report --log log.csv -o r.html
    well_formed r.html
    ! grep -q 'nan\|inf"' r.html || false
}

@test "full disk, early reader, settings file" {
    experiment
    run -1 --separate-stderr bash -c 'xr-report --split splits.csv >/dev/full'
    [[ $stderr == "xr-report: standard output: cannot write: No space left"* ]]
    # shellcheck disable=SC2016
    run -141 --separate-stderr bash -o pipefail -c 'xr-report '"${all//$'\n'/ }"' --plot <(printf "<svg>"; head -c 500000 /dev/zero | tr "\\0" x) | head -c 10 >/dev/null'
    [ -z "$stderr" ]
    printf 'report:\n  title: From YAML\n  split: splits.csv\n' >c.yaml
    xr-report --config c.yaml | grep -qF '<title>From YAML</title>'
}

# with_proofs: what xr-split leaves beside a split, of the experiment's
with_proofs() {
    experiment
    mkdir films
    (
        IFS=, read -r header
        echo "$header,path,sex"
        while IFS=, read -r key rest; do
            echo "film $key" >"films/$key.png"
            echo "$key,$rest,$key.png,$([ $((${#key} % 2)) = 0 ] && echo f || echo m)"
        done
    ) <splits.csv | cut -d, -f1,2,4,6,7 >table.csv
    xr-split -q -g group -s 7 --certificate c.json --flow flow.csv --demographics people.csv -o splits.csv table.csv
    # predictions of the test part, whole
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; print "key,label,split,group,p_normal,p_tumor,pred"; next }
        $at["split"] == "test" { n++; print $at["key"] "," $at["label"] ",test," $at["group"] ",0." n ",0." 10 - n ",x" }' splits.csv >predictions.csv
    xr-metrics -q -n 0 -o metrics.json predictions.csv
}

proofs="$all --certificate c.json --flow flow.csv --demographics people.csv --root films"

@test "the model card, Markdown and HTML: what the files say, MISSING where a person must write" {
    with_proofs
    # shellcheck disable=SC2086
    run -0 --separate-stderr xr-report --card $proofs --title 'A trial' --hardware 'two cores' -o card.md
    [ -z "$output$stderr" ]
    for text in '# A trial: model card' '**resnet18**' 'Certificate c.json (`sha256:'"$(sha256sum <c.json | cut -d' ' -f1)"'`), verified' \
        'the predictions are of whole parts of it; groups were kept whole' '| left out: unlabelled | 0 |' '0.0025 hours (9 s) in all' \
        'Hardware: two cores' '**MISSING**: for whom and for what question' '| seed | `7` |' 'Heat maps by gradcam at layer layer4' \
        '| tumor | 2 | 0.500 (1 of 2) | 0.375 |' '**MISSING**: who answers for this model'; do
        grep -qF "$text" card.md || {
            echo "no '$text'" >&2
            return 1
        }
    done
    # the digest of the films is what coreutils say
    films=$(cd films && find . -name '*.png' -printf '%P\n' | sort | xargs sha256sum | sha256sum | cut -d' ' -f1)
    grep -qF "The 30 image files of the split" card.md
    grep -qF "sha256:$films" card.md
    # tables have as many cells in every row
    awk '/^\|/ { n = gsub(/\|/, "|"); if (in_table && n != cells) { print "row " NR; exit 1 } cells = n; in_table = 1; next } { in_table = 0 }' card.md
    # shellcheck disable=SC2086
    xr-report --card $proofs --contact Us --intended-use 'A *test*' --limits 'none_known' --source '| a | b |' -o card.html
    well_formed card.html
    grep -qF '<h2>Intended use</h2>' card.html
    # shellcheck disable=SC2086
    xr-report --card $proofs --contact Us --intended-use 'A *test*' --limits 'none_known' --source '- <b> | a' -o card.md
    grep -qFx 'A \*test\*' card.md
    grep -qFx 'none\_known' card.md
    grep -qFx '\- &lt;b&gt; \| a' card.md
    ! grep -q 'who answers for this model' card.md || false
    # nothing that a person writes begins a list, code, a quotation or a heading
    while IFS='=' read -r text want; do
        xr-report --card --format markdown --log log.csv --contact "$text" >card.md
        got=$(grep -A2 '^## Contact' card.md | tail -n 1)
        [ "$got" = "$want" ] || {
            echo "'$text' became '$got'" >&2
            return 1
        }
    done <<'T'
  12. a=12\. a
    x=x
> a=&gt; a
# a=\# a
+ a=\+ a
7) a=7\) a
a `b` <i> &amp; "c"=a \`b\` &lt;i&gt; &amp;amp; "c"
T
}

@test "a card of little says what is missing" {
    experiment
    xr-report --card --log log.csv -o card.md
    for text in 'no model was given' 'no split was given' 'no metrics were given' 'no heat maps were given'; do
        grep -qF "$text" card.md
    done
    xr-report --card --model model.safetensors -o card.md
    grep -qF 'no log was given' card.md
}

@test "checklists: every item once, filled in by files, the rest MISSING" {
    with_proofs
    for list in claim2024:44 tripod-ai:52 stard-ai:48; do
        name=${list%:*} n=${list#*:}
        # shellcheck disable=SC2086
        xr-report --checklist "$name" $proofs -o list.md
        # shellcheck disable=SC2086
        xr-report --checklist "$name" $proofs --format html -o list.html
        well_formed list.html
        sed -n 's/^| \([0-9][0-9a-g]*\) |.*/\1/p' list.md >numbers
        [ "$(wc -l <numbers)" = "$n" ]
        sort -V numbers | uniq | cmp - numbers
        # the counts at the top are those of the rows
        missing=$(grep '^| [0-9]' list.md | grep -c '| \*\*MISSING\*\*[^|]*|$')
        whole=$(grep '^| [0-9]' list.md | grep -vc MISSING)
        grep -qF "Of $n items the files of this run answer $whole, and $((n - whole - missing)) in part; to $missing they say nothing" list.md
        # with nothing but a log hardly anything is filled in, and nothing is whole but what needs no more
        xr-report --checklist "$name" --log log.csv -o few.md
        [ "$(grep '^| [0-9]' few.md | grep -c MISSING)" -ge $((n - 2)) ]
        ! grep -q 'Certificate' few.md || false
    done
    # claim 20: the level at which parts are disjoint; without groups it is the image
    # shellcheck disable=SC2086
    xr-report --checklist claim2024 $proofs -o list.md
    grep -qF '| 20 | At which level parts share nothing (patient, study, image) | Group (patient): no group is in two parts; proved from the table' list.md
    cut -d, -f1-2 table.csv | xr-split -q -s 7 -o plain.csv -
    xr-report --checklist claim2024 --split plain.csv -o list.md
    grep -qF '| Image only: the split knows no groups' list.md
}

# numbers FILE...: all numbers of figures in the JSON, bins and thresholds included, sorted
numbers() {
    cat "$@" | grep -oE '(-?[0-9]+\.[0-9]+(e[-+][0-9]+)?)' | sort -u
}

@test "groups, gaps, operating points, calibration, decisions, comparisons: the numbers to the last digit" {
    experiment
    figure() { # VALUE LOW HIGH
        echo "{\"value\": $1, \"low\": $2, \"high\": $3, \"method\": \"bca\"}"
    }
    none='{"value": null, "reason": "no such films"}'
    cat >metrics.json <<JSON
{"n": 12, "classes": ["normal", "tumor"], "roc_auc_ovr_macro": $(figure 0.8123456789012345 0.71234567890123456 0.9000000000000001),
 "ece": $(figure 0.012345678901234567 0.001 1.5e-05),
 "per_class": {"normal": {"support": 6, "recall": $(figure 0.625 0.25 0.875)}, "tumor": {"support": 6, "recall": $none}},
 "operating_points": [{"class": "tumor", "rule": "sens=0.95", "threshold": 0.33333333333333331,
   "fitted_on": {"split": "val", "n": 40}, "measured_on": {"split": "test", "n": 12}, "tp": 5, "fp": 4, "fn": 1, "tn": 2,
   "sensitivity": $(figure 0.8333333333333334 0.43649 0.9699), "specificity": $(figure 0.3333333333333333 0.09677 0.7000001),
   "ppv": $(figure 0.5555555555555556 0.26665 0.8112), "npv": $(figure 0.6666666666666666 0.2076 0.93851),
   "lr_positive": $(figure 1.25 0.61 2.57), "lr_negative": $none}],
 "calibration": {"bins": [{"low": 0.5, "high": 0.75, "n": 7, "confidence": 0.61231231231231229, "accuracy": $(figure 0.5714285714285714 0.25 0.84)},
   {"low": 0.75, "high": 1, "n": 0, "confidence": null, "accuracy": $none}], "brier": {"resolution": $(figure 0.0625001 0.02 0.11)}},
 "subgroups": [{"column": "sex", "value": "f", "n": 7, "figures": {"balanced_accuracy": $(figure 0.7777777777777778 0.5 0.95), "macro_avg.f1": $(figure 0.7012 0.4 0.9)}},
   {"column": "age", "value": "0 to 40", "n": 3, "figures": {"per_class.tumor.recall": $(figure 0.123456789 0.1 0.2)}},
   {"column": "sex", "value": "m", "n": 5, "figures": {"balanced_accuracy": $(figure 0.6111111111111112 0.3 0.8), "macro_avg.f1": $none}}],
 "gaps": [{"column": "sex", "figure": "balanced_accuracy", "largest": $(figure 0.16666666666666663 -0.1 0.4), "between": ["f", "m"]}],
 "decision_curves": [{"class": "tumor", "threshold": [0.01, 0.02], "net_benefit": [$(figure 0.49494949494949497 0.2 0.7), $(figure 0.4897959183673469 0.21 0.69)],
   "treat_all": [0.49494949494949503, 0.48979591836734693]}]}
JSON
    cat >comparison.json <<JSON
{"n": 12, "files": ["a.csv", "b.csv"], "figures": {"accuracy": [$(figure 0.75 0.45 0.91), $(figure 0.583333333333 0.3 0.8)],
  "per_class.tumor.roc_auc": [$(figure 0.87654321 0.6 0.99), $none]},
 "comparisons": [{"a": "a.csv", "b": "b.csv", "figure": "accuracy", "method": "mcnemar_exact", "difference": $(figure 0.166666666667 -0.2 0.5),
  "p": 0.6875000001, "p_holm": 0.98765432}]}
JSON
    xr-report --metrics metrics.json --comparison comparison.json -o r.html
    well_formed r.html
    grep -o '<data value="[^"]*"' r.html | cut -d'"' -f2 | grep '[.]' | sort -u >shown
    # the same doubles, written as xr-metrics writes them
    numbers metrics.json comparison.json >said
    while read -r number; do
        awk -v n="$number" '$1 + 0 == n + 0 { found = 1 } END { exit !found }' shown || {
            echo "not on the page: $number" >&2
            return 1
        }
    done <said
    for text in 'Operating points' 'Calibration' 'aria-label="Reliability"' 'By group of patients' 'Decision curves' 'aria-label="tumor"' \
        'Compared with other predictions' '<td>sens=0.95</td>' '<td>val (40)</td><td>test (12)</td>' '<td>f and m</td>' 'undefined: no such films' \
        'ROC AUC, tumor' '<td>mcnemar_exact</td>' 'All figures of all groups'; do
        grep -qF "$text" r.html || {
            echo "no '$text'" >&2
            return 1
        }
    done
    # plots of these kinds take the place of the page's own
    echo '<svg></svg>' >reliability.svg
    cp reliability.svg decision-tumor.svg
    cp reliability.svg forest.svg
    xr-report --metrics metrics.json --plot reliability.svg --plot decision-tumor.svg --plot forest.svg -o r.html
    well_formed r.html
    ! grep -q 'aria-label="Reliability"\|aria-label="tumor"\|id="figures"' r.html || false
    xr-report --card --metrics metrics.json --comparison comparison.json -o card.md
    for text in '### Operating points' '| tumor | sens=0.95 | 0.333 | val (40) | test (12) | 5 | 4 | 1 | 2 | 0.833 (0.436 to 0.970) |' \
        '| f | 7 | 0.778 (0.500 to 0.950) |' '| sex | Balanced accuracy | 0.167 (-0.100 to 0.400) | f and m |' \
        '| 0.500 | 0.750 | 7 | 0.612 | 0.571 (0.250 to 0.840) |'; do
        grep -qF "$text" card.md || {
            echo "no '$text' in the card" >&2
            return 1
        }
    done
    xr-report --checklist tripod-ai --metrics metrics.json --comparison comparison.json -o list.md
    grep -q '^| 23b |.*Figures with intervals by group: sex, age. Largest gaps: Balanced accuracy by sex 0.167 (-0.100 to 0.400).' list.md
    grep -q '^| 15 |.*tumor by sens=0.95: 0.333, chosen on val.' list.md
}

@test "the lineage is drawn: films, files, runs, and whose predictions they are" {
    with_proofs
    # shellcheck disable=SC2086
    xr-report $proofs -o r.html
    well_formed r.html
    [ "$(grep -c '<g class="node file films">' r.html)" = 1 ]
    for file in splits.csv model.safetensors c.json metrics.json; do
        grep -q "<g class=\"node file mine\">.*>$file</text>.*>sha256 $(sha256sum <$file | cut -c1-12)<" r.html
    done
    [ "$(grep -c '<g class="node step">.*>xr-train</text><text class="l1"[^>]*>lr=0.01</text>' r.html)" = 1 ]
    # films to split, split to certificate (dashed), run to model, predictions to run to metrics, and those of the maps
    [ "$(grep -c '<path class="edge dashed"' r.html)" = 1 ]
    # these heat maps are not of these predictions
    grep -q 'differ by up to .*: they are of another model' r.html
    # predictions of the stream of heat maps itself are the model's
    (
        echo key,label,split,p_normal,p_tumor
        xr-cat --text cam.tar | sed 's/\t.*"p": {"normal": \([^,]*\), "tumor": \([^}]*\)}.*/,\1,\2/' |
            awk -F, '{ print $1 "," (NR % 2 ? "normal" : "tumor") ",test," $2 "," $3 }'
    ) >same.csv
    xr-report --model model.safetensors --predictions same.csv --cam cam.tar -o r.html
    grep -q 'the predictions are what this model says of the 12 films of the heat maps' r.html
    [ "$(grep -c '<path class="edge dashed"' r.html)" = 1 ]
}

@test "a split or predictions that are not the certificate's are refused" {
    with_proofs
    sed '0,/,train/s/,train/,val/' splits.csv >other.csv
    run -1 --separate-stderr xr-report --split other.csv --certificate c.json -o r.html
    [ "$stderr" = "xr-report: other.csv: parts are not those of c.json" ]
    sed '$d' predictions.csv >fewer.csv
    run -1 --separate-stderr xr-report --card --predictions fewer.csv --certificate c.json -o r.html
    [[ $stderr == "xr-report: fewer.csv: part 'test': "*" rows where c.json has "* ]]
    rm films/IMG7.png
    run -1 --separate-stderr xr-report --split splits.csv --root films -o r.html
    [ "$stderr" = "xr-report: films/IMG7.png: cannot open: No such file or directory" ]
    [ ! -e r.html ]
}
