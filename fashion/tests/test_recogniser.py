"""A checkpoint made into what finds, aligns and describes garments."""

import json
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from fashion import index, search, spot
from fashion.data.taxonomy import OCCLUDED
from fashion.garment import Picture
from fashion.recogniser import GarmentRecogniser
from vision_shared.checkpoints import CheckpointError, read_checkpoint, write_checkpoint
from vision_shared.images import write_image
from vision_shared.inputs import ExitCode

NEVER, ALWAYS = 1.0, 0.0


def noise(height: int, width: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_places_are_of_the_picture_whatever_the_network_is_shown(checkpoint: Path) -> None:
    """The network says the middle of what it sees: the middle of a box, not of the image."""
    recogniser = GarmentRecogniser.from_checkpoint(checkpoint)
    (garment,) = recogniser(noise(120, 100), (10, 20, 50, 100))
    assert garment.box == (10, 20, 50, 100) and garment.score == 1 and garment.type == -1
    assert np.allclose(garment.landmarks, [[30, 60]] * 8, atol=0.5)
    assert garment.landmarks.dtype == np.float32 and garment.states.dtype == np.int64


def test_a_garment_is_described_in_full(checkpoint: Path) -> None:
    recogniser = GarmentRecogniser.from_checkpoint(checkpoint)
    (garment,) = recogniser(noise(60, 50), (5, 5, 45, 55))
    assert garment.category in ("Tee", "Skirt", "Dress") and 1 / 3 <= garment.probability <= 1
    assert list(garment.attributes) == ["red", "striped"]
    assert np.linalg.norm(garment.embedding) == pytest.approx(1, abs=1e-5)
    (again,) = recogniser(noise(60, 50), (5, 5, 45, 55))
    assert np.array_equal(again.embedding, garment.embedding)


def test_found_garments_lie_in_the_picture_best_first(checkpoint: Path) -> None:
    image = noise(70, 200)
    garments = GarmentRecogniser.from_checkpoint(checkpoint, min_score=ALWAYS)(image)
    assert len(garments) > 1
    boxes = np.array([garment.box for garment in garments])
    assert (boxes >= 0).all() and (boxes <= [200, 70, 200, 70]).all()
    scores = [garment.score for garment in garments]
    assert scores == sorted(scores, reverse=True)
    assert all(garment.type in (0, 1, 2) for garment in garments)
    assert GarmentRecogniser.from_checkpoint(checkpoint, min_score=NEVER)(image) == []


def test_images_that_are_searched_together_are_those_searched_alone(checkpoint: Path) -> None:
    recogniser = GarmentRecogniser.from_checkpoint(checkpoint, min_score=NEVER)
    images = [noise(40, 90), noise(64, 48), noise(48, 48)]
    for image, found in zip(images, recogniser.find_all(images), strict=True):
        alone = recogniser.find(image)
        for one, other in zip(alone, found, strict=True):
            assert len(one) and np.allclose(one, other, atol=1e-3)


def test_a_cascade_without_a_detector_aligns_the_whole_picture(cascade_checkpoint: Path) -> None:
    recogniser = GarmentRecogniser.from_checkpoint(cascade_checkpoint)
    (garment,) = recogniser(noise(40, 90))
    assert garment.box == (0, 0, 90, 40) and garment.category == "" and not garment.attributes
    assert np.allclose(
        garment.landmarks[garment.states <= OCCLUDED], [45, 20], atol=2
    )  # half a pixel of 24x32
    assert not recogniser.embeds
    with pytest.raises(ValueError, match="without"):
        recogniser.find(noise(40, 90))


def test_transform_says_all_that_pictures_go_through(checkpoint: Path) -> None:
    one, other = (GarmentRecogniser.from_checkpoint(checkpoint, min_score=p) for p in (0.2, 0.4))
    plain = json.loads(json.dumps(one.transform))
    assert plain["size"] == [32, 24] and plain["context"] == 1.2 and plain["detector"]["size"] == 48
    assert json.loads(json.dumps(other.transform)) != plain


def test_checkpoints_that_do_not_fit_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    content = read_checkpoint(checkpoint)
    settings = {**content.hyper_parameters, "framing": {"side": 3}}
    for changed in (settings, {**settings, "detector": None}):
        path = tmp_path / "changed.ckpt"
        write_checkpoint(
            path, task="fashion", hyper_parameters=changed, state_dict=content.state_dict
        )
        with pytest.raises(CheckpointError, match=r"changed\.ckpt: does not"):
            GarmentRecogniser.from_checkpoint(path)


def test_index_search_and_spot_work_with_the_recogniser(
    plain_checkpoint: Path, cascade_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    shop, folder, out = tmp_path / "shop", tmp_path / "shop.index", tmp_path / "out"
    for number in range(4):
        write_image(new_path(shop / f"{number}.png"), noise(50, 40, number))
    assert (
        run(index, "build", "--checkpoint", plain_checkpoint, shop, "-o", folder) == ExitCode.DONE
    )
    assert run(search, folder, shop / "2.png", "-o", out, "--top", "3") == ExitCode.DONE
    (garment,) = json.loads((out / "2.json").read_text())["garments"]
    assert Path(garment["hits"][0]["file"]) == shop / "2.png" and len(garment["hits"]) == 3
    assert garment["hits"][0]["similarity"] == pytest.approx(1, abs=1e-4)
    assert run(spot, folder, write_clip(tmp_path / "clip.mp4"), "-o", out) == ExitCode.DONE
    (spotted,) = json.loads((out / "clip_timeline.json").read_text())["garments"]
    assert spotted["sightings"] == 4 and len(spotted["hits"]) == 4
    capsys.readouterr()
    other = run(
        index, "build", "--checkpoint", cascade_checkpoint, shop, "-o", tmp_path / "other.index"
    )
    assert other == ExitCode.NOTHING_DONE
    assert "landmarks alone" in capsys.readouterr().err


def run(command: ModuleType, *arguments: str | Path) -> int:
    return command.main([str(argument) for argument in arguments])


def new_path(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    return path


def write_clip(path: Path, num_frames: int = 20) -> Path:
    """Two seconds of one image."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for _ in range(num_frames):
            frame = av.VideoFrame.from_ndarray(noise(32, 48), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
