"""What a user does with an index: build it, add to it, remove from it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from colour_shop import DRESS, TEE, ColourRecogniser, lines, photo, run
from fashion import index, search
from fashion.garment import Box, Garment, Picture
from fashion.retrieval.building import PictureAdder
from fashion.retrieval.garment_index import GarmentIndex
from fashion.retrieval.identity import new_manifest
from fashion.retrieval.storage import IndexFiles
from fashion.retrieval.writing import opened
from vision_shared.checkpoints import write_checkpoint
from vision_shared.inputs import ExitCode


def test_build_finds_all_garments_of_nested_folders(
    colour_checkpoint: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    built = tmp_path / "index"
    assert (
        run(index, "build", "--checkpoint", colour_checkpoint, shop, "-o", built) == ExitCode.DONE
    )
    found = lines(built)
    assert len(found) == 6
    files = sorted(Path(line["file"]).relative_to(shop).as_posix() for line in found)
    assert files[:2] == ["both.png", "both.png"] and "id_red/front.png" in files
    assert {line["category"] for line in found} == {"Tee", "Dress"}
    assert IndexFiles(built).thumbnail(0).is_file()
    assert "6 garments, searched exactly" in capsys.readouterr().out


def test_whole_pictures_are_one_garment_each(
    colour_checkpoint: Path, shop: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    assert (
        run(index, "build", "--checkpoint", colour_checkpoint, shop, "-o", folder, "--whole")
        == ExitCode.DONE
    )
    assert [line["box"] for line in lines(folder)] == [[0, 0, 80, 60]] * 5
    query = photo(tmp_path / "query.png", ("red", DRESS), ("blue", TEE))
    assert run(search, folder, query, "-o", tmp_path / "out", "--top", 1) == ExitCode.DONE
    (garment,) = json.loads((tmp_path / "out" / "query.json").read_text())["garments"]
    assert garment["hits"][0]["file"].endswith("both.png") and garment["box"] == [0, 0, 80, 60]


def test_pictures_that_cannot_be_used_are_named_and_counted(
    colour_checkpoint: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (shop / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    (shop / ".hidden.png").write_bytes(b"")
    photo(shop / "white.png")
    folder = tmp_path / "index"
    assert (
        run(index, "build", "--checkpoint", colour_checkpoint, shop, "-o", folder)
        == ExitCode.PARTLY_DONE
    )
    said = capsys.readouterr().err
    assert "broken.jpg: not an image" in said and "white.png: no garment" in said
    assert "2 of 7 inputs skipped" in said and len(lines(folder)) == 6
    for path in [*shop.rglob("front.png"), shop / "both.png"]:
        path.unlink()
    assert (
        run(index, "build", "--checkpoint", colour_checkpoint, shop, "-o", tmp_path / "none")
        == ExitCode.NOTHING_DONE
    )
    assert not (tmp_path / "none").exists()


def test_add_takes_new_pictures_alone_and_never_its_own(
    built: Path, shop: Path, capsys: pytest.CaptureFixture
) -> None:
    capsys.readouterr()
    assert run(index, "add", built, shop.parent) == ExitCode.DONE  # the index lies in it
    assert "5 of 5 images are there" in capsys.readouterr().out
    photo(shop / "new.png", ("green", DRESS))
    assert run(index, "add", built, shop) == ExitCode.DONE
    assert "5 of 6 images are there" in capsys.readouterr().out
    assert [line["id"] for line in lines(built)] == list(range(7))
    assert lines(built)[-1]["file"] == str(shop / "new.png")


def test_remove_takes_pictures_and_folders(
    built: Path, shop: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(index, "remove", built, shop / "both.png", shop / "id_red") == ExitCode.DONE
    assert "3 garments removed; 3 garments" in capsys.readouterr().out
    assert not any("both" in line["file"] or "red" in line["file"] for line in lines(built))
    assert run(index, "remove", built, shop / "other.png") == ExitCode.NOTHING_DONE
    assert "other.png" in capsys.readouterr().err


def test_interrupted_build_is_continued_by_add(
    colour_checkpoint: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for number in range(40):
        photo(shop / f"more_{number:02d}.png", ("green", TEE))

    class Interrupted(ColourRecogniser):
        seen = 0

        def __call__(self, image: Picture, box: Box | None = None) -> list[Garment]:
            self.seen += 1
            if self.seen > 36:
                raise KeyboardInterrupt
            return super().__call__(image, box)

    folder = tmp_path / "index"
    arguments = [str(a) for a in ("build", "--checkpoint", colour_checkpoint, shop, "-o", folder)]
    assert index.main(arguments, lambda *_: Interrupted()) == ExitCode.INTERRUPTED
    done = len(lines(folder))
    assert 32 <= done < 46
    (notice,) = GarmentIndex(folder).notices
    command = re.search(r"index (add .*)`", notice)
    assert command is not None
    assert run(index, *command[1].split()) == ExitCode.DONE
    assert len(lines(folder)) == 46 and not GarmentIndex(folder).notices
    assert len({json.dumps([line["file"], line["box"]]) for line in lines(folder)}) == 46
    capsys.readouterr()
    assert (
        run(index, "build", "--checkpoint", colour_checkpoint, shop, "-o", folder)
        == ExitCode.NOTHING_DONE
    )
    assert "`add` to it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("num_done", "left"),
    [
        (None, ("lock",)),
        (None, (".unfinished-01234567/index.json", "lock")),
        (0, ()),
        (0, ("vectors.0.f32", "rows.0.bin", "thumbnails/000000/000000000.jpg")),
        (0, ("vectors.0.f32", "attributes.0.f16", "rows.0.bin", "garments.0.jsonl")),
        (2, ("vectors.1.f32", "garments.1.jsonl", "inverted.0.2.faiss")),
    ],
)
def test_build_goes_on_from_whatever_a_kill_left(
    colour_checkpoint: Path,
    shop: Path,
    tmp_path: Path,
    num_done: int | None,
    left: tuple[str, ...],
    capsys: pytest.CaptureFixture,
) -> None:
    folder = tmp_path / "index"
    build = [str(a) for a in ("build", "--checkpoint", colour_checkpoint, shop, "-o", folder)]
    if num_done is not None:
        manifest = new_manifest(str(colour_checkpoint), ColourRecogniser(), whole=False)
        with opened(folder, manifest) as writer:
            writer.set_unfinished([str(shop)])
            adder = PictureAdder(writer, ColourRecogniser())
            for path in sorted(shop.rglob("*.png"))[1 : 1 + num_done]:
                adder.add(path)
            adder.flush()
    for name in left:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("ab") as file:
            file.write(b"half-written")
    assert index.main(build, lambda *_: ColourRecogniser()) == ExitCode.DONE
    assert f"{num_done} of 5" in capsys.readouterr().out or not num_done
    assert sorted(line["id"] for line in lines(folder)) == list(range(6))
    assert len({json.dumps([line["file"], line["box"]]) for line in lines(folder)}) == 6
    assert not GarmentIndex(folder).notices
    inside = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert inside == {
        *("index.json", "lock", "thumbnails", "vectors.0.f32", "attributes.0.f16"),
        *("rows.0.bin", "garments.0.jsonl"),
    }


def test_unfinished_index_of_another_network_is_not_mixed(
    colour_checkpoint: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "index"
    run(index, "build", "--checkpoint", colour_checkpoint, shop, "-o", folder)
    with opened(folder) as writer:
        writer.set_unfinished([str(shop)])
    code = run(index, "build", "--checkpoint", colour_checkpoint, shop, "-o", folder, "--whole")
    assert code == ExitCode.NOTHING_DONE and len(lines(folder)) == 6
    assert "an unfinished index of another network" in capsys.readouterr().err


def test_pictures_that_changed_under_their_names_are_noticed(
    built: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    replaced, gone, touched = (
        shop / n for n in ("both.png", "id_red/front.png", "id_blue/front.png")
    )
    photo(replaced, ("black", TEE))
    gone.unlink()
    touched.touch()
    query, out = photo(tmp_path / "query.png", ("red", TEE)), tmp_path / "out"
    assert run(search, built, query, "-o", out) == ExitCode.DONE
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "2 images of what was found replaced or missing" in said
    (garment,) = json.loads((out / "query.json").read_text())["garments"]
    changes = {hit["file"]: hit.get("changed") for hit in garment["hits"]}
    assert changes[str(replaced)] == "replaced" and changes[str(gone)] == "missing"
    assert changes[str(touched)] is None and "stamp" not in garment["hits"][0]
    assert run(index, "add", built, shop) == ExitCode.DONE
    said = capsys.readouterr().err
    assert f"1 image ({replaced}) is replaced since the index has them" in said
    assert f"1 image ({gone}) is there no more" in said
    (line,) = [line for line in lines(built) if line["file"] == str(replaced)]
    assert line["attributes"] == {"black": 1.0}
    assert run(index, "remove", built, gone) == ExitCode.DONE
    capsys.readouterr()
    assert run(index, "add", built, shop) == ExitCode.DONE
    said = capsys.readouterr()
    assert "4 of 4 images are there already" in said.out
    assert not re.search("replaced|no more", said.err)


def test_links_to_folders_are_followed_once(
    built: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    photo(tmp_path / "store" / "new.png", ("green", DRESS))
    (shop / "cycle").symlink_to(shop)
    (shop / "store").symlink_to(tmp_path / "store")
    capsys.readouterr()
    assert run(index, "add", built, shop, tmp_path / "store") == ExitCode.DONE
    said = capsys.readouterr()
    assert "1 link to a folder followed" in said.err and "5 of 6 images" in said.out
    assert lines(built)[-1]["file"] == str(tmp_path / "store" / "new.png")


def test_another_network_is_refused_in_one_line(
    built: Path, colour_checkpoint: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    other = tmp_path / "other.ckpt"
    write_checkpoint(
        other,
        task="fashion",
        hyper_parameters={"network": {"name": "lite"}},
        state_dict={"net.weight": torch.zeros(3)},
    )
    query, out = photo(tmp_path / "query.png", ("red", TEE)), tmp_path / "out"
    capsys.readouterr()
    asked = (built, query, "-o", out)
    assert run(search, *asked, "--checkpoint", other) == ExitCode.NOTHING_DONE
    said = capsys.readouterr().err
    assert (
        said.count("\n") == 1 and "other.ckpt: network" in said and "build the index again" in said
    )
    assert run(index, "add", built, tmp_path, "--checkpoint", other) == ExitCode.NOTHING_DONE
    capsys.readouterr()
    changed = search.main([str(a) for a in asked], lambda *_: ColourRecogniser(bins=5))
    said = capsys.readouterr().err
    assert changed == ExitCode.NOTHING_DONE and said.count("\n") == 1 and '"bins": 5' in said
    moved = colour_checkpoint.rename(tmp_path / "moved.ckpt")
    assert run(search, *asked) == ExitCode.NOTHING_DONE
    assert "net.ckpt: no such checkpoint; --checkpoint" in capsys.readouterr().err
    assert run(search, *asked, "--checkpoint", moved) == ExitCode.DONE


def test_help_needs_nothing_heavy() -> None:
    for module in ("index", "search", "spot"):
        script = (
            f"import sys\nimport fashion.{module}\n"
            "heavy = {'torch', 'numpy', 'faiss', 'av', 'cv2'} & set(sys.modules)\n"
            "sys.exit(str(heavy) if heavy else 0)"
        )
        assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
