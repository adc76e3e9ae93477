"""ANet: shapes, its evaluation of overlapping patches, and learning."""

import pytest
import torch
from torch import Tensor

from face_attributes.models import ANet, build_network, five_corners

NUM = 5


def build(**settings: object) -> ANet:
    torch.manual_seed(0)
    net = build_network("anet", NUM, **settings)
    assert isinstance(net, ANet)
    return net.eval()


def by_loop(net: ANet, image: Tensor, corners: list[tuple[int, int]]) -> Tensor:
    height, width = net.patch
    cuts = [image[:, :, y : y + height, x : x + width] for y, x in corners]
    return torch.stack([net(cut).features for cut in cuts], 1)


def test_layers_are_those_of_the_supplement() -> None:
    net = build()
    tagging = net(torch.rand(2, 3, 55, 47))
    shapes = {name: tuple(value.shape) for name, value in tagging.maps.items()}
    assert shapes == {"c3": (2, 60, 10, 8), "c4": (2, 80, 4, 3)}
    assert (tagging.features.shape, tagging.logits.shape) == ((2, 160), (2, NUM))
    assert tuple(net.layers.c3.weight.shape) == (5, 4, 60, 40, 3, 3)
    assert tuple(net.layers.c4.weight.shape) == (2, 2, 80, 60, 2, 2)
    torch.testing.assert_close(net.head(tagging.features), tagging.logits)


@pytest.mark.parametrize(
    ("settings", "size", "shape"),
    [
        ({}, (71, 63), (5, 5)),
        ({}, (60, 58), (2, 3)),  # the image is no whole number of steps larger
        ({}, (55, 47), (1, 1)),
        ({"patch": (57, 46), "grids": ((3, 2), (3, 2))}, (63, 54), (2, 3)),
        ({"patch": (58, 50), "grids": ((4, 3), (3, 2))}, (63, 57), (2, 2)),
    ],
)
@torch.no_grad()
def test_overlapping_patches_equal_the_patch_loop(
    settings: dict[str, object], size: tuple[int, int], shape: tuple[int, int]
) -> None:
    net = build(**settings)
    image = torch.rand(2, 3, *size)
    corners = net.corners(size)
    expected = by_loop(net, image, corners)
    assert expected.abs().max() > 0.01
    dense = net.dense_features(image)
    assert dense.shape == (2, *shape, 160)
    assert (dense.flatten(1, 2) - expected).abs().max() <= 1e-5
    assert (net.patch_features(image, corners) - expected).abs().max() <= 1e-5


@torch.no_grad()
def test_chosen_patches_come_in_their_order() -> None:
    net, image = build(), torch.rand(1, 3, 80, 70)
    corners = five_corners((80, 70), net.patch)
    assert corners == [(0, 0), (0, 20), (24, 0), (24, 20), (12, 8)]
    torch.testing.assert_close(net.patch_features(image, corners), by_loop(net, image, corners))


def test_gradient_reaches_every_parameter() -> None:
    net = build().train()
    net(torch.rand(8, 3, 55, 47)).logits.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_one_batch_is_learned_by_heart() -> None:
    net = build().train()
    image, identity = torch.rand(6, 3, 55, 47), torch.arange(6) % NUM
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(image).logits, identity)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


@pytest.mark.parametrize("corner", [(2, 0), (0, 20), (-4, 0)])
def test_corner_off_the_grid_or_the_image_is_refused(corner: tuple[int, int]) -> None:
    with pytest.raises(
        ValueError, match=r"multiples of 4 pixels, .* inside an image of \(63, 63\)"
    ):
        build().patch_features(torch.rand(1, 3, 63, 63), [(0, 0), corner])


def test_what_does_not_fit_is_named() -> None:
    net = build()
    with pytest.raises(
        ValueError, match=r"patches \(B, 3, 55, 47\) or views .*, got \(1, 3, 55, 48\)"
    ):
        net(torch.rand(1, 3, 55, 48))
    with pytest.raises(ValueError, match=r"inside an image of \(54, 60\)"):
        net.dense_features(torch.rand(1, 3, 54, 60))
    with pytest.raises(ValueError, match=r"got \[\]"):
        net.patch_features(torch.rand(1, 3, 63, 63), [])
    with pytest.raises(
        ValueError, match=r"position of C4 for each cell of \(5, 2\), got \(55, 47\)"
    ):
        build(grids=((5, 4), (5, 2)))


def test_svms_answer_in_evaluation_alone_and_no_gradient_changes_them() -> None:
    net = build(classifier="svm", view=[63, 55])
    assert net.svms is not None
    net.svms.weight.normal_()
    views = torch.rand(2, 3, 63, 55)
    features = net.patch_features(views, five_corners((63, 55), (55, 47)))
    weights = net.svms.weight.unflatten(1, (5, 160))
    scores = torch.einsum("bpd,apd->ba", features, weights) + net.svms.bias
    torch.testing.assert_close(net(views).logits, scores)
    with pytest.raises(ValueError, match="which machines need"):
        net(views[:, :, :55, :47])
    tagging = net.train()(views)
    torch.testing.assert_close(tagging.logits, net.head(tagging.features))
    assert not any("svms" in name for name, _ in net.named_parameters())
    assert any("svms" in name for name in net.state_dict())
    with pytest.raises(ValueError, match="expected the classifier linear or svm"):
        build(classifier="tree")


def test_view_is_told_by_the_mean_over_its_patches() -> None:
    net = build(view=[63, 55])
    view = torch.rand(2, 3, 63, 55)
    each = by_loop(net, view, [(0, 0), (0, 8), (8, 0), (8, 8), (4, 4)])
    torch.testing.assert_close(net(view).features, each.mean(1))
    torch.testing.assert_close(net(view).logits, net.head(each).mean(1))
    with pytest.raises(ValueError, match=r"of patches of \(55, 47\) inside an image of \(50, 47\)"):
        build(view=[50, 47])


def test_features_that_leave_may_be_negative() -> None:
    assert (build()(torch.rand(8, 3, 55, 47)).features < 0).any()


def test_backbone_keeps_where_on_the_face_something_is() -> None:
    net = build(patch=[64, 64], backbone={"model": "tf_efficientnet_lite0"})
    assert net.layers.width == 40 * 64 + 112 * 16 + 320 * 4
    image = torch.rand(1, 3, 64, 64)
    changed = image.clone()
    changed[:, :, :16, :16] = 0
    moved = (net(image).features - net(changed).features).abs()[0, : 40 * 64].view(40, 8, 8)
    assert moved[:, :2, :2].mean() > 3 * moved[:, 6:, 6:].mean()
    with pytest.raises(ValueError, match=r"expected a reduction of resnet18 among .*, got 3"):
        build(
            patch=[64, 64], backbone={"model": "resnet18", "reductions": [3, 32], "grids": [2, 2]}
        )


def test_identities_have_a_layer_of_their_own() -> None:
    net = build(num_identities=7)
    assert net.identities is not None
    assert net.identities(net(torch.rand(2, 3, 55, 47)).features).shape == (2, 7)
    assert build().identities is None
