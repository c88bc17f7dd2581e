# The EXAMPLES of the man pages are run: every line `.Dl $ command`, page by page, in a
# folder that the tools themselves have prepared.
load helpers

# What the folder holds: dataset.csv with images/ and masks/, splits.csv, train.tar, val.tar,
# test.tar, model.safetensors, log.csv, predictions.csv, metrics.json, cam.tar, scores.csv.
# Made once, copied for every page.
setup_file() {
    mkdir "$BATS_FILE_TMPDIR/set" || return 1
    cd "$BATS_FILE_TMPDIR/set" || return 1
    bash -eu -o pipefail <<'END'
xr-synth -q -n 60 --size 64 --ratio 1:1:1 --per-patient 1:2 -s 3 -o .
xr-split -q --group patient_id -s 7 -o splits.csv dataset.csv
for part in train val test; do
    xr-augment -q --size 32 --split $part -o $part.tar splits.csv
done
xr-train -q -m resnet18 --val val.tar -o model.safetensors train.tar >log.csv
xr-predict -q -w model.safetensors test.tar >predictions.csv
xr-metrics -q -n 100 predictions.csv >metrics.json
cp predictions.csv other.csv
cp -R masks predicted
printf '%s\n' key,class,x1,y1,x2,y2 a,tumor,0,0,9,9 >boxes.csv
printf '%s\n' key,class,x1,y1,x2,y2,score a,tumor,1,0,9,9,0.5 >found.csv
xr-cam -q -w model.safetensors --scores scores.csv -o cam.tar test.tar
END
}

# The commands of a page, with roff's escapes undone.
commands() {
    sed -n -e '/^\.Dl \$ /!d' -e 's/^\.Dl \$ //' -e 's/\\e/\\/g' -e 's/\\-/-/g' \
        -e 's/\\&//g' -e 's/\\(dq/"/g' -e 's/\\(aq/'"'"'/g' -e p "$XR_TOP/man/$1"
}

# Run them in order. Output goes to the log of the test, which a failure shows.
page() {
    local command n=0
    cp -r "$BATS_FILE_TMPDIR/set/." .
    while IFS= read -r command; do
        n=$((n + 1))
        echo "\$ $command"
        bash -c "$command" </dev/null || {
            echo "exit status $?"
            return 1
        }
    done < <(commands "$1")
    [ "$n" -gt 0 ]
}

@test "xr-augment(1)" {
    page xr-augment.1
}
@test "xr-cam(1)" {
    page xr-cam.1
}
@test "xr-cat(1)" {
    page xr-cat.1
}
@test "xr-metrics(1)" {
    page xr-metrics.1
}
@test "xr-plot(1)" {
    page xr-plot.1
}
@test "xr-predict(1)" {
    page xr-predict.1
}
@test "xr-report(1)" {
    page xr-report.1
}
@test "xr-split(1)" {
    page xr-split.1
}
@test "xr-synth(1)" {
    page xr-synth.1
}
@test "xr-train(1)" {
    page xr-train.1
}
@test "xr-model(5)" {
    page xr-model.5
}
# The same with smaller numbers, so that it is a matter of seconds.
@test "README: the pipes" {
    cp -r "$BATS_FILE_TMPDIR/set/." .
    rm -f splits.csv val.tar model.safetensors predictions.csv cam.tar
    sed -n -e '/^    xr-/,/^$/p' "$XR_TOP/README.md" |
        sed -e 's/efficientnet_b0/resnet18/' -e 's/--epochs 20/--epochs 1/' \
            -e 's/xr-augment --split \(val\|train\)/& --size 32/' -e 's/xr-metrics/& -n 100/' \
            -e 's/films\//images\//' >pipes
    [ "$(grep -c xr- pipes)" -ge 10 ]
    bash -eux pipes
    [ -s roc.svg ]
    [ -s overlay.png ]
}
@test "every page of a tool is run here" {
    for tool in "$XR_TOP"/tools/xr-*.c; do
        grep -qF "page $(basename "$tool" .c).1" "$BATS_TEST_FILENAME"
    done
}
