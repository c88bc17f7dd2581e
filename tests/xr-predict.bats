load helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    export OMP_WAIT_POLICY=passive
    tiny-stream 16 size=32 epochs=2 >train.tar
    tiny-stream 10 size=32 split=test prefix=TEST groups=3 >test.tar
    xr-train -m tf_efficientnet_lite0 -b 8 -j 1 -o m.safetensors train.tar >/dev/null
}

inputs() {
    ln -s "$BATS_FILE_TMPDIR"/{m.safetensors,test.tar} .
}

predict() {
    xr-predict -j 1 -w m.safetensors "$@"
}

@test "help, version, configuration" {
    help_and_version xr-predict
}

@test "each misuse exits 2 with nothing on standard output" {
    inputs
    wrong_usage xr-predict test.tar
    wrong_usage xr-predict -w m.safetensors -b 0 test.tar
    wrong_usage xr-predict -w m.safetensors a b
}

@test "a row a record, probabilities that add up, the columns promised" {
    inputs
    predict test.tar >p.csv
    [ "$(head -n 1 p.csv | cut -d, -f1-8)" = key,label,split,fold,group,p_normal,p_tumor,pred ]
    [ "$(wc -l <p.csv)" -eq 11 ]
    awk -F, 'NR > 1 { s = $6 + $7; if (s < .999999 || s > 1.000001) exit 1
        if ($8 != ($6 >= $7 ? "normal" : "tumor")) exit 1 }' p.csv
    xr-metrics -n 0 p.csv | grep -q '"n": 10'
}

@test "pipe and file are the same bytes, the batch size moves the last digits at most" {
    inputs
    predict test.tar >a.csv
    predict -o b.csv <test.tar
    predict -b 3 test.tar >c.csv
    cmp a.csv b.csv
    paste -d, <(cut -d, -f1,6 a.csv) <(cut -d, -f1,6 c.csv) |
        awk -F, 'NR > 1 && ($1 != $3 || ($2 - $4) ^ 2 > 1e-12) { exit 1 }'
}

@test "--tta hflip: the mean over the films and their mirror images" {
    inputs
    xr-augment --augment -t 'hflip(p=1)' test.tar >mirrored.tar
    predict test.tar >a.csv
    predict mirrored.tar >b.csv
    predict --tta hflip test.tar >mean.csv
    predict --tta hflip mirrored.tar >same.csv
    paste -d, <(cut -d, -f1,6 a.csv) <(cut -d, -f6 b.csv) <(cut -d, -f6 mean.csv) <(cut -d, -f6 same.csv) |
        awk -F, 'NR > 1 { n++; far += ($2 - $3) ^ 2 > 1e-8
            if (($4 - ($2 + $3) / 2) ^ 2 > 1e-12 || ($4 - $5) ^ 2 > 1e-12) exit 1 }
            END { exit !(n == 10 && far > 0) }'
}

@test "--tta hflip, three channels" {
    inputs
    xr-augment --channels rgb "$BATS_FILE_TMPDIR/train.tar" |
        xr-train -m lenet5 -b 8 -j 1 --channels 3 -q -o rgb.safetensors >/dev/null
    xr-augment --channels rgb test.tar >rgb.tar
    xr-augment --augment -t 'hflip(p=1)' rgb.tar >mirrored.tar
    xr-predict -j 1 -w rgb.safetensors --tta hflip rgb.tar >a.csv
    xr-predict -j 1 -w rgb.safetensors --tta hflip mirrored.tar >b.csv
    paste -d, <(cut -d, -f6 a.csv) <(cut -d, -f6 b.csv) |
        awk -F, 'NR > 1 { n++; if (($1 - $2) ^ 2 > 1e-12) exit 1 } END { exit n != 10 }'
}

@test "--calibration: as xr-metrics fits and applies it, and the table says so" {
    inputs
    predict test.tar >p.csv
    awk -F, -v OFS=, 'NR == 1 { print; next } { $3 = NR % 2 ? "val" : "test"; if (NR % 3 == 0) $2 = "tumor"; print }' p.csv >two.csv
    for how in temperature dirichlet; do
        xr-metrics -n 0 --split test --calibrate $how --calibration-out cal.json two.csv >m.json
        predict --calibration cal.json test.tar >c.csv
        [ "$(head -n 1 c.csv | cut -d, -f8,9)" = pred,calibration ]
        [[ $(sed -n 2p c.csv | cut -d, -f9) == "$how sha256:"* ]]
        # the same log loss when the calibrated table is measured as it is
        awk -F, -v OFS=, 'NR == FNR { l[NR] = $2; s[NR] = $3; next } FNR > 1 { $2 = l[FNR]; $3 = s[FNR] } { print }' two.csv c.csv >again.csv
        xr-metrics -n 0 --split test again.csv >again.json
        a=$(grep -A1 '"log_loss"' m.json | sed -n 's/.*value": \(.*\),/\1/p')
        b=$(grep -A1 '"log_loss"' again.json | sed -n 's/.*value": \(.*\),/\1/p')
        awk -v a="$a" -v b="$b" 'BEGIN { exit !((a - b) ^ 2 < 1e-10 && a > 0) }'
    done
    sed 's/"normal", "tumor"/"tumor", "normal"/' cal.json >other.json
    run -1 --separate-stderr xr-predict -j 1 -w m.safetensors --calibration other.json test.tar
    [[ $stderr == "xr-predict: other.json: its classes are not those of the model" ]]
    [ -z "$output" ]
    run -1 --separate-stderr xr-predict -j 1 -w m.safetensors --calibration test.tar test.tar
    [ -z "$output" ]
}

@test "films without a label are predicted too" {
    inputs
    tiny-stream 4 size=32 labels=0 >new.tar
    predict new.tar >p.csv
    [ "$(cut -d, -f2 p.csv | sort -u | tr '\n' ' ')" = " label " ]
}

@test "no films, no rows" {
    inputs
    tiny-stream 0 size=32 >none.tar
    predict none.tar >p.csv
    [ "$(wc -l <p.csv)" -eq 1 ]
}

@test "a stream that does not fit is refused before anything is written" {
    inputs
    for what in size=16 channels=3 fit=pad classes=a,b classes=normal,benign,malignant; do
        tiny-stream 4 size=32 $what >other.tar
        run -1 --separate-stderr predict -o p.csv other.tar
        [[ $stderr == "xr-predict: other.tar: "* ]]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [ -z "$output" ]
        [ ! -e p.csv ]
    done
}

@test "a file that is no model is refused" {
    inputs
    run -1 --separate-stderr xr-predict -w test.tar test.tar
    [[ $stderr == "xr-predict: test.tar: "* ]]
    run -1 --separate-stderr xr-predict -w none.safetensors test.tar
    [[ $stderr == *"No such file or directory" ]]
    head -c 100000 m.safetensors >cut.safetensors
    run -1 --separate-stderr xr-predict -w cut.safetensors test.tar
    [[ $stderr == "xr-predict: cut.safetensors: "* ]]
}

@test "weights without classes are refused with a hint" {
    need_shared
    inputs
    run -1 --separate-stderr xr-predict -w "$SHARED/weights/tf_efficientnet_lite0.safetensors" test.tar
    [[ $stderr == *"not a model of xr-train"* ]]
}

@test "a stream cut at any of 50 offsets exits 1 and leaves no file" {
    inputs
    end=$(LC_ALL=C grep -abo '"digest"' test.tar | tail -n 1 | cut -d: -f1)
    for i in $(seq 0 49); do
        head -c $((end * i / 49)) test.tar >cut.tar
        run -1 --separate-stderr predict -o cut.csv cut.tar
        [[ $stderr == "xr-predict: cut.tar: "* ]]
        [ ! -e cut.csv ]
    done
}

@test "a full disk is exit 1, an early reader is silent" {
    inputs
    run -1 --separate-stderr bash -c 'xr-predict -j 1 -w m.safetensors test.tar >/dev/full'
    [[ $stderr == *"No space left on device" ]]
    tiny-stream 400 size=32 >many.tar
    run -141 --separate-stderr bash -o pipefail -c 'xr-predict -j 1 -b 4 -w m.safetensors many.tar | head -n 1 >/dev/null'
    [ -z "$stderr" ]
}
