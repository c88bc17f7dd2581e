"""PyTorch on the same card, for tests/cuda/bench (make bench-cuda): name, value, unit."""
import sys
import time

import timm
import torch

MODEL = sys.argv[1]
torch.backends.cudnn.benchmark = True


def say(what, how, batch, seconds):
    print(f"{MODEL}_{what}_bf16_torch_{how}_b{batch}\t{batch / seconds:.2f}\timg/s", flush=True)


def clock(run, repeats):
    for _ in range(5):
        run()
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2]


for compiled in (False, True):
    how = "compiled" if compiled else "eager"
    model = timm.create_model(MODEL, num_classes=3).cuda().to(memory_format=torch.channels_last)
    step_model = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    x = torch.randn(128, 3, 224, 224, device="cuda").to(memory_format=torch.channels_last)
    y = torch.randint(3, (128,), device="cuda")

    def train():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(step_model(x), y)
        loss.backward()
        optimizer.step()
        loss.item()

    model.train()
    say("train", how, 128, clock(train, 10))
    model.eval()
    one = x[:1].contiguous(memory_format=torch.channels_last)

    def infer():
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
            step_model(one).float().cpu()

    say("infer", how, 1, clock(infer, 50))
