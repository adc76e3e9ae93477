"""LNet: shapes, heads, learning, and where its cells lie in the image."""

import pytest
import torch
from torch import Tensor, nn

from face_attributes.losses import attribute_loss
from face_attributes.models import LNet, ResponseGrid, build_network
from face_attributes.models.lite import LiteTrunk
from face_attributes.models.lnet import PaperTrunk
from face_attributes.models.timm_trunk import TimmTrunk

NUM = 5


def build(name: str, **settings: object) -> LNet:
    torch.manual_seed(0)
    net = build_network(name, NUM, **settings)
    assert isinstance(net, LNet)
    return net.eval()


def positive(trunk: nn.Module) -> nn.Module:
    """Make nothing cancel: every cell then tells of all that it sees."""
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    return trunk.eval()


@torch.no_grad()
def seen_columns(trunk: nn.Module, cell: int, height: int, width: int) -> list[int]:
    """Columns of pixels that change a cell of the first row of the map."""
    base = torch.tensor([0.485, 0.456, 0.406])[:, None, None].expand(3, height, width)
    normal = trunk(base[None])[0, :, 0, cell]
    seen = []
    for start in range(0, width, 64):
        columns = range(start, min(start + 64, width))
        images = base.repeat(len(columns), 1, 1, 1)
        for image, column in zip(images, columns, strict=True):
            image[:, :, column] = 1
        changed = (trunk(images)[:, :, 0, cell] != normal).any(1)
        seen += [c for c, is_changed in zip(columns, changed.tolist(), strict=True) if is_changed]
    return seen


@pytest.mark.parametrize(
    ("trunk", "cell", "size"),
    [
        (LiteTrunk((4, 4, 4, 4, 4)), 7, (64, 64)),
        (PaperTrunk(), 6, (35, 227)),
        (TimmTrunk("test_resnet", reduction=4), 16, (32, 128)),
    ],
    ids=["lite", "paper", "timm"],
)
def test_cell_sees_what_its_centre_says(trunk: nn.Module, cell: int, size: tuple[int, int]) -> None:
    seen = seen_columns(positive(trunk), cell, *size)
    assert seen == list(range(seen[0], seen[-1] + 1))
    assert 0 < seen[0] < seen[-1] < size[1] - 1  # all of its field lies inside
    grid = trunk.grid
    assert isinstance(grid, ResponseGrid)
    assert (seen[0] + seen[-1] + 1) / 2 == grid.offset + grid.stride * cell


def test_map_is_read_where_its_cells_lie() -> None:
    grid = ResponseGrid(stride=4, offset=1.5)
    response = torch.zeros(1, 8, 8)
    response[0, 2, 5] = 1  # centred at x = 21.5, y = 9.5: pixel (21, 9)
    pixels = grid.to_pixels(response, (32, 32))[0]
    assert divmod(int(pixels.argmax()), 32) == (9, 21)
    for (y, x), value in {(9, 21): 1, (9, 23): 0.5, (11, 21): 0.5, (9, 25): 0}.items():
        assert pixels[y, x] == pytest.approx(value, abs=1e-5)
    ramp = torch.arange(8.0).expand(1, 8, 8)
    expected = ((torch.arange(32) + 0.5 - 1.5) / 4).clamp(0, 7)
    torch.testing.assert_close(grid.to_pixels(ramp, (32, 32))[0, 3], expected)


@pytest.mark.parametrize(
    ("side", "cells"), [(35, 1), (227, 13), (300, 17)], ids=["smallest", "own", "larger"]
)
def test_paper_map_has_the_papers_cells(side: int, cells: int) -> None:
    trunk = PaperTrunk()
    assert trunk.grid == ResponseGrid(16, 17.5)
    with torch.no_grad():
        assert trunk(torch.rand(1, 3, 35, side)).shape == (1, 256, 1, cells)
    assert sum(p.numel() for p in trunk.parameters()) == 3_747_200


def test_paper_head_pools_as_the_paper_at_227_pixels() -> None:
    c5 = torch.rand(2, 4, 13, 13)
    own = nn.MaxPool2d(3, 2)(c5)
    head = LNet(LiteTrunk((4, 4, 4, 4, 4)), NUM, "paper", hidden=8).eval()
    assert torch.equal(head.neck[0](c5), own)  # type: ignore[index]


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "lite"},
        {"name": "lite", "head": "paper", "hidden": 16},
        {"name": "timm", "model": "test_resnet", "reduction": 4},
        {"name": "timm", "model": "mobilenetv3_small_100"},
    ],
)
@pytest.mark.parametrize("size", [(64, 64), (51, 90)])
def test_any_size_gives_logits_features_and_a_response(
    settings: dict[str, object], size: tuple[int, int]
) -> None:
    net = build(**settings)  # type: ignore[arg-type]
    image = torch.rand(2, 3, *size)
    with torch.no_grad():
        tagging, response = net(image), net.response(image)
    assert tagging.logits.shape == (2, NUM)
    torch.testing.assert_close(net.head(tagging.features), tagging.logits)
    assert (tagging.maps["c5"] >= 0).all()
    torch.testing.assert_close(response, tagging.maps["c5"].mean(1))
    last = net.trunk.grid.centres(torch.tensor(response.shape[1:]) - 1)
    assert (last < torch.tensor(size)).all()


@pytest.mark.parametrize(
    ("model", "size"),
    [("resnet18", 512), ("tf_efficientnet_lite0", 633), ("test_convnext", 1269)],
)
def test_cells_of_a_timm_trunk_lie_where_its_grid_says(model: str, size: int) -> None:
    trunk = TimmTrunk(model).eval()
    for name, module in list(trunk.named_modules()):
        if isinstance(module, nn.Conv2d):
            module.weight.data.abs_()  # nothing cancels out
        elif isinstance(module, nn.ReLU6):
            trunk.set_submodule(name, nn.ReLU())  # nothing saturates
    image = torch.rand(1, 3, size, size, requires_grad=True)
    features = trunk(image)
    assert features.shape[-1] == -(-size // 16)
    cell = features.shape[-1] // 2
    features[0, :, cell, cell].sum().backward()
    assert image.grad is not None
    seen = image.grad.abs().sum((0, 1, 2)).nonzero()
    centre = (float(seen[0]) + float(seen[-1]) + 1) / 2  # of what the cell has seen
    assert centre == float(trunk.grid.centres(torch.tensor(cell)))


@pytest.mark.parametrize(
    "settings", [{"name": "lite"}, {"name": "lite", "head": "paper", "hidden": 16}]
)
def test_gradient_reaches_every_parameter(settings: dict[str, object]) -> None:
    net = build(**settings).train()  # type: ignore[arg-type]
    net(torch.rand(4, 3, 64, 64)).logits.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_gradient_reaches_the_papers_layers() -> None:
    net = build("lnet").train()
    net(torch.rand(1, 3, 67, 67)).logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_one_batch_is_learned_by_heart() -> None:
    net = build("lite").train()
    image = torch.rand(8, 3, 48, 48)
    labels = torch.randint(0, 2, (8, NUM)) * 2 - 1
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
    losses: list[float] = []
    for _ in range(60):
        optimizer.zero_grad()
        loss: Tensor = attribute_loss(net(image).logits, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 < losses[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"name": "resnet"},
            r"network among lnet, lite, timm, tag_maps, anet, lnets_anet, got 'resnet'",
        ),
        ({"name": "lite", "head": "max"}, r"head gap or paper, got 'max'"),
        ({"name": "timm", "model": "no_such"}, r"model that timm has .* got 'no_such'"),
        (
            {"name": "timm", "model": "test_resnet", "reduction": 3},
            r"reduction of test_resnet among \[.*\], got 3",
        ),
        (
            {"name": "timm", "model": "resnet18d"},
            r"pad both sides by half of their kernel, or follow one another; .* multiply to 64",
        ),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_network(num_outputs=NUM, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.rand(3, 64, 64), r"image \(B, 3, H, W\) .* got \(3, 64, 64\)"),
        (torch.rand(1, 1, 64, 64), r"got \(1, 1, 64, 64\)"),
        (torch.rand(1, 3, 34, 64), r"H and W of at least 35, got \(1, 3, 34, 64\)"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), r"floating point.* got .* torch.uint8"),
    ],
)
def test_wrong_images_are_named(image: Tensor, message: str) -> None:
    net = build("lnet")
    with pytest.raises(ValueError, match=message):
        net(image)
    with pytest.raises(ValueError, match=message):
        net.response(image)
