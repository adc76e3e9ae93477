"""What is here: versions, the device, how fast it copies and multiplies."""

import platform
from importlib.metadata import PackageNotFoundError, version

import torch
from reporting import Report, run  # pyrefly: ignore[missing-import]

PACKAGES = ("triton", "torchvision", "timm", "pytorch-lightning", "hydra-core", "albumentations")


def main(report: Report) -> None:
    report.add("Python", platform.python_version())
    report.add("torch", torch.__version__)
    for package in (*PACKAGES, "av"):
        try:
            report.add(package, version(package))
        except PackageNotFoundError:
            report.add(package, "missing")
    report.attempt("vision_shared imports", import_ours)
    if not report.is_cuda:
        report.add("device", "no CUDA")
        return
    report.add("device", torch.cuda.get_device_name())
    report.add("compute capability", ".".join(map(str, torch.cuda.get_device_capability())))
    report.add("devices", torch.cuda.device_count())
    source = torch.empty(2**31, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    seconds = timed(lambda: target.copy_(source))
    report.add("copy, GB/s read and written", 2 * source.numel() / seconds / 1e9)
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    report.add("bf16 product 8192^3, TFLOP/s", 2 * 8192**3 / timed(lambda: a @ a) / 1e12)


def import_ours() -> None:
    import vision_shared.run  # noqa: F401
    import voxel_flow.models  # noqa: F401


def timed(work) -> float:  # type: ignore[no-untyped-def]
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for turn in range(13):
        if turn == 3:
            start.record()
        work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000 / 10


if __name__ == "__main__":
    run(main)
