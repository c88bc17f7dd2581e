load helpers

# A whole experiment on 40 small phantoms.
tiny() {
    cat >tiny.yaml <<'Y'
# a comment
synth:
  images: 40
  size: 64
split:
  key: image_id
  group: patient_id
  classes: normal,benign,malignant
augment:
  size: 32
  epochs: 3
train:
  batch: 8
  jobs: 1
metrics:
  resamples: 50
cam:
plot:
report:
  title: A test
Y
}

# experiment [TARGET...]: make it in out/, print what was made
experiment() {
    make -s -f "$XR_TOP/pipelines/demo.mk" XR_BIN="$XR_BUILD/bin" OUT=out YAML=tiny.yaml \
        MODELS=tf_efficientnet_lite0:. "$@"
}

@test "pipelines/run takes the consumer's word, and a producer's that failed" {
    run -0 "$XR_TOP/pipelines/run" 'echo a' cat
    [ "$output" = a ]
    run -0 "$XR_TOP/pipelines/run" 'yes' 'head -n 1'
    run -3 "$XR_TOP/pipelines/run" 'echo a' 'exit 3'
    run -4 "$XR_TOP/pipelines/run" '(exit 4)' 'cat'
    run -75 "$XR_TOP/pipelines/run" 'yes' '(exit 75)'
    run -2 "$XR_TOP/pipelines/run"
}

@test "pipelines/section prints a section without comments, with overrides" {
    cat >a.yaml <<'Y'
train:   # all
  lr: 1 # as it is
  # nothing
  transform:
    - a
    - b: {p: 1}

  batch: 2
train-x:
  lr: 3
  transform:
    - c
Y
    run -0 "$XR_TOP/pipelines/section" a.yaml train train-x
    [ "$output" = $'train:\n  batch: 2\n  lr: 3\n  transform:\n    - c' ]
    run -0 "$XR_TOP/pipelines/section" a.yaml train train-y
    [ "$output" = $'train:\n  lr: 1\n  transform:\n    - a\n    - b: {p: 1}\n  batch: 2' ]
    run -1 "$XR_TOP/pipelines/section" none.yaml train
}

@test "an experiment is made whole, once, and again only as far as a key reaches" {
    need gnuplot
    tiny
    run -0 experiment
    [[ $output == *"Report: "*"/out/report.html" ]]
    for f in splits.csv model.safetensors log.csv predictions.csv metrics.json cam.tar cam-scores.csv \
        roc.svg pr.svg confusion.svg curves.svg classes.svg report.html card.md card.html \
        checklist-claim2024.md checklist-tripod-ai.md checklist-stard-ai.md; do
        [ -s "out/$f" ]
    done
    # the certificate was verified all the way, and the films' digest is in the lineage
    [ "$(grep -o "$(sha256sum <out/split-certificate.json | cut -c1-12)" out/report.html | wc -l)" -ge 3 ]
    grep -q 'node file films' out/report.html
    grep -q 'the predictions are what this model says' out/report.html
    ! grep -q 'no .* was given\|no .* were given' out/card.md || false
    [ "$(find out -name 'checkpoint-*' | wc -l)" -eq 0 ]
    run -0 experiment
    [[ $output != *TRAIN* && $output != *SYNTH* && $output != *REPORT* && $output != *PLOT* ]]
    sed -i 's/# a comment/# another/' tiny.yaml
    run -0 experiment
    [[ $output != *TRAIN* && $output != *REPORT* ]]
    sed -i 's/resamples: 50/resamples: 60/' tiny.yaml
    run -0 experiment
    [[ $output == *METRICS*REPORT* ]]
    [[ $output != *TRAIN* && $output != *PREDICT* && $output != *PLOT* && $output != *CAM* ]]
    # films of val and test do not depend on epochs
    sed -i 's/epochs: 3/epochs: 2/' tiny.yaml
    run -0 experiment
    [[ $output == *TRAIN*PREDICT*REPORT* ]]
    [[ $output != *AUGMENT* && $output != *SPLIT* ]]
}

@test "interrupted and started again, and with -j2: the same model bytes" {
    tiny
    sed -i 's/epochs: 3/epochs: 12/' tiny.yaml
    experiment out/model.safetensors
    mv out whole
    experiment -j2 out/model.safetensors
    cmp whole/model.safetensors out/model.safetensors
    rm -r out
    set -m
    experiment out/model.safetensors 2>err &
    pid=$!
    for _ in $(seq 600); do
        [ -s out/log.csv ] && grep -q '^3,val' out/log.csv && break
        sleep .05
    done
    kill -INT -- -$pid
    wait $pid || true
    set +m
    [ ! -e out/model.safetensors ]
    ls out/checkpoint-*/last.safetensors
    experiment out/model.safetensors
    cmp whole/model.safetensors out/model.safetensors
    cmp <(cut -d, -f1-7 whole/log.csv) <(cut -d, -f1-7 out/log.csv)
}

@test "early stopping inside make keeps model and log" {
    tiny
    sed -i 's/epochs: 3/epochs: 40/; s/^  batch: 8/  batch: 8\n  patience: 1\n  monitor: lr\n  lr: 0/' tiny.yaml
    experiment out/model.safetensors
    [ -s out/model.safetensors ]
    [ "$(tail -n 1 out/log.csv | cut -d, -f1,2)" = 2,val ]
    run -0 experiment out/model.safetensors
    [[ $output != *TRAIN* ]]
}

@test "pipelines/demographics: the table of xr-split, of a split made before" {
    xr-synth -q --images 60 --size 32 -o data
    xr-split -q --key image_id --group patient_id -s 3 --demographics want.csv -o splits.csv data/dataset.csv
    "$XR_TOP/pipelines/demographics" splits.csv >got.csv
    # its parts stand in the order of their names, and it takes the split's own columns for data
    columns() {
        awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } { print $1, $2, $3, $at["all"], $at["train"], $at["val"], $at["test"], $at["difference test"] }' "$1" |
            grep -E '^(label|center|age|gender|column),'
    }
    cmp <(columns want.csv) <(columns got.csv)
    echo key,fold >folds.csv
    [ "$("$XR_TOP/pipelines/demographics" folds.csv)" = column,level,statistic,all ]
    run -2 "$XR_TOP/pipelines/demographics"
}

@test "pipelines/compare puts figures with their intervals side by side" {
    cat >p.csv <<'CSV'
key,label,p_normal,p_tumor
a,normal,.9,.1
b,normal,.6,.4
c,tumor,.7,.3
d,tumor,.2,.8
CSV
    xr-metrics -n 0 -o a.json p.csv
    xr-metrics -n 200 -o b.json p.csv
    run -0 "$XR_TOP/pipelines/compare" one=a.json two=b.json
    [[ ${lines[0]} == "model  n  macro AUC"*"sensitivity by class" ]]
    [[ ${lines[1]} == "one    4  0.750"*"0.750"*"normal 1.000  tumor 0.500" ]]
    [[ ${lines[2]} == "two    4  0.750 [0."*"]"*"normal 1.000"* ]]
}

@test "SEEDS: sisters of a model, and what the mean of all says" {
    tiny
    run -0 experiment SEEDS='2 3' out/ensemble.txt out/ensemble.json
    [[ $output == *"out/seed-2/model.safetensors"*"out/seed-3/predictions.csv"* ]]
    run -1 cmp -s out/seed-2/model.safetensors out/seed-3/model.safetensors
    xr-metrics -n 50 --ensemble mean --no-history out/predictions.csv out/seed-2/predictions.csv out/seed-3/predictions.csv >want.json
    [ "$(grep -A1 '"roc_auc_ovr_macro"' out/ensemble.json)" = "$(grep -A1 '"roc_auc_ovr_macro"' want.json)" ]
    # what is there stays
    run -0 experiment SEEDS='2 3' out/ensemble.txt
    [ -z "$output" ]
}
