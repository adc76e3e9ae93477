"""What is chosen for a CUDA device, told without one."""

import subprocess
import sys

import pytest
import torch

from vision_shared.run import precision


def test_without_triton_the_plain_kernels_are_taken_with_one_warning() -> None:
    program = """
import sys, warnings
sys.modules["triton"] = None  # as where it is not installed
from vision_shared.kernels import voxel_flow_cpu
from vision_shared.kernels.on_cuda import kernels_on_cuda
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    chosen = [kernels_on_cuda("vision_shared.kernels.voxel_flow_triton", voxel_flow_cpu)] * 2
    again = kernels_on_cuda("vision_shared.kernels.voxel_flow_triton", voxel_flow_cpu)
assert {*chosen, again} == {voxel_flow_cpu}
assert [str(w.message)[:26] for w in said] == ["Triton does not work here "], said
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(("capability", "chosen"), [((8, 0), "bf16-mixed"), ((7, 5), "16-mixed")])
def test_half_is_bf16_where_the_device_does_not_emulate_it(
    capability: tuple[int, int], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PyTorch itself decides, from the properties of a device that is not here
    properties = type("Properties", (), {"major": capability[0], "minor": capability[1]})()
    for name, value in (("get_device_properties", properties), ("current_device", 0)):
        monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert precision("half") == chosen
    assert precision("32-true") == "32-true"
