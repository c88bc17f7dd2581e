#!/bin/bash
# The engine beside PyTorch, OpenVINO and ONNX Runtime, taking turns in one run, at batch 32 and 224x224:
# medians, ratios, how much of the machine's limit is reached, peak memory, cold start.
#   XR_PEER_PYTHON=PYTHON make bench
# PYTHON has torch, timm, onnx, onnxruntime, openvino and opencv; the peers' side is XR_SHARED/peers, whose
# RESULTS.md says which configuration is the fastest of each. XR_BENCH_ROUNDS=N (3), XR_BENCH_SECONDS=N a
# measurement (8), XR_BENCH_COMPILE=0 leaves torch.compile out (minutes, the first time).
set -eu -o pipefail

say() {
    printf 'peers: %s\n' "$*" >&2
}

python=${XR_PEER_PYTHON:-}
peers=${XR_SHARED:-../shared}/peers
build=${XR_BUILD:-build}
if [ -z "$python" ]; then
    say "skipped: XR_PEER_PYTHON names no Python with torch, onnxruntime and openvino"
    exit 0
fi
if [ ! -r "$peers/train_bench.py" ] || ! "$python" -c 'import torch, timm, onnxruntime, openvino' 2>/dev/null; then
    say "skipped: no $peers, or $python lacks a module"
    exit 0
fi
rounds=${XR_BENCH_ROUNDS:-3}
seconds=${XR_BENCH_SECONDS:-8}
threads=$(nproc)
networks=(efficientnet_b0 resnet50)
# shellcheck source=tests/bench/figures
. "$(dirname "$0")/figures"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
raw=$folder/raw
: >"$raw"

# --- one measurement each, lines onto $raw -------------------------------------------------------------

# As the tools set it for themselves: see tools/net/threads.c.
ours() {
    GOMP_SPINCOUNT=5000 "$build/bench/k-bench" -j "$threads" "$@" | sed 's/^/xr./' >>"$raw"
}

# PyTorch at its best: an allocator that keeps huge pages.
tuned=()
if ldconfig -p | grep -q 'libjemalloc\.so\.2'; then
    tuned=(env LD_PRELOAD=libjemalloc.so.2
        'MALLOC_CONF=background_thread:true,metadata_thp:auto,dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always')
else
    say "no libjemalloc.so.2: PyTorch is slower than it could be"
fi

torch_train() {
    "${tuned[@]}" "$python" "$peers/train_bench.py" --batch 32 --threads "$threads" --seconds "$seconds" \
        --tag run "$@" 2>"$folder/log" |
        sed -nE 's/^train\.([^\t]*)\.t[0-9]+\.run(\.peak_rss)?\t/torch.train.\1\2\t/p' >>"$raw" ||
        say "PyTorch failed: $(tail -n 1 "$folder/log")"
}

infer_peer() {
    "$python" "$peers/infer_bench.py" --model "$1" --engine "$2" --dir "$folder/onnx" --threads "$threads" \
        --seconds "$seconds" 2>"$folder/log" | grep -E '\.(b1|b32|peak_rss)'$'\t' >>"$raw" ||
        say "$2 failed: $(tail -n 1 "$folder/log")"
}

# seconds NAME COMMAND...: of the whole process
seconds_of() {
    local name=$1 from=$EPOCHREALTIME
    shift
    if "$@" >/dev/null 2>"$folder/log"; then
        awk -v a="$from" -v b="$EPOCHREALTIME" -v n="$name" 'BEGIN { printf "%s\t%.3f\ts\n", n, b - a }' >>"$raw"
    else
        say "$name failed: $(tail -n 1 "$folder/log")"
    fi
}

pipe() {
    local model=$1 precision=$2
    shift 2
    "$build/bin/xr-augment" --like "$model" "$@" | "$build/bin/xr-predict" --precision "$precision" -w "$model"
}

# --- what is needed once ---------------------------------------------------------------------------------

say "writing models and films"
"$python" "$peers/infer_export.py" "$folder/onnx" >/dev/null 2>&1
"$python" "$peers/mk_jpegs.py" "$folder/films" 1 100 >/dev/null
"$build/bin/xr-synth" -q -n 12 --size 300 -o "$folder/set"
"$build/bin/xr-split" -q "$folder/set/dataset.csv" >"$folder/splits.csv"
"$build/bin/xr-augment" --root "$folder/set" "$folder/splits.csv" >"$folder/records.tar"
for m in "${networks[@]}"; do
    "$build/bin/xr-train" -q -m "$m" -b 4 -o "$folder/$m.safetensors" "$folder/records.tar" >/dev/null
done
films=("$folder"/films/small_*.jpg)

# Peaks of this machine, onto $raw, and from them the limit of each network: convolutions at the peak of a
# matrix product, bytes at the bandwidth of memory or of the last cache, whichever takes longer.
limits() {
    ${CC:-cc} -O3 -march=native -fopenmp "$peers/peak.c" -o "$folder/peak" &&
        ${CXX:-c++} -O2 -std=c++17 "$peers/gemm_bench.cpp" -ldnnl -o "$folder/gemm" || return
    export OMP_NUM_THREADS=$threads
    "$folder/peak" | grep -E '^(peak\.fp32_fma|mem\.read\.(12|512)MiB)\.t2' >>"$raw"
    "$folder/gemm" | cut -f 1-3 | sed -nE 's/^gemm\.onednn[0-9.]*(f32|bf16)\.n2048\.t[0-9]+/gemm.\1/p' >>"$raw"
    unset OMP_NUM_THREADS
    medians >/dev/null
    "$python" "$peers/limits.py" "$peers/layers.tsv" --f32 "$(value gemm.f32)" --bf16 "$(value gemm.bf16)" \
        --fma "$(value peak.fp32_fma.t2)" --bw "$(value mem.read.512MiB.t2)" \
        --l3 "$(value mem.read.12MiB.t2)" | grep -E '\.(train|infer)'$'\t' >>"$raw"
}

# --- results -------------------------------------------------------------------------------------------

results() {
    local m b n p short
    medians
    b=torch.train.efficientnet_b0.b32.fp32cl
    for p in bf16 fp32; do
        ratio "ratio.train.efficientnet_b0.$p" times "xr.efficientnet_b0_train_${p}_median_b32" $b $b.compile
        ratio "ratio.train.resnet50.$p" times "xr.resnet50_train_${p}_median_b32" torch.train.resnet50.b32.bf16cl
    done
    for m in "${networks[@]}"; do
        for b in 32 1; do
            ratio "ratio.infer.$m.b$b.bf16_openvino" times "xr.${m}_infer_bf16_median_b$b" "infer.$m.ov_bf16.b$b"
            ratio "ratio.infer.$m.b$b.fp32_onnxruntime" times "xr.${m}_infer_fp32_median_b$b" "infer.$m.ort.b$b"
        done
        for p in bf16 fp32; do
            short=${p/fp32/f32}
            for n in train infer; do
                ratio "of_limit.$n.$m.$p" fraction "xr.${m}_${n}_${p}_median_b32" "limit.$m.$short.b32.$n"
            done
        done
        for n in 1 100; do
            ratio "ratio.cold.$m.n$n.openvino" times "ov.cold.$m.n$n" "xr.cold.$m.n$n.bf16"
            ratio "ratio.cold.$m.n$n.onnxruntime" times "ort.cold.$m.n$n" "xr.cold.$m.n$n.fp32"
        done
    done
    ratio ratio.memory.train.efficientnet_b0 times torch.train.efficientnet_b0.b32.fp32cl.peak_rss \
        xr.efficientnet_b0_train_fp32_peak_b32
    ratio ratio.memory.train.resnet50 times torch.train.resnet50.b32.bf16cl.peak_rss xr.resnet50_train_bf16_peak_b32
}

# --- rounds --------------------------------------------------------------------------------------------

round() {
    local m
    ours -t -p bf16 -n 4 efficientnet_b0
    torch_train --model efficientnet_b0 --mode fp32cl
    ours -t -n 4 efficientnet_b0
    [ "${XR_BENCH_COMPILE:-1}" = 0 ] || torch_train --model efficientnet_b0 --mode fp32cl --compile
    ours -t -p bf16 -n 3 resnet50
    torch_train --model resnet50 --mode bf16cl
    ours -t -n 3 resnet50
    for m in "${networks[@]}"; do
        ours -i -p bf16 -n 10 "$m"
        ours -i -p bf16 -n 60 -b 1 "$m"
        infer_peer "$m" ov_bf16
        ours -i -n 8 "$m"
        ours -i -n 60 -b 1 "$m"
        infer_peer "$m" ort
        for n in 1 100; do
            seconds_of "xr.cold.$m.n$n.fp32" pipe "$folder/$m.safetensors" float32 "${films[@]:0:n}"
            seconds_of "xr.cold.$m.n$n.bf16" pipe "$folder/$m.safetensors" bf16 "${films[@]:0:n}"
            seconds_of "ort.cold.$m.n$n" "$python" "$peers/cold_ort.py" "$folder/onnx" "$m" "${films[@]:0:n}"
            seconds_of "ov.cold.$m.n$n" "$python" "$peers/cold_ov.py" "$folder/onnx" "$m" "${films[@]:0:n}"
        done
    done
}

limits || say "no C++ compiler or no oneDNN headers: no limits"
for r in $(seq "$rounds"); do
    say "round $r of $rounds"
    round
done
results
