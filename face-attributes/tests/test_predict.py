"""What a user does with checkpoints: pictures and videos in, faces out, one line for a mistake."""

import io
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from face_attributes.finder import FaceFinder, aligned_box
from face_attributes.models import build_network
from face_attributes.predict import all_or_none, main
from vision_shared.checkpoints import CheckpointError, write_checkpoint
from vision_shared.images import read_image
from vision_shared.inputs import ExitCode

NAMES = ["Bangs", "Male", "Smiling"]
LITE = {"name": "lite", "channels": [4, 4, 4, 4, 4]}
ANET = {"name": "anet", "patch": [55, 47]}
ALL = {"name": "lnets_anet", "lnet_o": LITE, "lnet_s": LITE, "anet": {"patch": [55, 47]}}


def write(path: Path, network: dict[str, Any], threshold: float | None, **others: Any) -> Path:
    """A checkpoint of an untrained network; one that looks for faces if there is a threshold."""
    torch.manual_seed(0)
    people = {key: n for key, n in others.items() if key == "num_identities"}
    net: Any = build_network(num_outputs=len(NAMES), **network, **people)
    if threshold is not None:
        getattr(net, "lnet_o", net).threshold.fill_(threshold)
    write_checkpoint(
        path,
        task="face-attributes",
        hyper_parameters={
            "attributes": NAMES,
            "network": network,
            **others,
            "localizer": None if threshold is None else {"score": "contrast", "image_side": None},
        },
        state_dict={f"net.{name}": value for name, value in net.state_dict().items()},
        data={"choice": "portraits", "values": {"size": [48, 48], "context": 1.2}},
    )
    return path


@pytest.fixture
def lnet(tmp_path: Path) -> Path:
    return write(tmp_path / "lnet.ckpt", LITE, -torch.inf)


@pytest.fixture
def anet(tmp_path: Path) -> Path:
    return write(tmp_path / "anet.ckpt", ANET, None)


@pytest.fixture
def whole_method(tmp_path: Path) -> Path:
    return write(tmp_path / "all.ckpt", ALL, -torch.inf, part="anet")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def write_video(path: Path, picture: np.ndarray, quarters: int = 0) -> Path:
    """Four frames of a picture, 10 a second; a player turns them so often counterclockwise."""
    coded = np.ascontiguousarray(np.rot90(picture, -quarters))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(10), options={"crf": "1"})
        stream.height, stream.width = coded.shape[:2]
        stream.pix_fmt = "yuv444p"
        if quarters:
            turned = (
                [[0, 1 << 16], [-1 << 16, 0]] if quarters == 3 else [[0, -1 << 16], [1 << 16, 0]]
            )
            stream.set_display_matrix((*turned[0], 0, *turned[1], 0, 0, 0, 1 << 30))
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(coded, "rgb24")))
        container.mux(stream.encode(None))
    return path


def blob(height: int = 96, width: int = 128) -> np.ndarray:
    """A picture with something bright at its upper left."""
    picture = np.full((height, width, 3), 40, np.uint8)
    picture[8:40, 12:40] = (230, 180, 150)
    return picture


def run(checkpoint: Path, *arguments: str | Path) -> int:
    return main([str(a) for a in ("--checkpoint", checkpoint, *arguments)])


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "faces.jsonl").read_text().splitlines()]


def test_picture_becomes_faces_with_attributes_and_maps(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    assert run(lnet, photo, "-o", out, "--maps") == ExitCode.DONE
    (line,) = lines(out)
    expected = FaceFinder.from_checkpoint(lnet)(read_image(photo)).faces
    assert line["file"] == str(photo) and len(line["faces"]) == len(expected) > 0
    for face, found in zip(line["faces"], expected, strict=True):
        assert face["box"] == pytest.approx(found.box, abs=0.01)
        assert face["score"] == found.score
        assert face["attributes"] == pytest.approx(found.attributes, abs=1e-4)
        assert list(face["attributes"]) == NAMES
    assert read_image(out / "photo_response.png").shape == (70, 90, 3)
    height, width, _ = read_image(out / "photo_faces.png").shape
    assert height >= 70 and width > 90  # what is said stands beside the picture
    assert "photo.png: " in capsys.readouterr().out


def test_boxes_are_in_pixels_of_the_picture(lnet: Path) -> None:
    blob = np.zeros((192, 192, 3), np.uint8)
    blob[100:160, 20:70] = 255
    finder = FaceFinder.from_checkpoint(lnet)
    once = finder(blob).faces[0].box
    twice = finder(blob.repeat(2, 0).repeat(2, 1)).faces[0].box
    assert np.array(twice) == pytest.approx(2 * np.array(once), abs=8)


def test_no_face_is_an_answer(tmp_path: Path, photo: Path) -> None:
    strict = write(tmp_path / "strict.ckpt", LITE, 1e9)
    assert run(strict, photo, "-o", tmp_path / "out") == ExitCode.DONE
    assert lines(tmp_path / "out") == [{"file": str(photo), "faces": []}]


def test_anet_describes_what_lnet_finds(
    lnet: Path, anet: Path, photo: Path, tmp_path: Path
) -> None:
    assert run(lnet, photo, "-o", tmp_path / "one") == ExitCode.DONE
    assert run(lnet, photo, "-o", tmp_path / "two", "--anet", anet) == ExitCode.DONE
    one, two = (lines(tmp_path / name)[0]["faces"] for name in ("one", "two"))
    assert [face["box"] for face in one] == [face["box"] for face in two]
    assert one[0]["attributes"] != two[0]["attributes"]


def test_anet_alone_takes_the_whole_picture(anet: Path, photo: Path, tmp_path: Path) -> None:
    assert run(anet, photo, "-o", tmp_path / "out", "--maps") == ExitCode.DONE
    (face,) = lines(tmp_path / "out")[0]["faces"]
    assert face["box"] == [0, 0, 90, 70] and face["score"] is None
    assert not list((tmp_path / "out").glob("*_response.png"))


def test_cascade_and_anet_of_one_checkpoint_are_used(
    whole_method: Path, photo: Path, tmp_path: Path
) -> None:
    assert run(whole_method, photo, "-o", tmp_path / "out") == ExitCode.DONE
    finder = FaceFinder.from_checkpoint(whole_method)
    assert finder.localizer is not None and finder.localizer.lnet_s is not None
    pixels = torch.from_numpy(read_image(photo)).permute(2, 0, 1).float() / 255
    found = finder.localizer(pixels)
    boxes = [face["box"] for face in lines(tmp_path / "out")[0]["faces"]]
    assert np.array(boxes) == pytest.approx(found.boxes.numpy(), abs=0.01)
    assert not torch.equal(found.boxes, found.regions)
    assert finder.tagger.size == (55, 47)


@pytest.mark.parametrize(("part", "has_lnet_s"), [("lnet_o", False), ("lnet_s", True)])
def test_parts_that_have_not_learnt_yet_are_not_used(
    tmp_path: Path, part: str, has_lnet_s: bool
) -> None:
    finder = FaceFinder.from_checkpoint(write(tmp_path / "a.ckpt", ALL, 0.0, part=part))
    assert finder.localizer is not None
    assert (finder.localizer.lnet_s is not None) == has_lnet_s
    expected = finder.localizer.lnet_s if has_lnet_s else finder.localizer.lnet_o
    assert finder.tagger.network is expected


def test_network_that_learnt_identities_describes_nobody(tmp_path: Path) -> None:
    people = write(tmp_path / "people.ckpt", ALL, 0.0, part="anet", num_identities=7)
    with pytest.raises(CheckpointError, match="who people are, not their attributes"):
        FaceFinder.from_checkpoint(people)


def test_faces_of_a_picture_are_described_in_one_pass(anet: Path) -> None:
    tagger = FaceFinder.from_checkpoint(anet).tagger
    sizes = []
    tagger.network.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    regions = torch.tensor([[0.0, 0, 40, 50], [10, 5, 60, 70], [-5, 0, 30, 40]])
    image = torch.rand(3, 80, 90)
    together = tagger(image, regions)
    assert sizes == [3]
    alone = torch.cat([tagger(image, region[None]) for region in regions])
    assert torch.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("crop", ["aligned", "whole"])
def test_cut_out_pictures_are_one_face_each(
    whole_method: Path, photo: Path, tmp_path: Path, crop: str
) -> None:
    assert run(whole_method, photo, "-o", tmp_path / "out", "--crop", crop) == ExitCode.DONE
    (face,) = lines(tmp_path / "out")[0]["faces"]
    image = read_image(photo)
    box = [0, 0, 90, 70] if crop == "whole" else aligned_box(image).tolist()
    assert face["box"] == pytest.approx(box, abs=0.01) and face["score"] is None
    finder = FaceFinder.from_checkpoint(whole_method)
    left, top, right, bottom = box
    if crop == "aligned":  # ANet learnt from boxes with 1.2 times their sides
        aside, above = 0.1 * (right - left), 0.1 * (bottom - top)
        box = [left - aside, top - above, right + aside, bottom + above]
    pixels = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    with torch.no_grad():
        (said,) = finder.tagger(pixels, torch.tensor([box])).tolist()
    assert list(face["attributes"].values()) == pytest.approx(said, abs=2e-3)


def test_aligned_head_is_where_celeba_has_it() -> None:
    box = aligned_box(np.zeros((218, 178, 3), np.uint8))
    assert box == pytest.approx([27, 29, 150, 187], abs=1)
    assert aligned_box(np.zeros((436, 356, 3), np.uint8)) == pytest.approx(2 * box)


def test_lnet_that_learnt_from_whole_pictures_is_shown_aligned_ones_whole(
    lnet: Path, photo: Path, tmp_path: Path
) -> None:
    for crop in ("aligned", "whole"):
        assert run(lnet, photo, "-o", tmp_path / crop, "--crop", crop) == ExitCode.DONE
    one, other = (lines(tmp_path / crop)[0]["faces"][0] for crop in ("aligned", "whole"))
    assert one["attributes"] == other["attributes"] and one["box"] != other["box"]


def test_maps_without_a_search_are_refused(lnet: Path, photo: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(lnet, photo, "-o", "out", "--crop", "whole", "--maps")
    assert stopped.value.code == ExitCode.NOTHING_DONE


def test_video_is_described_frame_by_frame(
    lnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    source, out = write_video(tmp_path / "clip.mp4", blob()), tmp_path / "out"
    Image.fromarray(blob()).save(tmp_path / "still.png")
    assert run(lnet, source, tmp_path / "still.png", "-o", out, "--maps") == ExitCode.DONE
    for name in ("clip_faces.mp4", "clip_response.mp4"):
        with av.open(str(out / name)) as made:
            frames = list(made.decode(video=0))
        assert [(f.width, f.height) for f in frames] == [(128, 96)] * 4
    *moving, still = lines(out)
    assert [line["file"] for line in moving] == [str(source)] * 4
    assert [line["frame"] for line in moving] == [0, 1, 2, 3]
    assert [line["time"] for line in moving] == pytest.approx([0, 0.1, 0.2, 0.3])
    for line in moving:
        assert line["faces"][0]["box"] == pytest.approx(still["faces"][0]["box"], abs=4)
    assert "clip.mp4: 4 frames, 4 with faces" in capsys.readouterr().out


@pytest.mark.parametrize("quarters", [1, 3])
def test_turned_video_is_seen_upright_and_stays_turned(
    lnet: Path, tmp_path: Path, quarters: int
) -> None:
    upright = write_video(tmp_path / "upright.mp4", blob())
    turned = write_video(tmp_path / "turned.mp4", blob(), quarters)
    assert run(lnet, upright, turned, "-o", tmp_path / "out") == ExitCode.DONE
    found = lines(tmp_path / "out")
    assert found[4]["faces"][0]["box"] == pytest.approx(found[0]["faces"][0]["box"], abs=4)
    with av.open(str(tmp_path / "out" / "turned_faces.mp4")) as made:
        frame = next(made.decode(video=0))
    assert (frame.width, frame.height) == (96, 128)
    assert round(frame.rotation / 90) % 4 == quarters


def test_damaged_video_leaves_no_lines_of_its_own(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    broken, out = tmp_path / "clip.mp4", tmp_path / "out"
    broken.write_bytes(b"no video")
    assert run(lnet, broken, photo, "-o", out) == ExitCode.PARTLY_DONE
    assert [line["file"] for line in lines(out)] == [str(photo)]
    assert "1 of 2 inputs skipped" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == ["faces.jsonl", "photo_faces.png"]


def test_lines_of_an_input_that_fails_half_way_are_taken_back() -> None:
    file = io.StringIO()
    with all_or_none(file):
        file.write("one\n")

    def fail() -> None:
        file.write("half of")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk"), all_or_none(file):
        fail()
    with all_or_none(file):
        file.write("two\n")
    assert file.getvalue() == "one\ntwo\n"


def test_every_kind_of_picture_is_read_as_a_person_sees_it(lnet: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    colour = Image.fromarray(blob())
    colour.save(folder / "colour.png")
    colour.convert("L").save(folder / "grey.png")
    colour.convert("CMYK").save(folder / "cmyk.jpg", quality=98)
    colour.convert("P").save(folder / "palette.gif")
    deep = np.asarray(colour.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    colour.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", exif=exif, quality=98)
    assert run(lnet, folder, "-o", tmp_path / "out") == ExitCode.DONE
    boxes = {Path(line["file"]).stem: line["faces"][0]["box"] for line in lines(tmp_path / "out")}
    assert len(boxes) == 6
    assert boxes["deep"] == boxes["grey"]
    for name in ("cmyk", "palette", "turned"):
        assert boxes[name] == pytest.approx(boxes["colour"], abs=8), name


def test_truncated_and_narrow_pictures_are_skipped(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    whole_file = photo.read_bytes()
    (tmp_path / "cut.png").write_bytes(whole_file[: len(whole_file) // 2])
    Image.new("RGB", (2000, 1)).save(tmp_path / "line.png")
    pictures = [tmp_path / name for name in ("cut.png", "line.png", "photo.png")]
    assert run(lnet, *pictures, "-o", tmp_path / "out") == ExitCode.PARTLY_DONE
    cut, line, count = capsys.readouterr().err.splitlines()
    assert "cut.png: a damaged picture" in cut
    assert "line.png: 2000x1 pixels; expected a longer side of at most 20 times" in line
    assert count == "predict: 2 of 3 inputs skipped"


def test_summary_is_json_and_names_the_terms(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    asked = (tmp_path / "gone.png", "-o", tmp_path / "out", "--json")
    assert run(lnet, photo, *asked) == ExitCode.PARTLY_DONE
    summary = json.loads(capsys.readouterr().out)
    assert summary["checkpoints"] == [str(lnet)] and summary["exit_code"] == 3
    assert summary["terms"][0]["data"] == "portraits"
    assert [done["input"] for done in summary["outputs"]] == [str(photo)]
    assert [skipped["input"] for skipped in summary["left_out"]] == [str(tmp_path / "gone.png")]


def test_networks_in_each_others_place_are_refused(lnet: Path, anet: Path) -> None:
    with pytest.raises(CheckpointError, match=r"anet\.ckpt: an ANet, expected the LNet"):
        FaceFinder.from_checkpoint(anet, anet=anet)
    with pytest.raises(CheckpointError, match=r"lnet\.ckpt: an LNet, expected an ANet"):
        FaceFinder.from_checkpoint(lnet, anet=lnet)


@pytest.mark.parametrize(
    ("wanted", "told"), [("Smiling,Bangs", ["Bangs", "Smiling"]), ("-Male", ["Bangs", "Smiling"])]
)
def test_attributes_can_be_chosen(
    lnet: Path, photo: Path, tmp_path: Path, wanted: str, told: list[str]
) -> None:
    assert run(lnet, photo, "-o", tmp_path / "out", f"--attributes={wanted}") == ExitCode.DONE
    assert list(lines(tmp_path / "out")[0]["faces"][0]["attributes"]) == told


def test_unknown_attribute_is_one_line(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    asked = ("-o", tmp_path / "out", "--attributes", "Bald")
    assert run(lnet, photo, *asked) == ExitCode.NOTHING_DONE
    said = capsys.readouterr().err
    assert said == "predict: --attributes: 'Bald' is none of Bangs, Male, Smiling\n"
    assert not (tmp_path / "out").exists()


def test_bad_inputs_are_named_skipped_and_counted(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out, broken = tmp_path / "out", tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    assert run(lnet, photo, broken, "-o", out) == ExitCode.PARTLY_DONE
    assert capsys.readouterr().err.splitlines() == [
        f"predict: {broken}: not a picture that can be read",
        "predict: 1 of 2 inputs skipped",
    ]
    assert [line["file"] for line in lines(out)] == [str(photo)]
    assert run(lnet, broken, "-o", tmp_path / "none") == ExitCode.NOTHING_DONE
    assert not (tmp_path / "none").exists()


def test_existing_outputs_are_kept(lnet: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "photo_faces.png").write_text("mine")
    assert run(lnet, photo, "-o", out) == ExitCode.NOTHING_DONE
    assert [path.name for path in out.iterdir()] == ["photo_faces.png"]
    assert (out / "photo_faces.png").read_text() == "mine"
    assert run(lnet, photo, "-o", out, "--overwrite") == ExitCode.DONE


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import face_attributes.predict, sys; "
        "print([m for m in ('torch', 'av') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
