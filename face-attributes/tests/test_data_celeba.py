"""CelebA in every shape that people have, and what is wrong with some."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face_attributes.data.celeba import (
    CelebaFiles,
    Images,
    celeba_faces,
    find_celeba,
    read_boxes,
    read_celeba,
)
from face_attributes.data.faces import NOBODY, Faces
from vision_shared.inputs import InputError

LISTS = {
    "Anno/list_attr_celeba.txt": (
        "3\nSmiling Male \n000001.jpg -1  1\n000002.jpg  1 -1\n000003.jpg  1  1\n"
    ),
    "Anno/list_bbox_celeba.txt": (
        "3\nimage_id x_1 y_1 width height\n"
        "000003.jpg    10  5 40 50\n000001.jpg    1  2 30 40\n000002.jpg  0 0 0 0\n"
    ),
    "Anno/list_landmarks_celeba.txt": (
        "3\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y "
        "leftmouth_x leftmouth_y rightmouth_x rightmouth_y\n"
        "000002.jpg 11 12 13 14 15 16 17 18 19 20\n"
        "000001.jpg 1  2  3  4  5  6  7  8  9 10\n000003.jpg 1 2 3 4 5 6 7 8 9 10\n"
    ),
    "Anno/identity_CelebA.txt": "000001.jpg 2880\n000002.jpg 2937\n000003.jpg 2880\n",
    "Eval/list_eval_partition.txt": "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n",
}


def make(root: Path, changes: dict[str, str | None] | None = None) -> Path:
    """Three photographs of 60x80 pixels and their lists; None leaves one out."""
    for name, text in (LISTS | (changes or {})).items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    write_pictures(root / "Img" / "img_celeba")
    return root


def write_pictures(folder: Path, suffix: str = ".jpg") -> None:
    folder.mkdir(parents=True)
    for number in range(1, 4):
        Image.new("RGB", (60, 80), (80 * number, 0, 0)).save(folder / f"{number:06d}{suffix}")


def load(root: Path, images: Images = "wild") -> Faces:
    return celeba_faces(root, images, root / "cache")


def faults_of(files: CelebaFiles) -> list[str]:
    faults: list[str] = []
    read_celeba(files, faults.append)
    return faults


def test_lists_are_joined_by_name(tmp_path: Path) -> None:
    faces = load(make(tmp_path))
    assert faces.attributes == ("Smiling", "Male")
    assert faces.labels.tolist() == [[-1, 1], [1, -1], [1, 1]]
    assert faces.labels.dtype == np.int8
    assert faces.parts.tolist() == [0, 1, 2]
    assert faces.identities.tolist() == [2880, 2937, 2880]
    assert faces.boxes[[0, 2]].tolist() == [[1, 2, 31, 42], [10, 5, 50, 55]]
    assert np.isnan(faces.boxes[1]).all()  # 0 0 0 0: none
    assert faces.landmarks[1].tolist() == [[11, 12], [13, 14], [15, 16], [17, 18], [19, 20]]


def test_face_is_read_with_all_that_is_known(tmp_path: Path) -> None:
    face = load(make(tmp_path)).part("test").read(0)
    assert (face.name, face.identity) == ("000003.jpg", 2880)
    assert face.image.shape == (80, 60, 3) and abs(int(face.image[0, 0, 0]) - 240) < 4
    assert face.attributes.tolist() == [1, 1] and face.box.tolist() == [10, 5, 50, 55]


def test_order_of_rows_and_line_ends_do_not_matter(tmp_path: Path) -> None:
    lines = LISTS["Eval/list_eval_partition.txt"].splitlines()
    shuffled = "\r\n".join(reversed(lines))
    faces = load(make(tmp_path, {"Eval/list_eval_partition.txt": shuffled}))
    assert faces.parts.tolist() == [0, 1, 2]


def test_identities_boxes_and_landmarks_may_be_missing(tmp_path: Path) -> None:
    absent = [name for name in LISTS if name.split("/")[1].startswith(("id", "list_b", "list_l"))]
    faces = load(make(tmp_path, dict.fromkeys(absent)))
    assert faces.identities.tolist() == [NOBODY] * 3
    assert np.isnan(faces.boxes).all() and np.isnan(faces.landmarks).all()
    assert np.isnan(faces.read(0).box).all()


def test_aligned_pictures_take_no_boxes_and_their_own_landmarks(tmp_path: Path) -> None:
    make(tmp_path)
    write_pictures(tmp_path / "Img" / "img_align_celeba")
    landmarks = LISTS["Anno/list_landmarks_celeba.txt"].replace("11 12", "31 32")
    (tmp_path / "Anno" / "list_landmarks_align_celeba.txt").write_text(landmarks)
    faces = load(tmp_path, "aligned")
    assert np.isnan(faces.boxes).all()
    assert faces.landmarks[1, 0].tolist() == [31, 32]


def test_kaggle_files_are_read(tmp_path: Path) -> None:
    for name, text in {
        "list_attr_celeba": "image_id,Smiling,Male\n000001.jpg,0,1\n000002.jpg,1,0\n",
        "list_eval_partition": "image_id,partition\n000001.jpg,0\n000002.jpg,2\n",
        "list_bbox_celeba": "image_id,x_1,y_1,width,height\n000001.jpg,600,274,343,475\n",
    }.items():
        (tmp_path / f"{name}.csv").write_text(text)
    write_pictures(tmp_path / "img_align_celeba" / "img_align_celeba")
    faces = load(tmp_path, "aligned")
    assert faces.labels.tolist() == [[-1, 1], [1, -1]]  # 0 is no where nothing is -1
    assert faces.parts.tolist() == [0, 2]
    faces.check()


def test_unknown_labels_stay_unknown_beside_minus_one(tmp_path: Path) -> None:
    text = LISTS["Anno/list_attr_celeba.txt"].replace("000002.jpg  1", "000002.jpg  0")
    root = make(tmp_path, {"Anno/list_attr_celeba.txt": text})
    assert load(root).labels.tolist() == [[-1, 1], [0, -1], [1, 1]]
    assert load(root).labels.tolist() == [[-1, 1], [0, -1], [1, 1]]  # from the cache


def test_png_pictures_are_found_by_the_names_of_the_lists(tmp_path: Path) -> None:
    make(tmp_path)
    write_pictures(tmp_path / "Img" / "img_align_celeba_png", ".png")
    faces = load(tmp_path, "aligned")
    faces.check()
    assert faces.name(0) == "000001.png"


def test_packed_lists_are_reloaded_until_a_list_changes(tmp_path: Path) -> None:
    root = make(tmp_path)
    first, again = load(root), load(root)
    for column in ("names", "labels", "parts", "identities", "boxes", "landmarks"):
        ours, theirs = getattr(first, column), getattr(again, column)
        assert ours.dtype == theirs.dtype and np.array_equal(
            ours, theirs, equal_nan=ours.dtype.kind == "f"
        )
    assert (again.listed_in, again.boxed_in) == (first.listed_in, first.boxed_in)
    assert len(list((root / "cache").iterdir())) == 1
    path = root / "Eval" / "list_eval_partition.txt"
    path.write_text(path.read_text().replace("000001.jpg 0", "000001.jpg  2"))
    assert load(root).parts.tolist() == [2, 1, 2]
    assert len(list((root / "cache").iterdir())) == 1


def test_a_cache_holds_wherever_it_is_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    celeba_faces(Path("data"), "wild", root / "cache")
    monkeypatch.chdir("/")
    load(root).check()


def test_damaged_cache_says_to_remove_it(tmp_path: Path) -> None:
    load(make(tmp_path))
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(path.read_bytes()[:-90])
    with pytest.raises(InputError, match=r"a damaged cache .*: remove it"):
        load(tmp_path)


def test_missing_data_set_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"img_celeba: not found.* get CelebA at http"):
        load(tmp_path)


def test_archive_that_was_not_unpacked_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "Img" / "img_align_celeba.zip").touch()
    with pytest.raises(FileNotFoundError, match=r"img_align_celeba\.zip: not unpacked"):
        load(tmp_path, "aligned")


def test_every_fault_of_the_lists_is_reported(tmp_path: Path) -> None:
    changes: dict[str, str | None] = {
        "Anno/list_attr_celeba.txt": LISTS["Anno/list_attr_celeba.txt"].replace(" 1  1", " 1  2"),
        "Anno/identity_CelebA.txt": "000001.jpg 1\n000002.jpg 1\n000009.jpg 1\n",
        "Anno/list_bbox_celeba.txt": LISTS["Anno/list_bbox_celeba.txt"].replace(" 40 50", " -4 5"),
        "Eval/list_eval_partition.txt": "000001.jpg 0\n000002.jpg 3\n000003.jpg 2\n",
    }
    faults = faults_of(find_celeba(make(tmp_path, changes), "wild"))
    anno = tmp_path / "Anno"
    assert sorted(faults) == sorted(
        [
            f"{anno}/list_attr_celeba.txt:5: Male is 2, expected 1, -1 or 0",
            f"{anno}/identity_CelebA.txt: no row for 000003.jpg, which "
            f"{anno}/list_attr_celeba.txt:5 lists",
            f"{anno}/identity_CelebA.txt:3: 000009.jpg is not in {anno}/list_attr_celeba.txt",
            f"{anno}/list_bbox_celeba.txt:3: a box of -4x5 pixels, expected a width and a height",
            f"{tmp_path}/Eval/list_eval_partition.txt:2: part 3, expected 0 (train), 1 (val) or 2 "
            "(test)",
        ]
    )


def test_box_outside_its_picture_names_file_and_line(tmp_path: Path) -> None:
    text = LISTS["Anno/list_bbox_celeba.txt"]
    faces = load(make(tmp_path, {"Anno/list_bbox_celeba.txt": text.replace("10  5 ", "600 274 ")}))
    with pytest.raises(InputError, match=r"list_bbox_celeba\.txt:3: a box of 40x50 .*60x80"):
        faces.read(2)


def test_box_that_the_border_cuts_is_kept(tmp_path: Path) -> None:
    text = LISTS["Anno/list_bbox_celeba.txt"].replace("10  5 ", "-15 -20 ")
    faces = load(make(tmp_path, {"Anno/list_bbox_celeba.txt": text}))
    assert faces.read(2).box.tolist() == [-15, -20, 25, 30]


def test_missing_picture_names_the_line_that_lists_it(tmp_path: Path) -> None:
    faces = load(make(tmp_path))
    (tmp_path / "Img/img_celeba/000002.jpg").unlink()
    with pytest.raises(InputError, match=r"000002\.jpg: no such.*list_attr_celeba\.txt:4 lists"):
        faces.check()


def test_attributes_are_chosen_by_name_in_the_order_asked_for(tmp_path: Path) -> None:
    faces = load(make(tmp_path)).with_attributes(["Male", "Smiling"])
    assert faces.labels.tolist() == [[1, -1], [-1, 1], [1, 1]]
    with pytest.raises(InputError, match=r"list_attr_celeba\.txt: has no attribute 'Bald'"):
        faces.with_attributes(["Bald"])


def test_boxes_of_a_file_follow_the_names(tmp_path: Path) -> None:
    path = make(tmp_path) / "Anno" / "list_bbox_celeba.txt"
    boxes = read_boxes(path, np.array([b"000001.jpg", b"000003.jpg"]))
    assert boxes.tolist() == [[1, 2, 31, 42], [10, 5, 50, 55]]
    with pytest.raises(InputError, match=r"no box for 000007\.jpg"):
        read_boxes(path, np.array([b"000001.jpg", b"000007.jpg"]))


def test_columns_are_read_by_name_whatever_their_order(tmp_path: Path) -> None:
    moved = (
        "nose_x,nose_y,image_id,lefteye_x,lefteye_y,righteye_x,righteye_y,"
        "rightmouth_x,rightmouth_y,leftmouth_x,leftmouth_y\n15,16,000002.jpg,11,12,13,14,19,20,17,18\n"
    )
    for name, text in {
        "list_attr_celeba": "image_id,Smiling\n000002.jpg,1\n",
        "list_eval_partition": "partition,image_id\n0,000002.jpg\n",
        "list_bbox_celeba": "image_id,x_2,y_2,x_1,y_1\n000002.jpg,31.0,42.0,1.0,2.0\n",
        "list_landmarks_celeba": moved,
    }.items():
        (tmp_path / f"{name}.csv").write_text(text)
    write_pictures(tmp_path / "img_celeba")
    faces = load(tmp_path)
    assert faces.landmarks[0].tolist() == [[11, 12], [13, 14], [15, 16], [17, 18], [19, 20]]
    assert faces.boxes.tolist() == [[1, 2, 31, 42]]
    (tmp_path / "list_landmarks_celeba.csv").write_text(moved.replace("nose_x", "snout_x"))
    with pytest.raises(InputError, match=r"celeba\.csv:1: no column nose_x, unknown column snout"):
        read_celeba(find_celeba(tmp_path, "wild"))
