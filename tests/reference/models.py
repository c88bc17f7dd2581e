#!/usr/bin/env python3
"""Reference values of the networks that golden/models has none for.

usage: XR_SHARED=DIR python3 tests/reference/models.py [NAME...]

Writes tests/reference/models/NAME.json, which tests/unit/k-reference.c reads: an extension
of $XR_SHARED/golden/models/generate.py, whose formula gives the weights and images
(golden/common). To stay small a file holds a digest of the names and shapes of the state
dict, and of gradients and running statistics an evenly spread choice. timm 1.0.31, torch
2.15; alexnet is torchvision's, lenet5 is the one below.
"""
import json
import math
import os
import sys

import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.environ.get("XR_SHARED", os.path.join(HERE, "..", "..", "..", "shared"))
sys.path.insert(0, os.path.join(SHARED, "golden", "common"))
import xrformula as xf  # noqa: E402

# name -> height, width: small, and odd where padding differs
MODELS = {
    "efficientnet_b1": (96, 97), "efficientnet_b2": (97, 96), "efficientnet_b3": (96, 96),
    "efficientnet_b4": (96, 96), "efficientnet_b5": (96, 96), "efficientnet_b6": (96, 96),
    "efficientnet_b7": (96, 96), "tf_efficientnet_b0": (97, 96),
    "tf_efficientnet_lite1": (96, 97), "tf_efficientnet_lite2": (99, 99),
    "efficientnetv2_s": (96, 97), "mobilenetv2_100": (97, 96),
    "mobilenetv3_large_100": (97, 97), "resnet34": (96, 97), "resnet101": (96, 96),
    "resnext50_32x4d": (97, 96), "seresnet50": (96, 97), "vgg16_bn": (96, 97),
    "convnext_tiny": (97, 98), "alexnet": (97, 96), "lenet5": (37, 35),
}
CLASSES, LABELS, N_GRADIENTS, N_RUNNING = 3, [0, 2], 24, 8


class LeNet5(nn.Module):
    """LeCun et al. 1998 with means, full connections, tanh and a linear output."""

    def __init__(self, num_classes):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.conv3, self.fc1 = nn.Conv2d(16, 120, 5), nn.Linear(120, 84)
        self.fc2 = nn.Linear(84, num_classes)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.tanh(self.conv3(x)).mean((2, 3))
        return self.fc2(torch.tanh(self.fc1(x)))


def create(name):
    if name == "lenet5":
        return LeNet5(CLASSES)
    if name == "alexnet":
        return torchvision.models.alexnet(num_classes=CLASSES, dropout=0.0)
    return timm.create_model(name, num_classes=CLASSES)


def count_macs(model, x):
    total, hooks = [0], []

    def hook(m, _, out):
        taps = m.in_features if isinstance(m, nn.Linear) else m.weight[0].numel()
        total[0] += out.numel() // out.shape[0] * taps

    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            hooks.append(m.register_forward_hook(hook))
    model(x)
    for h in hooks:
        h.remove()
    return total[0]


def digest(model):
    """fnv1a64 of "name:1x2x3;" of every tensor of the state dict, in order."""
    text = "".join(f"{k}:{'x'.join(map(str, t.shape))};" for k, t in model.state_dict().items())
    return f"{xf.fnv1a64(text):016x}"


def choose(items, n):
    return [items[i * (len(items) - 1) // (n - 1)] for i in range(n)] if len(items) > n else items


def evaluate(model, x):
    """Logits in float64, and the scale of the running variances (their size falls with it)
    at which the largest is near 3: neither lost in the biases nor in rounding."""
    low, high, scale = 0.4, 3.0, 1.0
    if any(k.endswith("running_var") for k in model.state_dict()):
        for _ in range(7):
            scale = round(math.sqrt(low * high), 3)
            xf.fill_model(model, 1, scale)
            low, high = (scale, high) if float(model(x).abs().max()) > 3 else (low, scale)
    xf.fill_model(model, 1, scale)
    return scale, model(x)


def train(model, x, scale):
    xf.fill_model(model, 1, scale)
    model.train()
    model.zero_grad(set_to_none=True)
    loss = F.cross_entropy(model(x), torch.tensor(LABELS))
    loss.backward()
    grads = [(n, p.grad.double().contiguous().reshape(-1)) for n, p in model.named_parameters()]
    total = math.sqrt(sum(float(g.norm()) ** 2 for _, g in grads))
    return float(loss.detach()), total, choose(grads, N_GRADIENTS)


def worst(got, want, total):
    """Of the gradients of float32: how much of the tolerance they need."""
    top = 0.0
    for (_, g), (_, w) in zip(got, want):
        l2 = float(w.norm())
        top = max(top, abs(float(g.norm()) - l2) / (1e-3 * l2 + 1e-5 * total))
        for i in xf.sample_positions(w.numel(), 2):
            top = max(top, abs(float(g[i] - w[i])) / (1e-2 * l2 / math.sqrt(w.numel()) + 1e-5 * total))
    return top


def short(v, digits=10):
    return float(f"{v:.{digits}g}")


def one(name):
    h, w = MODELS[name]
    model = create(name).eval()
    x = torch.from_numpy(xf.input_images("input", (2, 3, h, w), 1))
    with torch.no_grad():
        macs = count_macs(model, x[:1])
        model.double()
        scale, logits = evaluate(model, x.double())
        model.float()
        xf.fill_model(model, 1, scale)
        gap = float((model(x).double() - logits).abs().max())
    loss32, _, grads32 = train(model, x, scale)
    loss, total, grads = train(model.double(), x.double(), scale)
    running = [(k, b) for k, b in model.named_buffers() if not k.endswith("num_batches_tracked")]
    out = {
        "model": name, "height": h, "width": w, "state": digest(model),
        "parameters": sum(p.numel() for p in model.parameters()), "macs": macs,
        "running_var_scale": scale,
        "logits": [[short(v) for v in row] for row in logits.tolist()],
        "float32_logits_off": short(gap, 3), "loss": short(loss),
        "float32_loss_off": short(abs(loss32 - loss), 3), "grad_global_l2": short(total),
        "float32_gradients_off": short(worst(grads32, grads, total), 3),
        "gradients": [[n, short(float(g.norm()), 7),
                       [short(float(g[i]), 7) for i in xf.sample_positions(g.numel(), 2)]]
                      for n, g in grads],
        "running": [[k, short(float(b.norm()), 8)] for k, b in choose(running, N_RUNNING)],
    }
    with open(os.path.join(HERE, "models", name + ".json"), "w", newline="\n") as f:
        f.write("{\n" + ",\n".join(
            f' "{k}": ' + ("[\n" + ",\n".join("  " + json.dumps(e) for e in v) + "\n ]"
                           if k in ("gradients", "running") and v else json.dumps(v))
            for k, v in out.items()) + "\n}\n")
    print(name, scale, out["logits"], gap, out["float32_gradients_off"], flush=True)


def main():
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        one(name)


if __name__ == "__main__":
    main()
