"""The smoke training of every task as ``trainer=gpu`` has it, all at once; on a CPU one by one."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reporting import Report, run  # pyrefly: ignore[missing-import]

MODULES = ("voxel_flow", "segmentation", "face_attributes", "fashion")
# ImageNet's weights would need a network, or another 17 MB in .gpu
UNTRAINED = {
    "face_attributes": [
        "module.network.lnet_o.pretrained=false",
        "module.network.anet.backbone.pretrained=false",
    ]
}


def main(report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, began = Path(folder), time.monotonic()
        waiting, running = list(MODULES), {}
        while waiting or running:
            while waiting and (report.is_cuda or not running):
                running[waiting[0]] = start(waiting[0], root, report.is_cuda)
                del waiting[0]
            for module, process in list(running.items()):
                if process.poll() is not None:
                    del running[module]
                    tell(report, module, process.returncode, time.monotonic() - began, root)
            time.sleep(0.2)


def start(module: str, root: Path, is_cuda: bool) -> subprocess.Popen[bytes]:
    words = ["experiment=smoke", "logger=csv", f"data.root={root / 'data'}"]
    words += [f"hydra.run.dir={root / module}", *UNTRAINED.get(module, [])]
    words += ["trainer=gpu"] if is_cuda else []
    command = [sys.executable, "-m", f"{module}.train", *words]
    with (root / f"{module}.log").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def tell(report: Report, module: str, code: int, seconds: float, root: Path) -> None:
    log = (root / f"{module}.log").read_text()
    if code:
        report.is_whole = False
        print(log[-3000:], flush=True)
        last = log.strip().splitlines()[-1:] or [""]
        report.add(f"{module}, smoke training", f"ended with {code}: {last[0][:200]}")
    else:
        report.add(f"{module}, smoke training, ended after s", seconds)


if __name__ == "__main__":
    run(main)
