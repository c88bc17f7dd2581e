load helpers

# 20 tiny films of two classes over three epochs, a validation set, and the result of a whole run.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    export OMP_WAIT_POLICY=passive
    tiny-stream 20 size=32 epochs=3 >train.tar
    tiny-stream 10 size=32 split=val prefix=VAL seed=5 >val.tar
    train --val val.tar -o whole.safetensors train.tar >whole.csv
}

# train ARG...: a small net, few threads
train() {
    xr-train -m tf_efficientnet_lite0 -b 8 -j 1 "$@"
}

# Inputs of a test by their short names.
inputs() {
    ln -s "$BATS_FILE_TMPDIR"/{train.tar,val.tar,whole.safetensors,whole.csv} .
}

# columns FILE: the log without the times
columns() {
    cut -d, -f1-7 "$1"
}

@test "help, version, configuration" {
    help_and_version xr-train
    run -0 xr-train --list-models
    [[ $output == *$'\nresnet18\t11689512\t'* ]]
    [[ $output == *$'\nefficientnet_b0\t5288548\t'* ]]
    [[ $output == *$'\nvgg16\t138357544\t15470264320\t224'* ]]
    [ "${#lines[@]}" -ge 31 ]
}

@test "a network of each other family trains, predicts and has a map" {
    inputs
    tiny-stream 6 size=32 split=test prefix=TEST seed=9 >test.tar
    for m in lenet5 mobilenetv3_small_100 convnext_atto densenet121 mobilenetv2_100; do
        run -0 xr-train -m "$m" -b 8 -j 1 -o "$m.safetensors" train.tar
        run -0 --separate-stderr xr-predict -j 1 -w "$m.safetensors" test.tar
        [ "${#lines[@]}" -eq 7 ]
        [[ $output != *nan* ]]
        run -0 xr-cam -j 1 -w "$m.safetensors" -o "$m.tar" test.tar
    done
    run -2 --separate-stderr xr-train -m lenet5 --drop-path 0.1 -o x train.tar
    [[ $stderr == *"lenet5 has no paths to drop"* ]]
}

@test "each misuse exits 2 with nothing on standard output" {
    inputs
    wrong_usage xr-train train.tar
    wrong_usage xr-train -o - train.tar
    wrong_usage xr-train -o m -m no_such_net train.tar
    wrong_usage xr-train -o m --lr x train.tar
    wrong_usage xr-train -o m --lr -1 train.tar
    wrong_usage xr-train -o m --batch 0 train.tar
    wrong_usage xr-train -o m --optimizer adam train.tar
    wrong_usage xr-train -o m --channels 2 train.tar
    wrong_usage xr-train -o m --loss focal --label-smoothing .1 train.tar
    wrong_usage xr-train -o m --monitor auk train.tar
    wrong_usage xr-train -o m --monitor val:auc train.tar
    wrong_usage xr-train -o m --class-weights 1,2,3 train.tar
    wrong_usage xr-train -o m --class-weights 1,x train.tar
    wrong_usage xr-train -o m --schedule step train.tar
    wrong_usage xr-train -o m --schedule step --step-every 2 --milestones 3 train.tar
    wrong_usage xr-train -o m --schedule step --milestones 3,x train.tar
    wrong_usage xr-train -o m --milestones 3 train.tar
    wrong_usage xr-train -o m --schedule plateau train.tar
    wrong_usage xr-train -o m a b
    [ ! -e m ]
}

@test "the log has a row a pass, the model says what it is" {
    inputs
    [ "$(head -n 1 whole.csv)" = epoch,split,loss,accuracy,balanced_accuracy,auc,lr,seconds,images_per_second ]
    [ "$(cut -d, -f1,2 whole.csv | tail -n +2 | tr '\n' ' ')" = "1,train 1,val 2,train 2,val 3,train 3,val " ]
    awk -F, 'NR > 1 && ($3 <= 0 || $4 < 0 || $4 > 1 || $6 > 1 || NF != 9) { exit 1 }' whole.csv
    run -0 xr-cat whole.safetensors
    [[ $output == *'"architecture": "tf_efficientnet_lite0"'* ]]
    [[ $output == *'"classes": ["normal", "tumor"]'* ]]
    [[ $output == *'"records_per_epoch": 20'* ]]
    [[ $output == *'"val.tar": "sha256:'* ]]
    [[ $output != *'seconds'* ]]
}

@test "the same command gives the same bytes, another seed others" {
    inputs
    train --val val.tar -o again.safetensors train.tar >again.csv
    cmp whole.safetensors again.safetensors
    cmp <(columns whole.csv) <(columns again.csv)
    train --val val.tar -o other.safetensors -s 1 train.tar >other.csv
    run -1 cmp -s whole.safetensors other.safetensors
}

@test "a pipe and a file are the same input" {
    inputs
    train --val val.tar -o pipe.safetensors <train.tar >pipe.csv
    cmp <(columns whole.csv) <(columns pipe.csv)
}

@test "stopped by a signal, it goes on to the same bytes and prints its rows again" {
    inputs
    mkfifo slow
    xr-train -m tf_efficientnet_lite0 -b 8 -j 1 --val val.tar --checkpoint run \
        -o resumed.safetensors slow >first.csv &
    pid=$!
    exec 9>slow
    # enough for the first epoch and a part of the second, then nothing more comes
    head -c 120000 train.tar >&9
    for _ in $(seq 300); do
        [ -s first.csv ] && grep -q 1,val first.csv && break
        sleep .1
    done
    kill -TERM $pid
    head -c 3000 /dev/zero >&9 || true # wakes a reader that waits
    exec 9>&-
    status=0
    wait $pid || status=$?
    [ "$status" -eq 75 ]
    [ -e run/last.safetensors ]
    [ ! -e resumed.safetensors ]
    # the operand is part of the settings: the same name again
    mv slow slow.fifo
    cp train.tar slow
    train --val val.tar --checkpoint run -o resumed.safetensors slow >second.csv
    train --val val.tar -o want.safetensors slow >want.csv
    cmp want.safetensors resumed.safetensors
    cmp <(columns want.csv) <(columns second.csv)
}

@test "killed between epochs, it goes on to the same bytes" {
    inputs
    for n in 90000 150000; do
        head -c $n train.tar >part.tar
        run -1 --separate-stderr train --val val.tar --checkpoint run -o out.safetensors <part.tar
        [[ $stderr == *"standard input: record "*"the stream was cut"* ]]
        [ ! -e out.safetensors ]
    done
    train --val val.tar --checkpoint run -o out.safetensors <train.tar >out.csv
    train --val val.tar -o want.safetensors <train.tar >want.csv
    cmp want.safetensors out.safetensors
    cmp <(columns want.csv) <(columns out.csv)
    # once more: it is finished, so the result is written again without training
    rm out.safetensors
    train --val val.tar --checkpoint run -o out.safetensors <train.tar >again.csv
    cmp want.safetensors out.safetensors
    cmp out.csv again.csv
}

@test "a checkpoint of other settings or other data is refused" {
    inputs
    train --checkpoint run -o out.safetensors <train.tar >out.csv
    run -1 --separate-stderr train --lr .5 --checkpoint run -o out2.safetensors <train.tar
    [[ $stderr == *"run/last.safetensors: made with other settings or data: arguments was"* ]]
    head -c 90000 train.tar >part.tar
    rm -r run
    run -1 train --checkpoint run -o out2.safetensors <part.tar
    tiny-stream 20 size=32 epochs=3 seed=99 >other.tar
    run -1 --separate-stderr train --checkpoint run -o out2.safetensors <other.tar
    [[ $stderr == *"made with other data"* ]]
    [ ! -e out2.safetensors ]
}

@test "early stopping keeps model and log" {
    inputs
    train --val val.tar --lr 0 --patience 1 -o early.safetensors train.tar >early.csv
    [ "$(tail -n 1 early.csv | cut -d, -f1,2)" = 2,val ]
    xr-cat early.safetensors | grep -q '"epoch": 1'
    # in a pipe the producer dies of SIGPIPE, the consumer is done
    tiny-stream 2000 size=32 epochs=30 | train --val val.tar --lr 0 --patience 1 -b 64 -o early2.safetensors >/dev/null
    [ -s early2.safetensors ]
}

@test "a stream cut at any of 50 offsets leaves no model" {
    inputs
    tiny-stream 6 size=32 >small.tar
    end=$(LC_ALL=C grep -abo '"digest"' small.tar | tail -n 1 | cut -d: -f1)
    for i in $(seq 0 49); do
        head -c $((end * i / 49)) small.tar >cut.tar
        run -1 --separate-stderr train -o cut.safetensors cut.tar
        [[ $stderr == "xr-train: cut.tar: "* ]]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [ ! -e cut.safetensors ]
    done
}

@test "an old model stays as it is when training fails" {
    inputs
    echo old >m.safetensors
    head -c 30000 train.tar >cut.tar
    run -1 train -o m.safetensors cut.tar
    [ "$(cat m.safetensors)" = old ]
    [ "$(find . -name '*tmp*' | wc -l)" -eq 0 ]
}

@test "unfit inputs are refused in one line" {
    inputs
    run -1 --separate-stderr train -o m </dev/null
    [[ $stderr == "xr-train: standard input: empty input: did the previous command fail?" ]]
    tiny-stream 4 size=32 labels=0 >unlabelled.tar
    run -1 --separate-stderr train -o m unlabelled.tar
    [ "${#stderr_lines[@]}" -eq 1 ]
    tiny-stream 4 size=16 >small.tar
    run -1 --separate-stderr train --val small.tar -o m train.tar
    [[ $stderr == "xr-train: small.tar: images of 16x16; the model takes 32x32"* ]]
    tiny-stream 4 size=32 classes=tumor,normal >order.tar
    run -1 --separate-stderr train --val order.tar -o m train.tar
    [[ $stderr == "xr-train: order.tar: class 0 is 'tumor'; the model's is 'normal'" ]]
    run -1 --separate-stderr train --val <(cat val.tar) -o m train.tar
    [[ $stderr == *"a validation set is read once an epoch: not from a pipe" ]]
    run -1 --separate-stderr train --init val.tar -o m train.tar
    [ "${#stderr_lines[@]}" -eq 1 ]
    run -1 --separate-stderr xr-train -m resnet18 --init whole.safetensors -o m train.tar
    [[ $stderr == *"a model of tf_efficientnet_lite0, not of resnet18" ]]
    [ ! -e m ]
}

@test "a new head replaces one of another size, a fitting one is kept" {
    inputs
    tiny-stream 12 size=32 classes=a,b,c >three.tar
    train --init whole.safetensors --lr 0 -o three.safetensors three.tar >/dev/null
    xr-cat three.safetensors | grep -q '"classes": \["a", "b", "c"\]'
    tiny-stream 12 size=32 >two.tar
    train --init whole.safetensors --lr 0 --weight-decay 0 --freeze-epochs 1 -o kept.safetensors two.tar >/dev/null
    xr-predict -j 1 -w whole.safetensors val.tar >a.csv
    xr-predict -j 1 -w kept.safetensors val.tar >b.csv
    cmp a.csv b.csv
}

@test "pickles are refused with a way out, weights of half the bytes load" {
    inputs
    printf 'PK\3\4 a zip archive of torch.save' >new.pth
    printf '\x80\x02\x8a\x0a an old pickle' >old.ckpt
    for pickle in new.pth old.ckpt; do
        run -1 --separate-stderr train --init $pickle -o m train.tar
        [[ $stderr == "xr-train: $pickle: a PyTorch pickle"*"python3 -c '"*"save_file"* ]]
        [ "${#stderr_lines[@]}" -eq 1 ]
        run -1 --separate-stderr xr-predict -w $pickle val.tar
        [[ $stderr == "xr-predict: $pickle: a PyTorch pickle"* ]]
    done
    xr-predict -j 1 -w whole.safetensors val.tar >want.csv
    for type in f16 bf16; do
        half-model $type whole.safetensors half.safetensors
        [ "$(stat -c %s half.safetensors)" -lt $(($(stat -L -c %s whole.safetensors) * 6 / 10)) ]
        xr-predict -j 1 -w half.safetensors val.tar >got.csv
        paste -d, want.csv got.csv | awk -F, 'NR > 1 { n++; if (($6 - $14)^2 > 1e-2) exit 1 } END { exit n != 10 }'
        train --init half.safetensors --lr 0 --freeze-epochs 3 -o again.safetensors train.tar >/dev/null
        xr-predict -j 1 -w again.safetensors val.tar >again.csv
        cmp got.csv again.csv
    done
}

@test "a lost log is said once, training goes on, exit 1" {
    inputs
    run bash -c 'xr-train -m tf_efficientnet_lite0 -b 8 -j 1 -o m.safetensors train.tar >/dev/full 2>err; echo $?'
    [ "$output" = 1 ]
    [ "$(grep -c 'cannot take the log' err)" -eq 1 ]
    [ -s m.safetensors ]
    rm m.safetensors
    run bash -c 'xr-train -m tf_efficientnet_lite0 -b 8 -j 1 -o m.safetensors train.tar 2>err | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}'
    [ "$output" = 1 ]
    [ -s m.safetensors ]
}

@test "what is not finite stops the run, names the films and saves them" {
    inputs
    tiny-stream 20 size=32 epochs=12 >long.tar
    run -1 --separate-stderr train --optimizer sgd --lr 1000 --warmup 0 --weight-decay 10 --decay-1d -o m long.tar
    [[ $stderr == "xr-train: the "*" is not finite in epoch "*"its batch, saved as m.nan-batch.tar: 000"* ]]
    [ ! -e m ]
    # the batch is a stream, the films are those that are named
    keys=$(xr-cat -t m.nan-batch.tar | cut -f1 | paste -sd,)
    [ -n "$keys" ]
    [[ ${stderr//, /,} == *": $keys" ]]
    xr-cat --check m.nan-batch.tar
    # with a checkpoint it lies there, and the last good state stays
    run -1 --separate-stderr train --optimizer sgd --lr 1000 --warmup 0 --weight-decay 10 --decay-1d --checkpoint run -o m long.tar
    [[ $stderr == *"saved as run/nan-batch.tar: "* ]]
    [ "$(xr-cat -t run/nan-batch.tar | cut -f1 | paste -sd,)" = "$keys" ]
    xr-cat run/last.safetensors >/dev/null
}

@test "optimisers, losses and averages all train" {
    inputs
    for more in "--optimizer sgd --nesterov --lr .01" "--optimizer lamb" "--optimizer lion --ema .99 --ema-warmup" "--loss focal --alpha auto --gamma 1.5" \
        "--class-weights auto --label-smoothing .1 --clip 1" "--ema .9 --schedule linear --min-lr 1e-5" \
        "--drop-path .2 --head-init zero --layer-decay .7" "--channels 1 --decay-1d" "--class-weights 1,2 --schedule constant"; do
        # shellcheck disable=SC2086
        train $more -o m.safetensors train.tar >m.csv
        xr-predict -j 1 -w m.safetensors val.tar | xr-metrics -n 0 >/dev/null
    done
}

# rates ARG...: the column lr of a run of three epochs, for the training rows
rates() {
    train "$@" -o rates.safetensors train.tar | awk -F, '$2 == "train" { printf "%s ", $7 }'
}

@test "schedules move the rate as they say" {
    inputs
    [ "$(rates --schedule step --step-every 1 --factor .5 --lr .008 --warmup 0)" = "0.008 0.004 0.002 " ]
    [ "$(rates --schedule step --milestones 2 --lr .01 --warmup 0)" = "0.01 0.01 0.001 " ]
    # nothing is better than before by half: every epoch behind the first is one too many
    [ "$(rates --schedule plateau --monitor loss --plateau-threshold .9 --plateau-patience 0 --factor .5 --lr .001 --warmup 0)" = \
        "0.001 0.001 0.0005 " ]
    # 9 updates, the top behind the third
    run -0 rates --schedule onecycle --lr .001 --warmup 1 --optimizer sgd
    [[ $output == "0.001 "*" 4e-09 " ]]
    train --schedule onecycle --fixed-momentum -o fixed.safetensors train.tar >/dev/null
    train --schedule onecycle -o moved.safetensors train.tar >/dev/null
    run -1 cmp -s fixed.safetensors moved.safetensors
}

@test "accumulated batches are one large batch" {
    inputs
    # the backbone stands still, so that batch statistics play no part
    for more in "--class-weights 1,3" "--loss focal --alpha auto" "--mixup .4 --mix-prob 0"; do
        # shellcheck disable=SC2086
        xr-train -m tf_efficientnet_lite0 -j 1 --freeze-epochs 3 --drop 0 --lr .05 $more -b 8 -o a train.tar >a.csv
        # shellcheck disable=SC2086
        xr-train -m tf_efficientnet_lite0 -j 1 --freeze-epochs 3 --drop 0 --lr .05 $more -b 4 --accumulate 2 -o b train.tar >b.csv
        paste -d, a.csv b.csv | awk -F, 'NR > 1 && ($7 != $16 || ($3 - $12)^2 > 1e-10) { exit 1 }'
    done
}

@test "mixing repeats, and mixes" {
    inputs
    for more in "--mixup .4" "--cutmix 1" "--mixup .4 --cutmix 1 --mix-prob .9 --mix-switch .4 --label-smoothing .1"; do
        # shellcheck disable=SC2086
        train $more -o a.safetensors train.tar >a.csv
        # shellcheck disable=SC2086
        train $more -o b.safetensors train.tar >b.csv
        cmp a.safetensors b.safetensors
        cmp <(columns a.csv) <(columns b.csv)
        run -1 cmp -s <(columns a.csv) <(train -o c.safetensors train.tar | cut -d, -f1-7)
    done
    train --mixup .4 --mix-prob 0 -o none.safetensors train.tar >none.csv
    train -o c.safetensors train.tar >c.csv
    cmp <(columns none.csv) <(columns c.csv)
}

@test "masks as a second task" {
    inputs
    tiny-stream 20 size=64 epochs=2 masks=1 >masks.tar
    masked() { xr-train -m resnet18 -b 8 -j 1 --mask-loss 3 "$@"; }
    run -0 --separate-stderr masked --mixup .4 --cutmix 1 --mix-prob .5 -o a.safetensors masks.tar
    [ -z "$stderr" ]
    masked --mixup .4 --cutmix 1 --mix-prob .5 -o b.safetensors masks.tar >b.csv
    cmp a.safetensors b.safetensors
    # the second head is none of the model's
    xr-train -m resnet18 -b 8 -j 1 -o plain.safetensors masks.tar >plain.csv
    [ "$(grep -ac lesion_map a.safetensors)" -eq 0 ]
    run -1 cmp -s <(columns b.csv) <(columns plain.csv)
    xr-predict -j 1 -w a.safetensors masks.tar >/dev/null
    # a cut stream goes on to the same bytes
    head -c 200000 masks.tar >part.tar
    run -1 masked --checkpoint state -o c.safetensors <part.tar
    masked --checkpoint state -o c.safetensors <masks.tar >c.csv
    masked -o d.safetensors <masks.tar >d.csv
    cmp c.safetensors d.safetensors
    run -0 --separate-stderr masked -o e.safetensors train.tar
    [[ $stderr == *"warning: no record of the first epoch has a mask"* ]]
    run -2 --separate-stderr xr-train -m alexnet --mask-loss 1 -o x masks.tar
    [[ $stderr == *"no map of features is pooled"* ]]
}

@test "mixing, accumulation and a plateau go on to the same bytes" {
    inputs
    new="--mixup .4 --cutmix 1 --accumulate 2 --schedule plateau --plateau-patience 0 --plateau-threshold .9 --factor .5
        --optimizer lamb --ema .9 --ema-warmup --layer-decay .8 -b 3"
    # cut within epochs, with gradients that no update has used
    for n in 60000 90000 120000 150000; do
        head -c $n train.tar >part.tar
        # shellcheck disable=SC2086
        run -1 train $new --val val.tar --checkpoint run -o out.safetensors <part.tar
        [ -e run/last.safetensors ]
    done
    grep -q '"grad.classifier.bias"' run/last.safetensors
    # shellcheck disable=SC2086
    train $new --val val.tar --checkpoint run -o out.safetensors <train.tar >out.csv
    # shellcheck disable=SC2086
    train $new --val val.tar -o want.safetensors <train.tar >want.csv
    cmp want.safetensors out.safetensors
    cmp <(columns want.csv) <(columns out.csv)
    # the rate did fall
    [ "$(cut -d, -f7 want.csv | sort -u | wc -l)" -gt 2 ]
}

@test "a head that is trained alone remembers features, to the same bytes" {
    inputs
    xr-synth -q --force -n 30 --size 40 -s 5 -o . && xr-split -q --no-group -s 1 -o splits.csv dataset.csv
    xr-augment --split train --size 32 --epochs 4 --transform none -o probe.tar splits.csv
    xr-augment --split val --size 32 -o check.tar splits.csv
    probe() {
        train --freeze-epochs 4 --val check.tar --ema .9 --no-history "$@" probe.tar
    }
    probe -o kept.safetensors >kept.csv
    probe --feature-cache 0 -o none.safetensors >none.csv
    cmp <(columns kept.csv) <(columns none.csv)
    tensors() { # the file behind its header, which says how it was made
        tail -c +$(($(od -An -tu8 -N8 "$1") + 9)) "$1"
    }
    cmp <(tensors kept.safetensors) <(tensors none.safetensors)
    # the pass without any of this, which mixing asks for
    probe --mixup 1 --mix-prob 0 -o plain.safetensors >plain.csv
    cmp <(columns kept.csv) <(columns plain.csv)
    cmp <(tensors kept.safetensors) <(tensors plain.safetensors)
    # stopped and gone on
    head -c $(($(stat -c %s probe.tar) * 6 / 10)) probe.tar >cut.tar
    run -1 train --freeze-epochs 4 --val check.tar --ema .9 --no-history --checkpoint run -o again.safetensors <cut.tar
    train --freeze-epochs 4 --val check.tar --ema .9 --no-history --checkpoint run -o again.safetensors <probe.tar >again.csv
    cmp <(columns kept.csv) <(columns again.csv)
    cmp <(tensors kept.safetensors) <(tensors again.safetensors)
}

@test "settings from a file, the command line wins" {
    inputs
    cat >c.yaml <<'Y'
augment: {size: 32}
train:
  model: tf_efficientnet_lite0
  batch: 8
  lr: 0.5
Y
    run -0 xr-train --config c.yaml --lr 0.25 --print-config
    [[ $output == *$'\n  batch: 8\n'* ]]
    [[ $output == *$'\n  lr: 0.25\n'* ]]
    xr-train --config c.yaml --lr 0.001 --val val.tar -j 1 -o c.safetensors train.tar >c.csv
    cmp <(columns whole.csv) <(columns c.csv)
}

@test "without a history the model has none of this run" {
    inputs
    train --no-history -o m.safetensors train.tar >/dev/null
    run -0 xr-cat m.safetensors
    [[ $output != *'"tool": "xr-train"'* ]]
}
