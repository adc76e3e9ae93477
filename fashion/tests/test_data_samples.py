"""What a sample shows, and where its landmarks are then."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fashion.data.augment import Augmentation
from fashion.data.framing import PADDING, enlarged, letterbox
from fashion.data.garments import Garments, Vocabulary, joined, unknown_columns
from fashion.data.labels import Labels
from fashion.data.samples import EvaluationSamples, TrainingSamples
from fashion.data.taxonomy import ABSENT, MIRRORED, OCCLUDED, SLOTS_OF_TYPE, TRUNCATED, VISIBLE
from vision_shared.inputs import InputError

BOX = np.array([20, 10, 60, 110], np.float32)
POINTS = np.array([[25, 15], [55, 18], [22, 60], [58, 62], [0, 0], [0, 0], [24, 105], [0, 0]])
STATES = np.array([0, 0, 1, 0, 3, 3, 0, 2])


@pytest.fixture
def garments(tmp_path: Path) -> Garments:
    """An image of 80x120 pixels with a white pixel at each landmark that has a place."""
    image = np.zeros((120, 80, 3), np.uint8)
    for x, y in POINTS[STATES <= OCCLUDED]:
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    cv2.imwrite(str(tmp_path / "a.png"), image)
    columns = unknown_columns(1)
    columns.boxes[0], columns.states[0], columns.types[0] = BOX, STATES, 0
    columns.landmarks[0] = POINTS + 0.5 * (STATES <= OCCLUDED)[:, None]
    names, labels = np.array([b"a.png"]), Labels.of(np.array([[1, -1, 0]]))
    return Garments(tmp_path, names, columns, labels, Vocabulary(), tmp_path)


def brightest(image: torch.Tensor, point: torch.Tensor) -> float:
    """How bright a sample (3, H, W) is at a point, x y as fractions."""
    _, height, width = image.shape
    x, y = int(point[0] * width), int(point[1] * height)
    return float(image[:, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max())


def augmentation(size: tuple[int, int] = (64, 96), **changes: float) -> Augmentation:
    scale = (0.9, 1.1)
    return Augmentation(size=size, scale=scale, **{"shift": 0.1, "jitter": 0.0, **changes})


def test_sample_has_the_keys_shapes_and_types_of_the_contract(garments: Garments) -> None:
    sample = EvaluationSamples(garments, "box", 1.0, (50, 40))[0]
    batch = torch.utils.data.default_collate([sample, sample])
    expected = {
        "image": ((2, 3, 50, 40), torch.float32),
        "box": ((2, 4), torch.float32),
        "landmarks": ((2, 8, 2), torch.float32),
        "states": ((2, 8), torch.int64),
        "attributes": ((2, 3), torch.int8),
    }
    numbers = ("type", "category", "item", "series", "domain", "role", "variation", "index")
    expected |= {key: ((2,), torch.int64) for key in numbers}
    assert {key: (tuple(value.shape), value.dtype) for key, value in batch.items()} == expected
    assert sample["attributes"].tolist() == [1, -1, 0]
    assert float(sample["image"].min()) >= 0 and float(sample["image"].max()) <= 1


@pytest.mark.parametrize("region", ["whole", "box"])
@pytest.mark.parametrize("size", [(64, 64), (40, 100), (100, 40)])
def test_landmarks_stay_on_their_pixels(garments: Garments, region: str, size: tuple) -> None:
    sample = EvaluationSamples(garments, region, 1.2, size)[0]  # type: ignore[arg-type]
    for slot in np.flatnonzero(STATES <= OCCLUDED):
        assert brightest(sample["image"], sample["landmarks"][slot]) > 0.3
    assert (sample["landmarks"][[4, 5, 7]] == 0).all()


def test_box_is_letterboxed_undistorted_and_centred(garments: Garments) -> None:
    sample = EvaluationSamples(garments, "box", 1.0, (50, 40))[0]
    assert sample["box"].tolist() == [0.25, 0, 0.75, 1]  # 40x100 pixels become 20x50
    padding = torch.tensor(PADDING)[:, None, None] / 255
    assert torch.allclose(sample["image"][:, :, :10], padding)
    assert torch.allclose(sample["image"][:, :, 30:], padding)


def test_frame_goes_there_and_back() -> None:
    rng = np.random.default_rng(0)
    image = np.zeros((90, 70, 3), np.uint8)
    for is_mirrored in (False, True):
        _, frame = letterbox(image, np.array([-5, 20, 50, 95.0]), (64, 80), is_mirrored=is_mirrored)
        points = rng.uniform(0, 70, (5, 2))
        assert frame.region == (0, 20, 50, 90)
        assert np.allclose(frame.to_picture(frame.to_sample(points)), points, atol=1e-4)
        box = np.array([5.0, 30, 40, 80])
        assert np.allclose(frame.box_to_picture(frame.box_to_sample(box)), box, atol=1e-4)
        x1, y1, x2, y2 = frame.box_to_sample(box)
        assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1


def test_unknown_box_stays_unknown(garments: Garments) -> None:
    garments.columns.boxes[0] = np.nan
    assert EvaluationSamples(garments, "whole", 1.0, (50, 40))[0]["box"].isnan().all()
    with pytest.raises(InputError, match=r"a\.png: no box is known: use data\.region=whole"):
        _ = EvaluationSamples(garments, "box", 1.0, (50, 40))[0]


def test_mirrored_sample_exchanges_left_and_right_slots(garments: Garments) -> None:
    samples = TrainingSamples(garments, "whole", 1.0, augmentation(shift=0.0))
    for seed in range(20):
        sample = samples[0, seed]
        for slot in np.flatnonzero(sample["states"].numpy() <= OCCLUDED):
            assert brightest(sample["image"], sample["landmarks"][slot]) > 0.3
        left, right = sample["landmarks"][0], sample["landmarks"][1]
        assert left[0] < right[0]  # left is left in a mirrored sample, too
        is_mirrored = bool(sample["states"][7] == VISIBLE)
        expected = STATES[list(MIRRORED)] if is_mirrored else STATES
        if not (sample["states"].numpy() == TRUNCATED).sum() > 1:
            assert sample["states"].tolist() == expected.tolist()


def test_both_mirrors_come(garments: Garments) -> None:
    samples = TrainingSamples(garments, "whole", 1.0, augmentation(shift=0.0))
    hems = [samples[0, seed]["states"][7] == VISIBLE for seed in range(20)]
    assert 3 < sum(map(int, hems)) < 17


def test_landmarks_that_a_random_part_leaves_out_are_truncated(garments: Garments) -> None:
    garments.columns.landmarks[0, 0] = (1, 1)  # outside of the box
    samples = TrainingSamples(garments, "box", 1.0, augmentation(shift=0.3))
    for seed in range(10):
        sample = samples[0, seed]
        states, landmarks = sample["states"], sample["landmarks"]
        assert TRUNCATED in (states[0], states[1])
        assert (landmarks[states >= TRUNCATED] == 0).all()
        assert ((landmarks >= 0) & (landmarks <= 1)).all()
        assert sorted(states.tolist()).count(ABSENT) == 2
    evaluated = EvaluationSamples(garments, "box", 1.0, (64, 64))[0]
    assert evaluated["states"][0] == VISIBLE and (evaluated["landmarks"][0] < 0).any()


def test_training_sample_follows_from_its_seed_and_evaluation_from_nothing(
    garments: Garments,
) -> None:
    def images(seed: int) -> list[NDArray]:
        samples = TrainingSamples(garments, "box", 1.1, augmentation(jitter=0.2))
        return [samples[0, seed]["image"].numpy() for _ in range(2)]

    first, again = images(5)
    assert np.array_equal(first, again) and not np.array_equal(first, images(6)[0])
    evaluation = EvaluationSamples(garments, "box", 1.1, (64, 64))
    assert torch.equal(evaluation[0]["image"], evaluation[0]["image"])


def test_slots_of_types_come_in_mirrored_pairs() -> None:
    for slots in SLOTS_OF_TYPE:
        assert {MIRRORED[slot] for slot in slots} == set(slots)
    assert [MIRRORED[slot] for slot in MIRRORED] == list(range(8))


def test_enlarged_box_keeps_its_centre() -> None:
    assert enlarged(np.array([10.0, 20, 30, 60]), 1.5).tolist() == [5, 10, 35, 70]


@pytest.mark.parametrize(
    "changes", [{"shift": 1.0}, {"jitter": -0.1}, {"scale": (0, 1)}, {"scale": (1.2, 1)}]
)
def test_impossible_augmentation_names_its_key(changes: dict[str, Any]) -> None:
    common: dict[str, Any] = {"size": (8, 8), "scale": (1, 1), "shift": 0.0, "jitter": 0.0}
    with pytest.raises(InputError, match=rf"data\.{next(iter(changes))}"):
        Augmentation(**common | changes)


def test_labels_are_packed_without_loss() -> None:
    values = np.random.default_rng(0).integers(-1, 2, (37, 19)).astype(np.int8)
    labels = Labels.of(values)
    assert np.array_equal(labels[:], values) and labels[3].tolist() == values[3].tolist()
    assert np.array_equal(labels.take(np.array([5, 2]))[:], values[[5, 2]])
    assert np.array_equal(labels.columns([7, 0])[:], values[:, [7, 0]])
    positive, negative = labels.counts()
    assert np.array_equal(positive, (values > 0).sum(0))
    assert np.array_equal(negative, (values < 0).sum(0))
    known = Labels.of(np.where(values == 0, 1, values))
    assert known.known.size == 0 and np.array_equal(known[:], np.where(values == 0, 1, values))


def test_join_fills_what_the_first_table_does_not_know(garments: Garments) -> None:
    columns = unknown_columns(2)
    columns.items[:], columns.variations[:], columns.splits[:] = (7, 8), (3, 4), 2
    other = Garments(
        garments.folder,
        np.array([b"b.png", b"a.png"]),
        columns,
        Labels.unknown(2),
        Vocabulary(),
        garments.folder,
    )
    out = joined(garments, other)
    assert len(out) == 1 and out.columns.items.tolist() == [8]
    assert out.columns.variations.tolist() == [4] and out.columns.splits.tolist() == [0]
