"""Convolutions that pad by the image's size, exported for every size."""

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn
from torch.export import Dim

from vision_shared.pretrained import create_network
from vision_shared.same_padding import SameConv2d, make_exportable


def exported(network: nn.Module) -> nn.Module:
    shape = {2: Dim("height", min=33), 3: Dim("width", min=33)}
    with torch.no_grad():
        example = (torch.rand(1, 3, 64, 80),)
        return torch.export.export(network, example, dynamic_shapes=(shape,)).module()


def test_program_of_many_strides_takes_sizes_that_no_stride_divides() -> None:
    torch.manual_seed(0)
    layers = [
        Conv2dSame(3, 3, kernel, stride, dilation=dilation)
        for kernel, stride, dilation in ((3, 2, 1), (5, 2, 1), (1, 2, 1), (3, 2, 2), (5, 2, 1))
    ]
    theirs, ours = nn.Sequential(*layers).eval(), nn.Sequential(*layers).eval()
    make_exportable(ours)
    program = exported(ours)
    for height, width in ((64, 80), (75, 101), (33, 46)):
        image = torch.rand(1, 3, height, width)
        torch.testing.assert_close(program(image), theirs(image))


@pytest.mark.parametrize(("kernel", "stride"), [(2, 3), (4, 3), (7, 3), (2, 2)])
def test_other_kernels_and_strides(kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    theirs = Conv2dSame(3, 4, kernel, stride)
    ours = nn.Sequential(theirs)
    make_exportable(ours)
    for image in (torch.rand(1, 3, 64, 80), torch.rand(1, 3, 65, 78)):
        with torch.no_grad():
            program = torch.export.export(ours, (image,)).module()
        torch.testing.assert_close(program(image), theirs(image))


def test_networks_of_timm_have_them() -> None:
    network = create_network("tf_efficientnet_lite0", features_only=True)
    kinds = {type(layer) for layer in network.modules() if isinstance(layer, nn.Conv2d)}
    assert kinds == {nn.Conv2d, SameConv2d}
