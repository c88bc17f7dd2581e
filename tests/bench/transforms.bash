#!/bin/bash
# Each transform on one film of 224x224 gray, one core, beside albumentations (or Pillow where it has none),
# taking turns in one run: microseconds of both and their ratio.
#   XR_PEER_PYTHON=PYTHON make bench
# PYTHON has albumentations, opencv-python-headless and Pillow. XR_BENCH_ROUNDS=N (3).
set -eu -o pipefail

python=${XR_PEER_PYTHON:-}
bench=$(realpath "${XR_BUILD:-build}/bench/transforms")
rounds=${XR_BENCH_ROUNDS:-3}
if [ -z "$python" ] || ! "$python" -c 'import albumentations, cv2, PIL' 2>/dev/null; then
    echo "transforms: skipped: XR_PEER_PYTHON names no Python with albumentations, cv2 and PIL" >&2
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >peer.py <<'END'
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import albumentations as A
import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

cv2.setNumThreads(1)
rng = np.random.default_rng(0)
y, x = np.mgrid[0:224, 0:224] - 112
im = (60 + 120 * np.exp(-(x ** 2 + y ** 2) / 9000) + 20 * np.cos(x / 9)).astype(np.float32)
im = np.clip(cv2.GaussianBlur(im + rng.normal(0, 12, im.shape).astype(np.float32), (0, 0), 1), 0, 255).astype(np.uint8)
if len(sys.argv) > 1:
    open(sys.argv[1], "wb").write(im.tobytes())
    sys.exit()
pil = Image.fromarray(im)
meta = [im]
peers = {
    "clahe": A.CLAHE(clip_limit=(2, 2), p=1), "hflip": A.HorizontalFlip(p=1), "vflip": A.VerticalFlip(p=1),
    "rot90": A.RandomRotate90(p=1), "transpose": A.Transpose(p=1),
    "shift_scale_rotate": A.ShiftScaleRotate(shift_limit=.0625, scale_limit=.1, rotate_limit=15, p=1),
    "affine": A.Affine(scale=(.9, 1.1), rotate=(-15, 15), shear=(-5, 5), translate_percent=(-.06, .06), p=1),
    "perspective": A.Perspective(p=1), "elastic": A.ElasticTransform(alpha=50, sigma=7, p=1),
    "grid_distortion": A.GridDistortion(p=1), "optical_distortion": A.OpticalDistortion(p=1),
    "random_resized_crop": A.RandomResizedCrop((224, 224), scale=(.5, 1), interpolation=cv2.INTER_CUBIC, p=1),
    "equalize": A.Equalize(p=1), "brightness_contrast": A.RandomBrightnessContrast(p=1), "gamma": A.RandomGamma(p=1),
    "posterize": A.Posterize(p=1), "solarize": A.Solarize(p=1), "invert": A.InvertImg(p=1),
    "autocontrast": A.AutoContrast(p=1), "blur": A.GaussianBlur(sigma_limit=(.5, 1.5), p=1),
    "median": A.MedianBlur(blur_limit=(3, 3), p=1), "sharpen": A.Sharpen(p=1), "unsharp": A.UnsharpMask(p=1),
    "jpeg": A.ImageCompression(quality_range=(40, 90), p=1), "downscale": A.Downscale(
        scale_range=(.4, .8), interpolation_pair={"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}, p=1),
    "gauss_noise": A.GaussNoise(std_range=(.01, .04), p=1), "poisson": A.ShotNoise(scale_range=(.02, .05), p=1),
    "coarse_dropout": A.CoarseDropout(num_holes_range=(1, 4), hole_height_range=(.05, .15), hole_width_range=(.05, .15), p=1),
    "grid_dropout": A.GridDropout(p=1), "match_histogram": A.HistogramMatching(metadata_key="m", p=1),
    "brightness": lambda: np.asarray(ImageEnhance.Brightness(pil).enhance(1.2)),
    "contrast": lambda: np.asarray(ImageEnhance.Contrast(pil).enhance(1.2)),
    "sharpness": lambda: np.asarray(ImageEnhance.Sharpness(pil).enhance(1.2)),
    "normalize": A.Normalize(mean=(.5,), std=(.25,)),
}
for name, t in peers.items():
    f = t if not isinstance(t, A.BasicTransform) else (lambda: t(image=im[..., None] if name == "normalize" else im, m=meta))
    f()
    n, spent, best = 3, 0, 1e9
    for _ in range(4):
        start = time.process_time()
        for _ in range(n):
            f()
        spent = (time.process_time() - start) / n
        best = min(best, spent)
        n = max(3, int(.05 / max(spent, 1e-6)))
    print(f"{name}\t{1e6 * best:.1f}", flush=True)
END
"$python" peer.py film.raw
for ((i = 0; i < rounds; i++)); do
    "$bench" film.raw | sed -nE 's/^transform\.([^\t]*)\t([^\t]*)\tus/ours\t\1\t\2/p'
    "$python" peer.py | sed 's/^/peer\t/'
done >raw
# the best of each, in our order
awk -F '\t' '
    !(($1, $2) in best) || $3 + 0 < best[$1, $2] { best[$1, $2] = $3 + 0 }
    $1 == "ours" && !seen[$2]++ { order[++n] = $2 }
    END {
        for (i = 1; i <= n; i++) {
            name = order[i]
            printf "transform.%s\t%.1f\tus\n", name, best["ours", name]
            if (("peer", name) in best) {
                printf "transform.%s.peer\t%.1f\tus\n", name, best["peer", name]
                printf "transform.%s.ratio\t%.1f\tx\n", name, best["peer", name] / best["ours", name]
            }
        }
        if (("peer", "normalize") in best)
            printf "transform.normalize.peer\t%.1f\tus\n", best["peer", "normalize"]
    }' raw
