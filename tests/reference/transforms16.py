#!/usr/bin/env python3
"""What other programs, or float64, make of one small film of 16 bits: tests/reference/transforms16.jsonl.

Usage: transforms16.py >tests/reference/transforms16.jsonl
Needs numpy, opencv-python-headless and Pillow. Pillow's arithmetic on 16 bits is that of its mode F, rounded once.
"""
import json
import sys

import cv2
import numpy as np
from PIL import Image

H, W = 16, 20
WHITE = 65535.0
ROUNDED = {"max": 1, "mean": 0.1}  # float32 beside float64
EXACT = {"max": 0, "mean": 0}


def film(kind):
    """As deep_film() of tests/unit/transforms_reference.c makes it."""
    i = np.arange(H * W)
    x, y = i % W, i // W
    grain = (((i + kind * 7919) * 2654435761) % 2 ** 32) >> 27
    v = np.minimum(30 + 5 * x + 4 * y + 60 * ((x - 8) ** 2 + (y - 9) ** 2 < 20) + grain - kind * 20, 255)
    return np.minimum(v * 257 + (i * 40503 >> 4) % 257, 65535).astype(np.uint16).reshape(H, W)


def say(name, pixels, tolerance, **parameters):
    pixels = np.asarray(pixels)
    assert pixels.min() >= 0 and pixels.max() <= 65535
    h, w = pixels.shape
    json.dump(dict(transform=dict(name=name, **parameters), depth=16, height=h, width=w, **tolerance,
                   pixels=pixels.astype(">u2").tobytes().hex()), sys.stdout)
    print()


def floats(im, size, how):
    return np.array(Image.fromarray(im.astype(np.float32)).resize(size, how), np.float64)


def whole(v):
    return np.rint(np.clip(v, 0, WHITE))


def bilinear(im, mx, my, border):
    """float64, pixel centres at whole numbers."""
    pad = 64
    wide = np.pad(im.astype(np.float64), pad, **({"mode": "reflect"} if border == "reflect" else {"constant_values": 0}))
    mx, my = np.clip(mx + pad, 0, wide.shape[1] - 2), np.clip(my + pad, 0, wide.shape[0] - 2)
    x, y = np.floor(mx).astype(int), np.floor(my).astype(int)
    fx, fy = mx - x, my - y
    above = wide[y, x] * (1 - fx) + wide[y, x + 1] * fx
    below = wide[y + 1, x] * (1 - fx) + wide[y + 1, x + 1] * fx
    return np.floor(above * (1 - fy) + below * fy + 0.5)


def through(im, forward, border):
    yy, xx = np.mgrid[0:H, 0:W].astype(np.float64)
    x, y, w = np.einsum("ij,jhw->ihw", np.linalg.inv(forward), np.stack([xx, yy, np.ones_like(xx)]))
    return bilinear(im, x / w, y / w, border)


def warps(im):
    near = {"max": 8, "mean": 0.6}  # coordinates in float32: 1e-6 of a step between neighbours of 20,000 levels
    for border in ("black", "reflect"):
        turn = np.vstack([cv2.getRotationMatrix2D(((W - 1) / 2, (H - 1) / 2), 20, 1.15), [0, 0, 1]])
        move = np.array([[1, 0, 0.05 * W], [0, 1, -0.1 * H], [0, 0, 1]])
        say("shift_scale_rotate", through(im, move @ turn, border), near, shift_x=0.05, shift_y=-0.1, scale=1.15,
            rotate=20.0, border=border)
    corners = [0.05, 0.1, 0.2, 0.02, 0.08, 0.15, 0.0, 0.12]
    right, bottom = W - 1, H - 1
    start = np.float32([[0, 0], [right, 0], [right, bottom], [0, bottom]])
    inward = np.array(corners).reshape(4, 2) * [[1, 1], [-1, 1], [-1, -1], [1, -1]] * [right, bottom]
    m = cv2.getPerspectiveTransform(start, (start + inward).astype(np.float32))
    say("perspective", through(im, m, "black"), near, corners=corners, border="black")
    yy, xx = np.mgrid[0:H, 0:W].astype(np.float64)
    u, v = (xx - (W - 1) / 2) / W, (yy - (H - 1) / 2) / H
    r2 = u ** 2 + v ** 2
    grow = 1 + 0.4 * r2 + 0.4 * r2 ** 2
    say("optical_distortion", bilinear(im, (W - 1) / 2 + W * u * grow, (H - 1) / 2 + H * v * grow, "black"), near, k=0.4,
        border="black")
    say("hflip", im[:, ::-1], EXACT)
    say("vflip", im[::-1], EXACT)
    say("rot90", im[::-1, ::-1], EXACT, turns=2)


def sizes(im):
    say("resize", whole(floats(im, (13, 11), Image.LANCZOS)), ROUNDED, interpolation="lanczos", height=11, width=13)
    say("resize", cv2.resize(im, (13, 7), interpolation=cv2.INTER_AREA), ROUNDED, interpolation="area", height=7,
        width=13)
    say("random_resized_crop", whole(floats(im[2:13, 3:17], (15, 12), Image.BICUBIC)), ROUNDED,
        interpolation="bicubic", height=12, width=15, box=[3, 2, 14, 11])
    say("letterbox", np.pad(im, ((2, 2), (0, 0))), EXACT, interpolation="bilinear", height=20, width=20)
    say("center_crop", np.pad(im, ((0, 0), (2, 2)))[4:12], EXACT, height=8, width=24, x=-2, y=4)
    low = whole(floats(im, (10, 8), Image.BOX))
    say("downscale", whole(floats(low, (W, H), Image.BILINEAR)), ROUNDED, scale=0.5, down="box", up="bilinear")


def levels(im):
    v = im.astype(np.float64)
    say("brightness_contrast", np.floor(np.clip(v * 1.3 - 0.15 * 255 * 257, 0, WHITE)), ROUNDED, brightness=-0.15,
        contrast=0.3)
    say("gamma", np.floor(WHITE * (v / WHITE) ** 0.7), ROUNDED, gamma=0.7)
    say("invert", WHITE - v, EXACT)
    say("window", whole((v - WHITE * (0.5 + 0.06 - 0.415)) / (WHITE * 0.83) * WHITE), ROUNDED, level=0.06, width=-0.17)
    say("posterize", im & 0xE000, EXACT, bits=3)
    say("solarize", np.where(v < 110 * 257, v, WHITE - v), EXACT, threshold=110)
    say("brightness", np.floor(np.clip(v * 1.35, 0, WHITE)), ROUNDED, brightness=0.35)
    mean = np.floor(v.mean() + 0.5)
    for f in (-0.4, 0.5):
        say("contrast", np.floor(np.clip(mean + (1 + f) * (v - mean), 0, WHITE)), ROUNDED, contrast=f)
    say("autocontrast", np.floor((v - v.min()) * WHITE / (v.max() - v.min())), ROUNDED)
    values, counts = np.unique(im, return_counts=True)
    below = np.searchsorted(np.sort(im, axis=None), im)
    at_most = np.searchsorted(np.sort(im, axis=None), im, side="right")
    # OpenCV's equalizeHist, for 65536 levels; then Pillow's equalize, whose steps are not whole numbers here
    say("equalize", whole((at_most - counts[0]) * WHITE / (v.size - counts[0])), ROUNDED, mode="cv")
    step = (v.size - counts[-1]) / WHITE
    say("equalize", np.floor(np.clip(below / step + 0.5, 0, WHITE)), ROUNDED, mode="pil")
    for clip, tiles in ((2.0, 4), (100.0, 3)):
        say("clahe", cv2.createCLAHE(clip, (tiles, tiles)).apply(im), EXACT, clip=clip, tiles=tiles)


def filters(im):
    v = im.astype(np.float64)

    def smooth(plane, sigma, taps):
        return cv2.GaussianBlur(plane, (taps, taps), sigma, borderType=cv2.BORDER_REFLECT_101)

    say("blur", whole(smooth(v, 1.2, 9)), ROUNDED, sigma=1.2)
    for size in (3, 5):
        say("median", cv2.medianBlur(im, size), EXACT, size=size)
    alpha, light = 0.4, 0.7
    kernel = (1 - alpha) * np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]) + \
        alpha * np.array([[-1, -1, -1], [-1, 8 + light, -1], [-1, -1, -1]])
    say("sharpen", whole(cv2.filter2D(v, -1, kernel)), ROUNDED, alpha=alpha, lightness=light)
    soft = whole(cv2.filter2D(v, -1, np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13))
    for f in (-0.6, 0.8):
        out = v.copy()
        out[1:-1, 1:-1] = np.floor(np.clip(soft + (1 + f) * (v - soft), 0, WHITE))[1:-1, 1:-1]
        say("sharpness", out, {"max": 2, "mean": 0.1}, sharpness=f)
    blurred = smooth(v, 1.0, 9)
    edge = smooth((np.abs(v - blurred) > 5 * 257).astype(np.float64), 1.0, 9)
    sharp = np.clip(v + 0.6 * (v - blurred), 0, WHITE)
    say("unsharp", whole(edge * sharp + (1 - edge) * v), ROUNDED, sigma=1.0, amount=0.6, threshold=5)


def occlusions(im):
    out = im.copy()
    out[3:9, 4:11] = 100 * 257
    out[12:16, 0:2] = 100 * 257
    say("coarse_dropout", out, EXACT, boxes=[[4, 3, 11, 9], [0, 12, 2, 16]], fill=100)
    out = im.copy()
    for y in range(2 - 7, H, 7):
        for x in range(5 - 7, W, 7):
            out[max(y, 0):max(y + 3, 0), max(x, 0):max(x + 3, 0)] = 9 * 257
    say("grid_dropout", out, EXACT, unit=7, hole=3, x=5, y=2, fill=9)
    yy, xx = np.mgrid[0:H, 0:W] - np.array([(H - 1) / 2, (W - 1) / 2])[:, None, None]
    a = np.deg2rad(10)
    u, v = xx * np.cos(a) - yy * np.sin(a), xx * np.sin(a) + yy * np.cos(a)
    inside = np.minimum(np.minimum(u + 0.4 * W, 0.45 * W - u), np.minimum(v + 0.35 * H, 0.5 * H - v))
    light = np.clip(inside / (0.125 * H) + 0.5, 0, 1)
    say("collimator", np.rint(6 * 257 + light * (im - 6.0 * 257)), ROUNDED, left=0.1, right=0.05, top=0.15, bottom=0.0,
        rotate=10.0, edge=0.125, level=6)


if __name__ == "__main__":
    base = film(0)
    for part in (warps, sizes, levels, filters, occlusions):
        part(base)
