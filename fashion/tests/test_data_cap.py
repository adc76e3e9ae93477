"""Category and Attribute Prediction, coarse and fine, and what is wrong with some copies."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion.data.garments import Garments
from fashion.data.registry import load_garments, read_garments
from fashion.data.taxonomy import ABSENT, OCCLUDED, TRUNCATED, VISIBLE
from vision_shared.inputs import InputError

A, B, C = (f"img/Sheer_Pleated-Front_Blouse/img_0000000{i}.jpg" for i in (1, 2, 3))
COLUMNS = "image_name  clothes_type  landmark_visibility_1  landmark_location_x_1"
LISTS = {
    "Eval/list_eval_partition.txt": (
        f"3\nimage_name  evaluation_status\n{A}      train\n{C}   test \n{B}   val\n"
    ),
    "Anno/list_category_cloth.txt": (
        "2\ncategory_name  category_type\nAnorak         1\nBlouse     1\nCape           3\n"
    ),
    "Anno/list_category_img.txt": (
        f"3\nimage_name  category_label\n{A}     3\n{B}     1 \n{C}   2\n"
    ),
    "Anno/list_attr_cloth.txt": (
        "3\nattribute_name  attribute_type\na-line   3\nabstract chevron print   1\nchic  5\n"
    ),
    "Anno/list_attr_img.txt": (
        f"3\nimage_name  attribute_labels\n{A}    -1  1 -1 \n{B}   1 -1  0\n{C}  -1 -1 -1\n"
    ),
    "Anno/list_bbox.txt": (
        f"3\nimage_name  x_1  y_1  x_2  y_2\n{C}  001 002 030 040\n{A}      072 079 232 273\n"
        f"{B}  0 0 20 90\n"
    ),
    "Anno/list_landmarks.txt": (
        f"3\n{COLUMNS}\n"
        f"{A}  1  0 146 102  0 173 095  1 094 242  0 205 255  2 000 000  0 228 269  \n"
        f"{B}  2  0 1 2  0 11 2  0 3 80  0 13 81\n"
        f"{C}  3  0 1 2  0 3 4  0 5 6  0 7 8  0 9 10  0 11 12  2 0 0  2 0 0\n"
    ),
}


def make(root: Path, changes: dict[str, str | None] | None = None, img: str = "Img") -> Path:
    """Three photographs of 250x300 pixels and their lists; None leaves one out."""
    for name, text in (LISTS | (changes or {})).items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    for name in (A, B, C):
        (root / img / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (250, 300)).save(root / img / name)
    return root


def load(root: Path, name: str = "cap") -> Garments:
    return load_garments(name, root, root / "cache")


def faults_of(root: Path, name: str = "cap") -> list[str]:
    faults: list[str] = []
    read_garments(name, root, faults.append)
    return faults


def test_lists_are_joined_by_name(tmp_path: Path) -> None:
    garments = load(make(tmp_path))
    assert [garments.name(i) for i in range(3)] == [A, C, B]  # as the partition lists them
    columns = garments.columns
    assert columns.splits.tolist() == [0, 2, 1]
    assert columns.categories.tolist() == [2, 1, 0]  # ids count from 1, rows beyond the count
    assert garments.labels[:].tolist() == [[-1, 1, -1], [-1, -1, -1], [1, -1, 0]]
    assert columns.boxes[0].tolist() == [72, 79, 232, 273]
    assert columns.variations.tolist() == [0, 0, 0]


def test_vocabulary_has_names_of_several_words_and_types(tmp_path: Path) -> None:
    words = load(make(tmp_path)).vocabulary
    assert words.categories == ("Anorak", "Blouse", "Cape")
    assert words.attributes == ("a-line", "abstract chevron print", "chic")
    assert words.attribute_types == (2, 0, 4)
    assert words.type_names == ("texture", "fabric", "shape", "part", "style")


def test_landmarks_go_to_the_slots_of_their_type(tmp_path: Path) -> None:
    columns = load(make(tmp_path)).columns
    assert columns.types.tolist() == [0, 2, 1]
    seen, hidden, cut, none = VISIBLE, OCCLUDED, TRUNCATED, ABSENT
    assert columns.states.tolist() == [
        [seen, seen, hidden, seen, none, none, cut, seen],
        [*[seen] * 6, cut, cut],
        [*[none] * 4, *[seen] * 4],
    ]
    upper, full, lower = columns.landmarks.tolist()
    assert upper[:4] == [[146, 102], [173, 95], [94, 242], [205, 255]]
    assert upper[4:] == [[0, 0], [0, 0], [0, 0], [228, 269]]
    assert lower[4:] == [[1, 2], [11, 2], [3, 80], [13, 81]]
    assert full[:6] == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12]]


def test_truncated_landmarks_are_at_zero_whatever_the_file_says(tmp_path: Path) -> None:
    text = LISTS["Anno/list_landmarks.txt"].replace("2 000 000", "2 017 018")
    columns = load(make(tmp_path, {"Anno/list_landmarks.txt": text})).columns
    assert columns.landmarks[0, 6].tolist() == [0, 0] and columns.states[0, 6] == TRUNCATED


@pytest.mark.parametrize("img", ["", "Img", "img", "Img/img", "img/img"])
def test_nested_folders_of_pictures_are_found(tmp_path: Path, img: str) -> None:
    garments = load(make(tmp_path, img=img))
    garments.check()
    assert garments.read(0).image.shape == (300, 250, 3)


def test_renamed_folder_of_pictures_is_refused_with_the_remedy(tmp_path: Path) -> None:
    root = make(tmp_path, img="photos")
    with pytest.raises(FileNotFoundError, match=r"img_00000001\.jpg: not found.*folder is .*img$"):
        load(root)


def test_newer_archives_keep_their_lists_in_anno_coarse(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "Anno").rename(tmp_path / "Anno_coarse")
    assert len(load(tmp_path)) == 3


def test_missing_data_set_says_where_to_get_it(tmp_path: Path) -> None:
    for name in ("cap", "cap_fine", "inshop", "consumer2shop", "fld", "deepfashion2"):
        with pytest.raises(FileNotFoundError, match=r"not found: get .*https://"):
            load(tmp_path, name)


def test_list_with_variations_is_refused_as_another_benchmarks(tmp_path: Path) -> None:
    text = LISTS["Anno/list_landmarks.txt"].replace(f"{A}  1  0", f"{A}  1  4  0")
    with pytest.raises(InputError, match=r"list_landmarks\.txt:3: .*19 numbers, got 20: another"):
        load(make(tmp_path, {"Anno/list_landmarks.txt": text}))


def test_every_fault_is_reported_with_its_line(tmp_path: Path) -> None:
    changes: dict[str, str | None] = {
        "Eval/list_eval_partition.txt": LISTS["Eval/list_eval_partition.txt"]
        + f"{A} val\nimg/x.jpg training\nimg/y.jpg\n",
        "Anno/list_category_img.txt": f"3\nimage_name label\n{A} 4\n{B} 1 1\n{B} 2\n{C} blouse\n",
        "Anno/list_bbox.txt": f"3\nname x_1 y_1 x_2 y_2\n{A} 9 9 5 12\n{B} 1 2 3\n",
        "Anno/list_landmarks.txt": LISTS["Anno/list_landmarks.txt"]
        .replace("2 000 000", "3 000 000")
        .replace(f"{B}  2", f"{B}  4"),
    }
    root = make(tmp_path, changes)
    anno = root / "Anno"
    partition = root / "Eval" / "list_eval_partition.txt"
    assert faults_of(root) == [
        f"{partition}:6: {A} comes twice, before in {partition}:3",
        f"{partition}:7: status 'training', expected one of train, val, test",
        f"{partition}:8: expected 2 fields, got 1: another benchmark's?",
        f"{anno}/list_category_img.txt:3: expected a category of 1 to 3, got '4'",
        f"{anno}/list_category_img.txt:4: expected a category of 1 to 3, got '1 1'",
        f"{anno}/list_category_img.txt:5: {B} comes twice, before in "
        f"{anno}/list_category_img.txt:4",
        f"{anno}/list_category_img.txt:6: expected whole numbers, got 'blouse'",
        f"{anno}/list_bbox.txt:3: expected x_1 < x_2 and y_1 < y_2, got 9 9 5 12",
        f"{anno}/list_bbox.txt:4: expected 4 numbers, got 3",
        f"{anno}/list_bbox.txt:1: says 3 rows, but 2 follow: get the file again",
        f"{anno}/list_bbox.txt: no row for {C}, which other lists name: get the file again",
        f"{anno}/list_landmarks.txt:3: visibility 3, expected 0 (visible), 1 (occluded) or 2 "
        "(truncated)",
        f"{anno}/list_landmarks.txt:4: clothes type 4, expected 1 (upper), 2 (lower) or 3 (full)",
    ]


def test_missing_pictures_are_named_and_counted(tmp_path: Path) -> None:
    garments = load(make(tmp_path))
    (tmp_path / "Img" / C).unlink()
    with pytest.raises(InputError, match=r"img_00000003\.jpg: no such.*partition\.txt:4 lists it"):
        garments.check()
    more = garments.take(np.array([0, 1, 1, 1, 1, 1]))
    with pytest.raises(InputError, match=r"jpg, .*jpg, .*jpg and 2 others: no such image"):
        more.check()


def test_lists_are_reloaded_from_the_cache_until_one_changes(tmp_path: Path) -> None:
    first, again = load(make(tmp_path)), load(tmp_path)
    for name, ours in first.columns.arrays().items():
        theirs = again.columns.arrays()[name]
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f")
    assert np.array_equal(first.labels[:], again.labels[:])
    assert (again.vocabulary, again.listed_in) == (first.vocabulary, first.listed_in)
    path = tmp_path / "Eval" / "list_eval_partition.txt"
    path.write_text(path.read_text().replace("train", "val  "))
    assert load(tmp_path).columns.splits.tolist() == [1, 2, 1]


def test_a_cache_holds_wherever_it_is_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    load_garments("cap", Path("data"), root / "cache")
    monkeypatch.chdir("/")
    load(root).check()


def fine(root: Path, nested: bool = False, **changes: str) -> Path:
    """The fine release of three images."""
    lists = {
        **{"train.txt": f"{A}\n", "val.txt": f"{B}\n", "test.txt": f"{C}\n"},
        **{"train_attr.txt": "0 1 0 \n", "val_attr.txt": "1 1 1\n", "test_attr.txt": "0 0 0\n"},
        **{"train_cate.txt": "3\n", "val_cate.txt": "26\n", "test_cate.txt": "41\n"},
        "train_bbox.txt": "072 079 232 273\n",
        "train_landmards.txt": "146 102 173 95 0 0 5 6 7 8 9 10 11 12 13 14\n",
        "list_attr_cloth.txt": "3\nattribute_name attribute_type\nno dress  2\nfloral 1\ntight 6\n",
    } | changes
    for name, text in lists.items():
        part = name.partition("_")[0].partition(".")[0]
        folder = root / "Anno_fine" / (part if nested and part != "list" else "")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name in (A, B, C):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (250, 300)).save(root / name)
    return root


@pytest.mark.parametrize("nested", [False, True])
def test_fine_lists_without_heads_are_joined_by_line(tmp_path: Path, nested: bool) -> None:
    garments = load(fine(tmp_path, nested), "cap_fine")
    columns = garments.columns
    assert columns.splits.tolist() == [0, 1, 2]
    assert columns.categories.tolist() == [2, 25, 40] and columns.types.tolist() == [0, 1, 2]
    assert garments.labels[:].tolist() == [[-1, 1, -1], [1, 1, 1], [-1, -1, -1]]
    assert garments.vocabulary.attributes == ("no dress", "floral", "tight")
    assert garments.vocabulary.type_names[garments.vocabulary.attribute_types[2]] == "fit"
    assert columns.boxes[0].tolist() == [72, 79, 232, 273] and np.isnan(columns.boxes[1:]).all()
    assert columns.states[0].tolist() == [0, 0, 3, 0, 3, 3, 0, 0]  # an upper garment; 0 0 is none
    garments.check()


def test_faults_of_the_fine_release_are_reported(tmp_path: Path) -> None:
    root = fine(
        tmp_path, **{"train_attr.txt": "0 2 0\n", "val_cate.txt": "0\n", "test_attr.txt": "\n\n"}
    )
    (root / "Anno_fine" / "test_attr.txt").write_text("0 0 0\n0 0 0\n")
    folder = root / "Anno_fine"
    assert faults_of(root, "cap_fine") == [
        f"{folder}/train_attr.txt:1: expected 3 labels of 0 or 1, got 3 numbers",
        f"{folder}/val_cate.txt:1: expected a category of 1 to 50, got [0]",
        f"{folder}/test_attr.txt: 2 lines for 1 images: get the file again",
    ]
