#!/bin/bash
# The whole way from gray JPEGs to varied 224x224 records beside a Python stack (OpenCV, albumentations, PyTorch's
# DataLoader), taking turns in one run: films a second, ratios, and the share of the time that decoding alone takes.
#   XR_PEER_PYTHON=PYTHON make bench
# PYTHON has torch, opencv and albumentations; recipe and films are those of XR_SHARED/peers. XR_BENCH_ROUNDS=N (3),
# XR_BENCH_THREADS=N (2) threads here and workers there.
set -eu -o pipefail

say() {
    printf 'pipe: %s\n' "$*" >&2
}

python=${XR_PEER_PYTHON:-}
peers=${XR_SHARED:-../shared}/peers
build=${XR_BUILD:-build}
if [ -z "$python" ]; then
    say "skipped: XR_PEER_PYTHON names no Python with torch, cv2 and albumentations"
    exit 0
fi
if [ ! -r "$peers/pipe_bench.py" ] || ! "$python" -c 'import torch, cv2, albumentations' 2>/dev/null; then
    say "skipped: no $peers, or $python lacks a module"
    exit 0
fi
rounds=${XR_BENCH_ROUNDS:-3}
threads=${XR_BENCH_THREADS:-2}
# shellcheck source=tests/bench/figures
. "$(dirname "$0")/figures"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
raw=$folder/raw
: >"$raw"

"$python" "$peers/mk_jpegs.py" "$folder" 32 64 >/dev/null
cat >"$folder/recipe.yaml" <<'END'
augment:
  size: 224
  fit: squash
  interpolation: linear
  transform:
    - clahe: {clip: "1:4", p: 1}
    - hflip: {p: 0.5}
    - shift_scale_rotate: {shift: 0.0625, scale: 0.1, rotate: 15, p: 1}
    - elastic: {alpha: 50, sigma: 7, p: 1}
    - coarse_dropout: {p: 1}
    - brightness_contrast: {p: 1}
END
# the recipe as pipe_bench.py has it, through a DataLoader whose workers are running already
cat >"$folder/peer.py" <<'END'
import glob, os, sys, time
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
script, folder, kind, times, workers = sys.argv[1:]
sys.argv = ["", folder, "none"]
exec(open(script).read())
import cv2, torch
class Films(torch.utils.data.Dataset):
    def __init__(self, files): self.files, self.chain = files, albu()
    def __len__(self): return len(self.files)
    def __getitem__(self, i):
        film = cv2.imread(self.files[i], cv2.IMREAD_COLOR)
        return self.chain(image=cv2.cvtColor(film, cv2.COLOR_BGR2RGB))["image"]
loader = torch.utils.data.DataLoader(
    Films(files[kind] * int(times)), batch_size=32, num_workers=int(workers), persistent_workers=True,
    worker_init_fn=lambda _: cv2.setNumThreads(1))
for measured in (False, True):
    start, n = time.perf_counter(), 0
    for batch in loader: n += len(batch)
print(f"albu.pipe.{kind}\t{n / (time.perf_counter() - start):.5g}\timages/s")
END

# ours NAME KIND EPOCHS OPTION...: the whole process, with its start; also CPU time a film
ours() {
    local name=$1 kind=$2 epochs=$3 from to films
    shift 3
    find "$folder" -name "${kind}_*.jpg" | sort >"$folder/list"
    films=$(($(wc -l <"$folder/list") * epochs))
    from=$EPOCHREALTIME
    TIMEFORMAT='%U %S'
    { time "$build/bin/xr-augment" --config "$folder/recipe.yaml" --augment -j "$threads" --epochs "$epochs" \
        --files-from "$folder/list" "$@" >/dev/null; } 2>"$folder/cpu"
    to=$EPOCHREALTIME
    awk -v a="$from" -v b="$to" -v n="$films" -v name="$name" '
        { printf "%s\t%.5g\timages/s\n%s.cpu\t%.5g\tus\n", name, n / (b - a), name, ($1 + $2) * 1e6 / n }' \
        "$folder/cpu" >>"$raw"
}

decoder() { # KIND: CPU time of libjpeg alone, with reading into memory before
    "$build/bench/augment" 224 "$folder/$1"_*.jpg | awk -F '\t' -v kind="$1" '
        $1 == "decode" && $3 == "us/film" { printf "decoder.%s.cpu\t%s\tus\n", kind, $2 }' >>"$raw"
}

for r in $(seq "$rounds"); do
    say "round $r of $rounds"
    for kind in large small; do
        epochs=$([ $kind = large ] && echo 4 || echo 16)
        ours xr.pipe.$kind $kind "$epochs"
        ours xr.pipe.$kind.bicubic $kind "$epochs" --interpolation bicubic
        ours xr.pipe.$kind.fast $kind "$epochs" --interpolation bicubic --fast-decode
        decoder $kind
        "$python" "$folder/peer.py" "$peers/pipe_bench.py" "$folder" $kind "$((epochs / 2))" "$threads" 2>/dev/null >>"$raw"
    done
done
medians
for kind in large small; do
    ratio ratio.pipe.$kind times xr.pipe.$kind albu.pipe.$kind
    ratio ratio.pipe.$kind.bicubic times xr.pipe.$kind.bicubic albu.pipe.$kind
    ratio ratio.pipe.$kind.fast times xr.pipe.$kind.fast albu.pipe.$kind
    ratio of_decoder.pipe.$kind fraction decoder.$kind.cpu xr.pipe.$kind.cpu
    ratio of_decoder.pipe.$kind.bicubic fraction decoder.$kind.cpu xr.pipe.$kind.bicubic.cpu
done
