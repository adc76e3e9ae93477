"""The finder by tags: its network, objectives, composed images and the search over a pyramid."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.export import Dim

from face_attributes.boxes import FACE_SIZE, face_boxes
from face_attributes.data.canvases import Composer
from face_attributes.data.framing import PADDING
from face_attributes.data.layers import Layer, Layers, face_square
from face_attributes.finder_losses import cell_loss, cell_targets, tag_loss
from face_attributes.finder_objective import FinderObjective
from face_attributes.localize import PyramidSearch, fit_offset
from face_attributes.localize.pyramid import THUMBNAIL, fuse
from face_attributes.models import ResponseGrid, TagMaps, build_network
from face_attributes.models.tag_maps import soft_maximum


@pytest.fixture(scope="module")
def net() -> TagMaps:
    torch.manual_seed(0)
    built = build_network("tag_maps", 3)
    assert isinstance(built, TagMaps)
    return built.eval()


class Spots(TagMaps):
    """A network that answers to red discs of the face size, by colour alone."""

    def response(self, image: Tensor) -> Tensor:
        red = (image[:, :1] - image[:, 1:2]).clamp_min(0)
        mean = torch.nn.functional.avg_pool2d(red, FACE_SIZE - 1, 1, FACE_SIZE // 2 - 1)
        wide = torch.nn.functional.avg_pool2d(red, 2 * FACE_SIZE - 1, 1, FACE_SIZE - 1)
        return (12 * (2 * mean - 3 * wide) - 2)[:, 0, ::8, ::8]


def layer(side: int, attributes: tuple[bool, ...] = (True, False)) -> Layer:
    """A red square that stands for a face."""
    rgba = np.full((side, side, 4), 255, np.uint8)
    rgba[..., 1:3] = 0
    return Layer(rgba, np.array([side / 2, side / 2, side], np.float32), np.array(attributes))


@pytest.fixture(scope="module")
def composer() -> Composer:
    grey = [np.full((80, 90, 3), 128, np.uint8)]
    return Composer(Layers([layer(40)], [], []), grey, 128)


@pytest.mark.parametrize("size", [(64, 80), (65, 81), (100, 47)])
def test_cells_lie_where_the_grid_says(size: tuple[int, int]) -> None:
    """Padding is even: cells are centred on every eighth pixel, whatever the size."""
    torch.manual_seed(0)
    net = TagMaps(3, frozen=0).eval()
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0), requires_grad=True)
    response = net.response(image)
    assert response.shape == (1, -(-size[0] // 8), -(-size[1] // 8))
    y, x = response.shape[1] // 2, response.shape[2] // 2
    response[0, y, x].backward()
    assert image.grad is not None
    weight = image.grad[0].square().sum(0)
    centre = (weight.sum(0) @ torch.arange(float(size[1])) / weight.sum()) + 0.5
    assert float(centre) == pytest.approx(float(net.grid.centres(torch.tensor(x))), abs=4)


def test_first_stages_and_statistics_rest(net: TagMaps) -> None:
    torch.manual_seed(0)
    training = build_network("tag_maps", 3).train()
    before = {name: value.clone() for name, value in training.state_dict().items()}
    training(torch.rand(2, 3, 64, 64)).logits.sum().backward()
    torch.optim.SGD(training.parameters(), 0.1).step()
    changed = {k for k, v in training.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert not any(name.startswith(("stem", "blocks.0", "blocks.1")) for name in changed)
    assert not any("running" in name for name in changed)


def test_offset_follows_from_symmetry(net: TagMaps) -> None:
    spots = Spots(1)
    image = torch.zeros(4, 3, 129, 129)
    for n, at in enumerate((40, 50, 61, 77)):
        image[n, 0, at - 18 : at + 18, at - 18 : at + 18] = 1
    assert fit_offset(spots, image) == pytest.approx(0.5, abs=0.6)
    spots.response = lambda x: Spots.response(spots, torch.roll(x, 5, 3))  # type: ignore[method-assign]
    assert fit_offset(spots, image) == pytest.approx(-4.5, abs=1.5)


def test_faces_of_all_sizes_are_found_and_placed() -> None:
    search = PyramidSearch(Spots(1).eval(), threshold=0.0)
    image = torch.zeros(3, 200, 300)
    truth = torch.tensor([[60.0, 70, 30], [200, 100, 72]])
    for x, y, side in truth.int().tolist():
        image[0, y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = 1
    found = search(image)
    assert len(found.boxes) == 2
    order = found.boxes[:, 0].argsort()
    assert torch.allclose(found.boxes[order], face_boxes(truth), atol=14)
    assert found.response.shape == (200, 300)
    x, y = found.peak.int().tolist()
    assert image[0, y, x] == 1
    assert not len(PyramidSearch(search.net, threshold=50.0)(image).boxes)


def test_images_of_all_sizes_are_searched_together() -> None:
    search = PyramidSearch(Spots(1).eval(), threshold=0.0)
    images, truth = [], []
    for height, width, x, y, side in ((120, 90, 40, 50, 40), (400, 500, 300, 200, 160)):
        image = torch.zeros(3, height, width)
        image[0, y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = 1
        images.append(image)
        truth.append([float(x), y, side])
    boxes = search.best_boxes(images)
    for box, expected in zip(boxes, face_boxes(torch.tensor(truth)), strict=True):
        size = expected[2] - expected[0]
        assert float((box - expected).abs().max() / size) < 0.35
    assert THUMBNAIL < 120


def test_what_is_found_is_corrected_however_it_is_searched() -> None:
    image = torch.zeros(3, 96, 96)
    image[0, 30:60, 30:60] = 1
    plain, corrected = (
        PyramidSearch(Spots(1).eval(), threshold=0.0, correction=correction)
        for correction in ((0.0, 0.0, 1.0), (0.1, 0.2, 0.8))
    )
    square, moved = (search.find(image[None])[0][0][0] for search in (plain, corrected))
    x, y, side = square.tolist()
    assert moved.tolist() == pytest.approx([x + 0.1 * side, y + 0.2 * side, 0.8 * side], rel=0.02)
    expected = face_boxes(moved[None])
    torch.testing.assert_close(corrected(image).boxes, expected)
    # a data set's images are searched at other sizes
    torch.testing.assert_close(corrected.best_boxes([image]), expected, rtol=0, atol=3.0)


def test_squares_that_agree_are_fused() -> None:
    squares = torch.tensor([[50.0, 50, 40], [54, 50, 40], [150, 50, 40]])
    fused, scores = fuse(squares, torch.tensor([2.0, 2.0, 1.0]))
    assert fused.tolist() == [pytest.approx([52, 50, 40]), pytest.approx([150, 50, 40])]
    assert scores.tolist() == [2, 1]


def test_face_square_and_box_of_a_frontal_face() -> None:
    marks = np.array([[10, 10], [30, 10], [20, 20], [13, 30], [27, 30]], float)
    assert face_square(marks).tolist() == [20, 21, 50]
    box = face_boxes(torch.tensor([[20.0, 21, 50]]))[0].tolist()
    assert box == pytest.approx([20 - 21.5, 16.5 - 28, 20 + 21.5, 16.5 + 28])


def test_canvases_have_faces_of_one_size_where_they_say(composer: Composer) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        canvas = composer(rng, has_face=True)
        assert 1 <= len(canvas.squares) <= 3
        assert canvas.attributes.tolist() == [True, False]
        for x, y, side in canvas.squares:
            assert 0.7 * FACE_SIZE < side < 1.3 * FACE_SIZE
            at = canvas.image[min(int(y), 127), min(int(x), 127)].astype(int)
            assert at[0] > at[1] + 100 or at.tolist() == list(PADDING)
        empty = composer(rng, has_face=False)
        assert not empty.attributes.any()
        assert not len(empty.squares)


def test_some_faces_fill_their_canvas_as_portraits_do(composer: Composer) -> None:
    """Grey on all four sides, close to the face, and none of its square is painted over."""
    close = 0
    for seed in range(60):
        canvas = composer(np.random.default_rng(seed), has_face=True)
        seen = (canvas.image != np.array(PADDING)).any(2)
        left, top, right, bottom = (
            np.flatnonzero(line)[end] for end in (0, -1) for line in (seen.any(0), seen.any(1))
        )
        low, high = (canvas.squares[:, :2] + sign * canvas.squares[:, 2:] / 2 for sign in (-1, 1))
        close += len(canvas.squares) == 1 and max(right - left, bottom - top) < 70
        assert (np.array([left, top]) <= np.maximum(low, 0) + 2).all()
        assert (np.array([right, bottom]) >= np.minimum(high, 127) - 2).all()
    assert close


def test_canvas_follows_from_its_generator(composer: Composer) -> None:
    one, other = (composer(np.random.default_rng(5), has_face=True) for _ in range(2))
    assert np.array_equal(one.image, other.image)


def test_cells_on_a_face_are_told_from_those_off_it() -> None:
    grid = ResponseGrid(8, 0.5)
    target = cell_targets(
        [torch.tensor([[40.5, 24.5, 36.0]]), torch.zeros(0, 3)], torch.Size((8, 10)), grid
    )
    assert target[0, 3, 5] == 1
    assert target[0, 3, 7] == -1
    assert target[0, 0, 0] == 0
    assert not target[1].any()
    right = torch.where(target == 1, 4.0, -4.0)
    squares = [torch.tensor([[40.5, 24.5, 36.0]]), torch.zeros(0, 3)]
    assert cell_loss(right, squares, grid) < 0.2 < 2 < cell_loss(-right, squares, grid)


def test_rich_tags_weigh_as_much_however_many_there_are() -> None:
    tags = torch.zeros(2, 4)
    few, many = tag_loss(torch.ones(2, 4), tags), tag_loss(torch.ones(2, 11), torch.zeros(2, 11))
    assert float(few) == pytest.approx(float(many))


@pytest.mark.parametrize("name", ["tags", "finds", "boxes"])
def test_one_batch_is_learned_by_every_objective(name: str, composer: Composer) -> None:
    torch.manual_seed(0)
    net = TagMaps(2, frozen=0)
    objective = FinderObjective(name, net)  # type: ignore[arg-type]
    objective.begin(net)
    rng = np.random.default_rng(0)
    canvases = [composer(rng, has_face=index % 2 == 0) for index in range(8)]
    squares = torch.full((8, 3, 3), torch.nan)
    for row, canvas in zip(squares, canvases, strict=True):
        row[: len(canvas.squares)] = torch.from_numpy(canvas.squares)
    image = torch.stack([torch.from_numpy(c.image).permute(2, 0, 1) / 255 for c in canvases])
    batch = {
        "image": image,
        "unchanged": image,
        "face": torch.tensor([1.0, 0] * 4),
        "attributes": torch.tensor([c.attributes.tolist() for c in canvases]).int() * 2 - 1,
        "squares": squares,
    }
    optimizer = torch.optim.AdamW(net.parameter_groups(3e-3))
    first = last = float(objective(net.train(), batch).detach())
    for _ in range(12):
        loss = objective(net, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = float(loss.detach())
    assert last < 0.8 * first


def test_unknown_objective_is_refused(net: TagMaps) -> None:
    with pytest.raises(ValueError, match="objective tags, finds or boxes, got 'points'"):
        FinderObjective("points", net)  # type: ignore[arg-type]


class Pooling(torch.nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return soft_maximum(maps, 3.0)


def test_pooling_is_exported_for_every_size() -> None:
    maps = [torch.rand(2, 3, 8, 10), torch.rand(1, 3, 5, 7)]
    shape = {0: Dim("batch", max=64), 2: Dim("height"), 3: Dim("width")}
    program = torch.export.export(Pooling(), (maps[0],), dynamic_shapes=(shape,)).module()
    for given in maps:
        mean = (3 * given.double()).exp().mean((2, 3)).log() / 3
        torch.testing.assert_close(program(given), mean.float())
