"""The sample clips: the published triplet counts and yardsticks, and clean splits."""

from collections import Counter

import numpy as np
import pytest
import torch

from voxel_flow.data.datamodule import SampleData
from voxel_flow.data.triplets import (
    CENTRED,
    OFF_CENTRE,
    evaluation_triplets,
    split_frames,
    training_triplets,
)
from voxel_flow.evaluation.baselines import BASELINES
from voxel_flow.evaluation.metrics import GroupedMean, psnr
from voxel_flow.evaluation.protocols import CENTRE_256
from voxel_flow.evaluation.ssim import ssim


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SampleData:
    data = SampleData(
        root=str(tmp_path_factory.mktemp("data")),
        batch_size=8,
        eval_batch_size=4,
        epoch_size=None,
        crop_size=128,
        off_centre=0.25,
        num_workers=0,
        seed=0,
    )
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    return data


def test_clips_have_their_names_sizes_and_lengths(data: SampleData) -> None:
    shapes = {name: clip.shape for name, clip in zip(data.clip_names, data.clips, strict=True)}
    assert shapes == {
        "bikes": (250, 256, 602, 3),
        "bigbuckbunny": (132, 256, 455, 3),
        "carphone": (120, 144, 176, 3),
    }


def test_test_triplets_are_46_25_and_22(data: SampleData) -> None:
    assert Counter(data.test_set.clip_indices) == {0: 46, 1: 25, 2: 22}


def test_every_clip_trains_and_validates(data: SampleData) -> None:
    assert set(data.val_set.clip_indices) == {0, 1, 2}
    assert {t.clip for t in training_triplets(data.clips, CENTRED, CENTRE_256)} == {0, 1, 2}


def test_no_frame_is_in_two_splits(data: SampleData) -> None:
    used = {
        "train": training_triplets(data.clips, CENTRED + OFF_CENTRE, CENTRE_256),
        "val": evaluation_triplets(data.clips, "val", CENTRE_256),
        "test": evaluation_triplets(data.clips, "test", CENTRE_256),
    }
    frames = {
        split: {(t.clip, frame) for t in triplets for frame in t[1:]}
        for split, triplets in used.items()
    }
    assert not frames["train"] & frames["val"]
    assert not (frames["train"] | frames["val"]) & frames["test"]


def test_no_evaluation_triplet_spans_one_of_the_known_cuts(data: SampleData) -> None:
    cuts = (30, 76, 137, 187, 242)  # the first frame after each, of bikes
    triplets = [
        t
        for split in ("val", "test")
        for t in evaluation_triplets(data.clips, split, CENTRE_256)
        if t.clip == 0
    ]
    assert not [t for t in triplets if any(t.frame0 < cut <= t.frame1 for cut in cuts)]
    assert any(cut in split_frames([250], "test")[0][0] for cut in cuts)


@pytest.mark.parametrize(
    ("baseline", "bikes", "bigbuckbunny"),
    [
        ("previous frame", (28.89, 0.917), (32.72, 0.969)),
        ("frame average", (36.05, 0.965), (34.31, 0.977)),
        ("DIS flow", (40.18, 0.971), (36.93, 0.986)),
    ],
)
def test_baselines_reach_their_yardsticks(
    data: SampleData, baseline: str, bikes: tuple[float, float], bigbuckbunny: tuple[float, float]
) -> None:
    scores = {"psnr": GroupedMean(), "ssim": GroupedMean()}
    for batch in data.test_dataloader():
        levels = (batch["frames"] * 255).round().byte().permute(0, 1, 3, 4, 2).contiguous().numpy()
        made = [BASELINES[baseline](first, last, 0.5) for first, last in levels]
        image = torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2) / 255
        scores["psnr"].update(psnr(image, batch["target"]), batch["clip"])
        scores["ssim"].update(ssim(image, batch["target"]), batch["clip"])
    psnrs, ssims = (score.compute()[1] for score in scores.values())
    for clip, (decibels, similarity) in enumerate((bikes, bigbuckbunny)):
        assert float(psnrs[clip]) == pytest.approx(decibels, abs=0.03)
        assert float(ssims[clip]) == pytest.approx(similarity, abs=0.001)
