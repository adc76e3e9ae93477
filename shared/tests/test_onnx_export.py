"""Programs with our operators as ONNX models, run by onnxruntime."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from vision_shared.inputs import InputError
from vision_shared.layers import sample_voxel_flow
from vision_shared.onnx_export import expect_onnx, open_session, run_onnx, write_onnx
from vision_shared.region import Region, to_region


class Blend(nn.Module):
    """Frames read where a motion puts them, midway."""

    def forward(self, frames: Tensor, flow: Tensor, weights: Tensor) -> Tensor:
        return sample_voxel_flow(frames, flow, weights, [0.0, 1.0], 0.5)


class OnBrightPixels(nn.Module):
    """A stage that computes where an image is bright, and blocks of what is not."""

    def __init__(self, block: int) -> None:
        super().__init__()
        layers = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1)
        self.stages = to_region(nn.Sequential(nn.Sequential(*layers)).eval(), ["0"])
        self.block = block

    def forward(self, image: Tensor) -> Tensor:
        region = Region(image.mean(1) > 0.5, self.block)
        stage: Any = self.stages[0]
        if not self.block:
            return stage(image, region)
        return region.scatter(stage(region.gather(image), region))


def sizes(*planes: int) -> tuple[dict[int, Any], ...]:
    """Return what may differ of arguments whose height is the dimension of each number."""
    batch, height, width = Dim("batch", max=8), Dim("height", min=8), Dim("width", min=8)
    return tuple({0: batch, at: height, at + 1: width} for at in planes)


def expect_alike(
    network: nn.Module, folder: Path, shapes: Any, *arguments: tuple[Tensor, ...]
) -> Path:
    """Expect of the ONNX model what the network returns, for other sizes than it was traced at."""
    path = folder / "network.onnx"
    with torch.no_grad():
        program = torch.export.export(network, arguments[0], dynamic_shapes=shapes)
        write_onnx(program, path, ["result"], {"vision": json.dumps({"task": "none"})})
        for given in arguments:
            (found,) = run_onnx(path, given)
            torch.testing.assert_close(found, network(*given), rtol=1e-4, atol=1e-4)
    return path


def test_sampling_reads_between_and_beyond_the_pixels(tmp_path: Path) -> None:
    torch.manual_seed(0)
    arguments = [
        (torch.rand(b, 2, 3, h, w), 9 * torch.randn(b, 2, h, w), torch.rand(b, 2, h, w))
        for b, h, w in ((2, 16, 20), (1, 13, 31))
    ]
    path = expect_alike(Blend(), tmp_path, sizes(3, 2, 2), *arguments)
    session = open_session(path)
    assert [i.name for i in session.get_inputs()] == ["frames", "flow", "weights"]
    assert [o.name for o in session.get_outputs()] == ["result"]
    assert session.get_modelmeta().custom_metadata_map["vision"] == '{"task": "none"}'


@pytest.mark.parametrize("block", [0, 4])
def test_regions_compute_at_their_pixels_alone(tmp_path: Path, block: int) -> None:
    torch.manual_seed(0)
    images = [(torch.rand(b, 3, h, w),) for b, h, w in ((2, 16, 20), (1, 11, 9))]
    nothing = (torch.zeros(1, 3, 12, 12),)
    expect_alike(OnBrightPixels(block), tmp_path, sizes(2), *images, nothing)


def test_what_is_missing_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"onnx, onnxscript, onnxruntime.*vision-shared\[onnx\]"):
        expect_onnx()
