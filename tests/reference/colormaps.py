#!/usr/bin/env python3
"""Write libcommon/pixels/colormaps.inc: the colour tables of OpenCV, 256 entries of 0xRRGGBB each.

Usage: colormaps.py > libcommon/pixels/colormaps.inc   (needs opencv-python)
"""
import cv2
import numpy as np

print("/* Made by tests/reference/colormaps.py from OpenCV %s: do not edit. */" % cv2.__version__)
for name in ("jet", "viridis", "inferno", "turbo"):
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    bgr = cv2.applyColorMap(ramp, getattr(cv2, "COLORMAP_" + name.upper()))[:, 0].astype(int)
    words = ["0x%02x%02x%02x" % (r, g, b) for b, g, r in bgr]
    print("static const uint32_t %s[256] = {" % name)
    for i in range(0, 256, 8):
        print("    " + ", ".join(words[i:i + 8]) + ",")
    print("};")
