"""What a user does with checkpoints: pictures in, faces out, one line for a mistake."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from face_attributes.finder import FaceFinder, aligned_box
from predicting import ANET, LITE, NAMES, blob, lines, run, write
from vision_shared.images import read_image
from vision_shared.inputs import ExitCode


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
    assert finder.tagger is not None and finder.tagger.size == (55, 47)


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
    if crop == "aligned":  # ANet learned from boxes with 1.2 times their sides
        aside, above = 0.1 * (right - left), 0.1 * (bottom - top)
        box = [left - aside, top - above, right + aside, bottom + above]
    pixels = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    assert finder.tagger is not None
    with torch.no_grad():
        (said,) = finder.tagger(pixels, torch.tensor([box])).tolist()
    assert list(face["attributes"].values()) == pytest.approx(said, abs=2e-3)


def test_lnet_that_learned_from_whole_pictures_is_shown_aligned_ones_whole(
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
    assert "cut.png: a damaged image" in cut
    assert "line.png: 2000x1 pixels; expected a longer side of at most 20 times" in line
    assert count == "predict: 2 of 3 inputs skipped"


def test_summary_is_json_and_names_the_terms(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    asked = (tmp_path / "gone.png", "-o", tmp_path / "out", "--json")
    assert run(lnet, photo, *asked) == ExitCode.PARTLY_DONE
    summary = json.loads(capsys.readouterr().out)
    assert summary["checkpoints"] == [str(lnet)] and summary["exit_code"] == 3
    assert summary["terms"][0]["data"] == "people"
    assert [done["input"] for done in summary["outputs"]] == [str(photo)]
    assert [skipped["input"] for skipped in summary["left_out"]] == [str(tmp_path / "gone.png")]


@pytest.mark.parametrize(
    ("wanted", "told"), [("Smiling,Bangs", ["Bangs", "Smiling"]), ("-Male", ["Bangs", "Smiling"])]
)
def test_attributes_can_be_chosen(
    lnet: Path, photo: Path, tmp_path: Path, wanted: str, told: list[str]
) -> None:
    assert run(lnet, photo, "-o", tmp_path / "out", f"--attributes={wanted}") == ExitCode.DONE
    assert list(lines(tmp_path / "out")[0]["faces"][0]["attributes"]) == told


def test_attributes_that_did_not_hold_on_photographs_stand_apart(
    tmp_path: Path, photo: Path
) -> None:
    checkpoint = write(tmp_path / "anet.ckpt", ANET, None, data={"reliable": ["Smiling"]})
    asked = ([], ["--all-attributes"], ["--attributes", "Male"])
    for number, more in enumerate(asked):
        assert run(checkpoint, photo, "-o", tmp_path / str(number), *more) == ExitCode.DONE
    default, every, chosen = (lines(tmp_path / str(n))[0]["faces"][0] for n in range(len(asked)))
    assert list(default["attributes"]) == ["Smiling"] and "unreliable" not in default
    assert list(every["unreliable"]) == ["Bangs", "Male"]
    assert every["attributes"] == default["attributes"]
    assert chosen["attributes"] == {} and list(chosen["unreliable"]) == ["Male"]


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
        f"predict: {broken}: not an image that can be read",
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
