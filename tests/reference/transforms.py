#!/usr/bin/env python3
"""What other programs make of one small film with fixed parameters: tests/reference/transforms.jsonl.

Usage: transforms.py >tests/reference/transforms.jsonl
Needs numpy, opencv-python-headless, Pillow and albumentations 2.0. OpenCV before 5 rounds the coordinates of
warps to 1/32 pixel; 5 is near the ideal arithmetic, which is the rule.
"""
import json
import sys

import albumentations.augmentations.geometric.functional as FG
import albumentations.augmentations.mixing.domain_adaptation_functional as FM
import albumentations.augmentations.pixel.functional as FP
import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

H, W = 16, 20
NEAR = {"max": 1, "mean": 0.1}
EXACT = {"max": 0, "mean": 0}


def film(kind):
    """As tests/unit/reference_film() makes it."""
    i = np.arange(H * W)
    x, y = i % W, i // W
    grain = (((i + kind * 7919) * 2654435761) % 2 ** 32) >> 27
    v = 30 + 5 * x + 4 * y + 60 * ((x - 8) ** 2 + (y - 9) ** 2 < 20) + grain - kind * 20
    return np.minimum(v, 255).astype(np.uint8).reshape(H, W)


def say(name, pixels, tolerance, text=None, **parameters):
    case = {"text": text} if text else {"transform": dict(name=name, **parameters)}
    h, w = pixels.shape
    json.dump(dict(case, height=h, width=w, **tolerance, pixels=pixels.astype(np.uint8).tobytes().hex()), sys.stdout)
    print()


def warps(im):
    for border, mode in (("black", cv2.BORDER_CONSTANT), ("reflect", cv2.BORDER_REFLECT_101)):
        p = dict(scale=1.15, rotate=20.0, shear_x=10.0, shear_y=-5.0, translate_x=0.05, translate_y=-0.1)
        m = FG.create_affine_transformation_matrix(
            {"x": p["translate_x"] * W, "y": p["translate_y"] * H}, {"x": p["shear_x"], "y": p["shear_y"]},
            {"x": p["scale"], "y": p["scale"]}, p["rotate"], FG.center((H, W)))[:2]
        out = cv2.warpAffine(im, m, (W, H), flags=cv2.INTER_LINEAR, borderMode=mode)
        say("affine", out, NEAR, border=border, **p)
    corners = [0.05, 0.1, 0.2, 0.02, 0.08, 0.15, 0.0, 0.12]
    right, bottom = W - 1, H - 1
    start = np.float32([[0, 0], [right, 0], [right, bottom], [0, bottom]])
    inward = np.array(corners).reshape(4, 2) * [[1, 1], [-1, 1], [-1, -1], [1, -1]] * [right, bottom]
    m = cv2.getPerspectiveTransform(start, (start + inward).astype(np.float32))
    out = cv2.warpPerspective(im, m, (W, H), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    say("perspective", out, NEAR, corners=corners, border="black")
    yy, xx = np.mgrid[0:H, 0:W].astype(np.float32)
    cols, rows = [1.2, 0.7, 1.1, 0.9], [0.8, 1.3, 1.0, 0.75]

    def ramp(shares, n):
        ends = np.concatenate([[0], np.cumsum(shares)]) / np.sum(shares) * n
        return np.interp((np.arange(n) + 0.5) / n * len(shares), np.arange(len(shares) + 1), ends) - 0.5

    mx, my = np.meshgrid(ramp(cols, W), ramp(rows, H))
    out = cv2.remap(im, mx.astype(np.float32), my.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    say("grid_distortion", out, NEAR, cells=4, columns=cols, rows=rows, border="reflect")
    for k in (0.4, -0.3):
        camera = np.float64([[W, 0, (W - 1) / 2], [0, H, (H - 1) / 2], [0, 0, 1]])
        mx, my = cv2.initUndistortRectifyMap(camera, np.float64([k, k, 0, 0, 0]), None, None, (W, H), cv2.CV_32FC1)
        out = cv2.remap(im, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        say("optical_distortion", out, NEAR, k=k, border="black")


def sizes(im):
    pil = Image.fromarray(im)
    say("random_resized_crop", np.array(pil.crop((3, 2, 17, 13)).resize((15, 12), Image.BICUBIC)), EXACT,
        interpolation="bicubic", height=12, width=15, box=[3, 2, 14, 11])
    say("resize", np.array(pil.resize((13, 11), Image.LANCZOS)), EXACT, interpolation="lanczos", height=11, width=13)
    box = Image.new("L", (20, 20))
    box.paste(pil, (0, 2))
    say("letterbox", np.array(box), EXACT, interpolation="bilinear", height=20, width=20)
    say("center_crop", np.array(pil.crop((-2, 4, 22, 12))), EXACT, height=8, width=24, x=-2, y=4)


def levels(im):
    pil = Image.fromarray(im)
    say("brightness", np.array(ImageEnhance.Brightness(pil).enhance(1.35)), EXACT, brightness=0.35)
    say("contrast", np.array(ImageEnhance.Contrast(pil).enhance(0.6)), EXACT, contrast=-0.4)
    say("contrast", np.array(ImageEnhance.Contrast(pil).enhance(1.5)), EXACT, contrast=0.5)
    say("autocontrast", np.array(ImageOps.autocontrast(pil)), EXACT)
    say("posterize", np.array(ImageOps.posterize(pil, 3)), EXACT, bits=3)
    say("solarize", np.array(ImageOps.solarize(pil, 110)), EXACT, threshold=110)
    say("equalize", np.array(ImageOps.equalize(pil)), EXACT, mode="pil")
    low, width = 127.5 + 255 * 0.06 - 255 * 0.8 / 2, 255 * 0.8
    say("window", np.rint(np.clip((im - low) / width * 255, 0, 255)), NEAR, level=0.06, width=-0.2)
    out = FM.apply_histogram(im, film(1), 0.7)
    say("match_histogram", out, NEAR, text="match_histogram(reference=%s,blend=0.7,p=1)")


def filters(im):
    pil = Image.fromarray(im)
    alpha, light = 0.4, 0.7
    effect = np.array([[-1, -1, -1], [-1, 8 + light, -1], [-1, -1, -1]])
    kernel = (1 - alpha) * np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]) + alpha * effect
    say("sharpen", cv2.filter2D(im, -1, kernel.astype(np.float32)), NEAR, alpha=alpha, lightness=light)
    for f in (-0.6, 0.8):
        say("sharpness", np.array(ImageEnhance.Sharpness(pil).enhance(1 + f)), NEAR, sharpness=f)
    say("unsharp", FP.unsharp_mask(im, 9, 1.0, 0.6, 5), NEAR, sigma=1.0, amount=0.6, threshold=5)
    say("median", cv2.medianBlur(im, 5), EXACT, size=5)
    for q in (35, 80):
        out = cv2.imdecode(cv2.imencode(".jpg", im, [cv2.IMWRITE_JPEG_QUALITY, q])[1], cv2.IMREAD_GRAYSCALE)
        say("jpeg", out, EXACT, quality=q)
    # halves are ties, which OpenCV's 2x2 path rounds up
    say("downscale", FP.downscale(im, 0.5, cv2.INTER_AREA, cv2.INTER_LINEAR), {"max": 1, "mean": 0.2}, scale=0.5,
        down="area", up="linear")
    # sizes given: with a factor alone OpenCV cuts off what the rounding of the sides leaves over
    low = cv2.resize(im, (14, 11), interpolation=cv2.INTER_LINEAR)
    say("downscale", cv2.resize(low, (W, H), interpolation=cv2.INTER_LINEAR), NEAR, scale=0.7, down="linear", up="linear")


def occlusions(im):
    out = im.copy()
    for y in range(2 - 7, H, 7):
        for x in range(5 - 7, W, 7):
            out[max(y, 0):max(y + 3, 0), max(x, 0):max(x + 3, 0)] = 9
    say("grid_dropout", out, EXACT, unit=7, hole=3, x=5, y=2, fill=9)
    yy, xx = np.mgrid[0:H, 0:W] - np.array([(H - 1) / 2, (W - 1) / 2])[:, None, None]
    a = np.deg2rad(10)
    u, v = xx * np.cos(a) - yy * np.sin(a), xx * np.sin(a) + yy * np.cos(a)
    inside = np.minimum(np.minimum(u + 0.4 * W, 0.45 * W - u), np.minimum(v + 0.35 * H, 0.5 * H - v))
    light = np.clip(inside / (0.125 * H) + 0.5, 0, 1)
    say("collimator", np.rint(6 + light * (im - 6.0)), NEAR, left=0.1, right=0.05, top=0.15, bottom=0.0, rotate=10.0,
        edge=0.125, level=6)


if __name__ == "__main__":
    base = film(0)
    for part in (warps, sizes, levels, filters, occlusions):
        part(base)
