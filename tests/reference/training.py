"""Reference values of training: optimisers, schedules, layer decay, mixing.

    python3 tests/reference/training.py >tests/unit/training_reference.h

torch 2.15, timm 1.0.31, NumPy. Values and gradients are the functions of a name that
tests/unit/formula.h has in C, so that nothing but results is stored.
"""
import numpy as np
import timm
import torch
from timm.data.mixup import cutmix_bbox_and_lam, mixup_target
from timm.optim import Lamb, Lion
from timm.optim._param_groups import param_groups_layer_decay

M64 = (1 << 64) - 1
GOLD = 0x9E3779B97F4A7C15


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    return z ^ (z >> 31)


def u(name, n):
    """n doubles in (-1, 1): fm_u(fm_key(name), 0..n-1)."""
    key = 0xCBF29CE484222325
    for b in name.encode():
        key = ((key ^ b) * 0x100000001B3) & M64
    key = mix((key + GOLD) & M64)
    return np.array([((mix((key + (j + 1) * GOLD) & M64) >> 40) + 0.5) * 2.0**-23 - 1
                     for j in range(n)])


def numbers(values):
    return ", ".join(repr(float(v)) for v in values)


def c_array(name, rows, comment):
    print(f"/* {comment} */")
    print(f"static const double {name}[{len(rows)}][{len(rows[0])}] = {{")
    for row in rows:
        print(f"    {{{numbers(row)}}},")
    print("};\n")


# --- optimisers: the classifier of resnet18 (3 x 512 and 3) over ten steps


def optimise(make):
    w = torch.nn.Parameter(torch.tensor(np.sqrt(6 / 512) * u("fc.weight", 1536)).float()
                           .reshape(3, 512).double())
    b = torch.nn.Parameter(torch.tensor(0.1 * u("fc.bias", 3)).float().double())
    optimizer = make([{"params": [b], "weight_decay": 0.0},
                      {"params": [w], "weight_decay": 0.05}])
    rows = []
    for t in range(10):
        w.grad = torch.tensor(0.5 * u(f"fc.weight.grad{t}", 1536)).float().reshape(3, 512).double()
        b.grad = torch.tensor(0.5 * u(f"fc.bias.grad{t}", 3)).float().double()
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * (1 + t)
        optimizer.step()
        if t in (0, 4, 9):
            flat = w.detach().flatten()
            at = [(2 * i + 1) * 1536 // 16 for i in range(8)]
            rows.append([float(v) for v in [flat.norm(), *flat[at], *b.detach()]])
    return rows


print("/* Made by tests/reference/training.py: "
      f"torch {torch.__version__.split('+')[0]}, timm {timm.__version__}. */")
print("/* clang-format off */")
WHAT = "fc.weight: L2, samples 0..7 of 8; fc.bias; after steps 1, 5 and 10"
c_array("ref_adamw", optimise(lambda p: torch.optim.AdamW(p, betas=(0.8, 0.99))), WHAT)
c_array("ref_sgd", optimise(lambda p: torch.optim.SGD(p, momentum=0.9, nesterov=True)), WHAT)
c_array("ref_lamb", optimise(Lamb), WHAT)
c_array("ref_lion", optimise(Lion), WHAT)


# --- schedules


def dummy(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


def one_cycle(total, pct):
    o = dummy(0.1)
    s = torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=total, pct_start=pct)
    rows = []
    for _ in range(total):
        rows.append([o.param_groups[0]["lr"], o.param_groups[0]["momentum"]])
        o.step()
        if len(rows) < total:
            s.step()
    return rows


c_array("ref_onecycle", one_cycle(40, 0.3), "OneCycleLR(0.1, 40, pct_start=0.3): lr, momentum")
c_array("ref_onecycle_half", one_cycle(9, 0.5), "OneCycleLR(0.1, 9, pct_start=0.5)")


def epochs(scheduler, o, n, feed=None):
    rows = []
    for e in range(n):
        rows.append([o.param_groups[0]["lr"]])
        o.step()
        scheduler.step(*([feed[e]] if feed is not None else []))
    return rows


o = dummy(0.1)
c_array("ref_multistep", epochs(torch.optim.lr_scheduler.MultiStepLR(o, [2, 5, 6], 0.3), o, 8),
        "MultiStepLR([2, 5, 6], 0.3): lr of each epoch")
o = dummy(0.1)
c_array("ref_step", epochs(torch.optim.lr_scheduler.StepLR(o, 3, 0.5), o, 8),
        "StepLR(3, 0.5): lr of each epoch")
series = np.round(0.7 + 0.1 * np.sin(np.arange(40) / 4) + 0.03 * u("plateau", 40), 4)
series[20] = np.nan
for mode, name in (("max", "ref_plateau_max"), ("min", "ref_plateau_min")):
    o = dummy(0.1)
    s = torch.optim.lr_scheduler.ReduceLROnPlateau(
        o, mode, factor=0.2, patience=2, threshold=1e-2, cooldown=1, min_lr=1e-4)
    lrs = epochs(s, o, 40, series)
    print("/* ReduceLROnPlateau, patience 2, threshold 1e-2, cooldown 1, min_lr 1e-4, "
          f"{mode}: figure, lr behind it */")
    print(f"static const double {name}[40][2] = {{")
    for v, (lr,) in zip(series, lrs[1:] + [[o.param_groups[0]["lr"]]]):
        print(f"    {{{'NAN' if np.isnan(v) else repr(float(v))}, {float(lr)!r}}},")
    print("};\n")


# --- layer-wise decay: scales as runs of equal exponents


def layers(arch):
    model = timm.create_model(arch, num_classes=3)
    scale = {}
    for group in param_groups_layer_decay(model, layer_decay=0.5):
        for p in group["params"]:
            scale[p] = group["lr_scale"]
    exponents = [round(-np.log2(scale[p])) for p in model.parameters()]
    runs = []
    for e in exponents:
        if runs and runs[-1][0] == e:
            runs[-1][1] += 1
        else:
            runs.append([e, 1])
    return " ".join(f"{e}x{n}" for e, n in runs)


print("/* param_groups_layer_decay: exponent x parameters, in the order of the state dict */")
print("static const struct {\n    const char *arch, *runs;\n} ref_layers[] = {")
for arch in ("resnet18", "resnet50", "seresnet50", "efficientnet_b0", "tf_efficientnet_lite0",
             "efficientnetv2_s", "mobilenetv2_100", "mobilenetv3_small_100", "densenet121",
             "convnext_atto", "vgg11_bn"):
    print(f'    {{"{arch}",\n     "{layers(arch)}"}},')
print("};\n")


# --- mixing

rows = []
for h, w, lam, cy, cx in ((224, 224, 0.3, 100, 17), (32, 48, 0.9, 0, 47), (7, 5, 0.01, 6, 0),
                          (64, 64, 0.5, 32, 63), (33, 31, 0.75, 5, 15)):
    centre = iter((cy, cx))
    np.random.randint = lambda lo, hi, size=None: next(centre)  # cutmix_bbox asks twice
    (yl, yh, xl, xh), corrected = cutmix_bbox_and_lam((3, h, w), lam)
    rows.append([h, w, lam, cy, cx, yl, yh, xl, xh, corrected])
c_array("ref_boxes", rows, "cutmix_bbox_and_lam: h, w, lam, cy, cx, then yl, yh, xl, xh, lam")

logits = torch.tensor(3 * u("mix.logits", 20)).reshape(5, 4).requires_grad_()
labels = torch.tensor([0, 3, 1, 1, 2])
target = mixup_target(labels, 4, lam=0.35, smoothing=0.1).double()
loss = (-target * torch.log_softmax(logits, 1)).sum(1).mean()
loss.backward()
print("/* SoftTargetCrossEntropy of mixup_target(labels, 4, 0.35, 0.1), 5 rows of 4 logits */")
print(f"static const double ref_mix_loss = {loss.item()!r};")
c_array("ref_mix_gradient", logits.grad.tolist(), "its gradient")
