"""Folders as phones, Macs and shops leave them."""

from pathlib import Path

import pytest

from vision_shared.folders import expand_into_folder, find_files
from vision_shared.inputs import InputError

IMAGES, VIDEOS = {".jpg", ".png", ".heic"}, {".mov"}


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def expand(*inputs: Path, output: Path, endings: tuple[str, ...] = ()) -> tuple[dict, list[str]]:
    lines: list[str] = []
    names = expand_into_folder(
        inputs,
        IMAGES | VIDEOS,
        output,
        lines.append,
        endings=endings,
        is_video=lambda path: path.suffix == ".mov",
    )
    return names, lines


def test_what_systems_hide_is_ignored_and_what_users_left_is_counted(tmp_path: Path) -> None:
    names = (
        "a.jpg",
        "B.JPG",
        "._a.jpg",
        ".DS_Store",
        "__MACOSX/a.jpg",
        "@eaDir/a.jpg",
        "Thumbs.db",
    )
    touch(tmp_path, *names, "deep/c.HEIC", "letter.txt", "deep/raw.dng")
    found = find_files(tmp_path, IMAGES)
    assert [path.name for path in found.files] == ["B.JPG", "a.jpg", "c.HEIC"]
    assert found.notice == (
        f"{tmp_path}: 3 files in 2 folders; 2 other files left out (.dng, .txt)"
    )
    assert find_files(touch(tmp_path / "plain", "a.jpg"), IMAGES).notice is None


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    shop, store = touch(tmp_path / "shop", "a/x.jpg"), touch(tmp_path / "store", "y.jpg")
    (shop / "0 cycle").symlink_to(shop)
    (shop / "1 again").symlink_to(shop / "a")
    (shop / "2 store").symlink_to(store)
    (store / "back").symlink_to(shop)
    (shop / "gone").symlink_to(tmp_path / "nowhere")
    found = find_files(shop, IMAGES)
    assert [path.relative_to(shop).as_posix() for path in found.files] == [
        "a/x.jpg",
        "2 store/y.jpg",
    ]
    assert found.notice == (
        f"{shop}: 2 files in 3 folders; 1 link to a folder followed; 3 links to a folder that was "
        f"read already left out ({shop / '0 cycle'})"
    )


def test_outputs_keep_the_path_within_a_folder(tmp_path: Path) -> None:
    shop = touch(tmp_path / "shop", "IMG_2.jpg", "IMG_2.mov", "a/IMG_2.jpg", "b.c/IMG_2.png")
    names, lines = expand(shop, shop / "IMG_2.jpg", output=tmp_path / "out")
    assert {path.relative_to(shop).as_posix(): name for path, name in names.items()} == {
        "IMG_2.jpg": "IMG_2",
        "IMG_2.mov": "IMG_2",  # becomes other files than an image does
        "a/IMG_2.jpg": "a/IMG_2",
        "b.c/IMG_2.png": "b.c/IMG_2",
    }
    assert lines == [f"{shop}: 4 files in 3 folders"]


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "b/2.jpg", "c/3.jpg", "c/3.png")
    names, _ = expand(
        *(tmp_path / name for name in ("a", "b", "c/3.jpg", "c/3.png")), output=tmp_path / "out"
    )
    assert list(names.values()) == ["a/1", "b/1", "2", "3_jpg", "3_png"]
    touch(tmp_path, "shop/b/3.jpg", "shop/b/3.png", "shop/c/3.jpg", "shop/c/3.png")
    within, _ = expand(tmp_path / "shop", output=tmp_path / "out")
    assert list(within.values()) == ["b/3_jpg", "b/3_png", "c/3_jpg", "c/3_png"]
    touch(tmp_path, "c/3_png.jpg")
    with pytest.raises(InputError, match="would both become"):
        expand(tmp_path / "c", output=tmp_path / "out")


@pytest.mark.parametrize(("name", "said"), [(".", True), ("out", False)])
def test_earlier_outputs_are_no_inputs(tmp_path: Path, name: str, said: bool) -> None:
    shop, endings = touch(tmp_path / "shop", "a.jpg", "deep/b.jpg"), (".png", "_overlay.png")
    output = touch(shop / name, *(f"{n}{e}" for n in ("a", "deep/b") for e in endings))
    names, lines = expand(shop, output=output, endings=endings)
    assert list(names.values()) == ["a", "deep/b"]
    line = f"{output}: 4 outputs of an earlier run left out ({shop / 'a.png'})"
    assert (line in lines) is said  # a folder of outputs is not looked into at all
    named, _ = expand(shop / "a.jpg", shop / "a_overlay.png", output=shop, endings=endings)
    assert list(named.values()) == ["a", "a_overlay"]


def test_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a file, expected the name of a folder"):
        expand(tmp_path, output=touch(tmp_path, "out.png") / "out.png")
