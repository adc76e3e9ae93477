"""A folder of the user's own."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face_attributes.data.faces import NOBODY
from face_attributes.data.folder import folder_attributes, folder_faces
from vision_shared.inputs import InputError

ATTRIBUTES = "image,Smiling,Eyeglasses\nanna.jpg,1,0\n'ben, jr.'.png,0,\n".replace("'", '"')


def make(root: Path, **tables: str) -> Path:
    (root / "images").mkdir()
    for name in ("anna.jpg", "ben, jr..png"):
        Image.new("RGB", (20, 30)).save(root / "images" / name)
    text = 'image,Smiling,Eyeglasses\nanna.jpg,1,0\n"ben, jr..png",0,\n'
    for name, content in ({"attributes": text} | tables).items():
        (root / f"{name}.csv").write_text(content)
    return root


def test_attributes_of_0_and_1_mean_no_and_yes_and_empty_unknown(tmp_path: Path) -> None:
    faces = folder_faces(make(tmp_path))
    assert faces.attributes == ("Smiling", "Eyeglasses")
    assert faces.labels.tolist() == [[1, -1], [-1, 0]]
    assert faces.identities.tolist() == [NOBODY, NOBODY]
    assert np.isnan(faces.boxes).all()
    assert faces.parts.tolist() == [0, 1]  # the last fifth validates
    faces.check()
    assert faces.read(1).name == "ben, jr..png"


def test_minus_one_makes_0_unknown(tmp_path: Path) -> None:
    faces = folder_faces(make(tmp_path, attributes="image,A,B\nanna.jpg,-1,0\n"))
    assert faces.labels.tolist() == [[-1, 0]]


def test_boxes_identities_and_parts_are_joined_by_name(tmp_path: Path) -> None:
    faces = folder_faces(
        make(
            tmp_path,
            boxes='image,x_1,y_1,width,height\n"ben, jr..png",1.5,2,10,20\n',
            identities='image,identity\n"ben, jr..png",Ben\nanna.jpg,Anna\n',
            partition='image,partition\n"ben, jr..png",train\nanna.jpg,2\n',
        )
    )
    assert faces.boxes[1].tolist() == [1.5, 2, 11.5, 22] and np.isnan(faces.boxes[0]).all()
    assert faces.identities.tolist() == [0, 1]
    assert faces.parts.tolist() == [2, 0]


@pytest.mark.parametrize(
    "boxes",
    [
        "image,x_1,y_1,x_2,y_2\nanna.jpg,2,3,12,23\n",
        ";y_1;height;image;width;x_1\n0;3,0;20,0;anna.jpg;10,0;2,0\n",
    ],
)
def test_boxes_are_read_by_the_names_of_their_columns(tmp_path: Path, boxes: str) -> None:
    assert folder_faces(make(tmp_path, boxes=boxes)).boxes[0].tolist() == [2, 3, 12, 23]


def test_words_and_a_no_of_pandas_are_labels(tmp_path: Path) -> None:
    text = "image,A,B\nanna.jpg,True,-1\nx.jpg,False,0.0\n"
    assert folder_faces(make(tmp_path, attributes=text)).labels.tolist() == [[1, -1], [-1, 0]]


def test_pictures_may_lie_beside_the_tables(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "attributes.csv").write_text("image,A\na.png,1\n")
    folder_faces(tmp_path).check()


def test_every_fault_names_its_line(tmp_path: Path) -> None:
    root = make(
        tmp_path,
        attributes="image,A,B\nanna.jpg,1,-1\nx.jpg,1\ny.jpg,1,yes\nanna.jpg,1,1\nz.jpg,1,2\n",
        boxes="image,x_1,y_1,width,height\nanna.jpg,1,2,0,4\nw.jpg,1,2,3,4\nz.jpg,a,2,3,4\n",
        partition="image,partition\nanna.jpg,train\nz.jpg,rest\n",
    )
    faults: list[str] = []
    folder_faces(root, faults.append)
    assert [fault.removeprefix(f"{root}/") for fault in faults] == [
        "attributes.csv:3: expected 3 fields, got 2",
        "attributes.csv:5: anna.jpg comes twice, before in line 2",
        "boxes.csv:2: a box of 0x4 pixels, expected some (x_1, y_1, width, height)",
        "boxes.csv:3: w.jpg is not in attributes.csv",
        "boxes.csv:4: x_1 is 'a', expected a number",
        "attributes.csv:4: B is 'yes', expected 1, -1, 0 or nothing",
        "attributes.csv:6: B is '2', expected 1, -1, 0 or nothing",
        "partition.csv:3: part 'rest', expected train, val or test",
        f"partition.csv: no row for y.jpg, which {root}/attributes.csv lists",
        f"partition.csv: no row for z.jpg, which {root}/attributes.csv lists",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image\na.jpg\n", "no column of an attribute"),
        ("image,A,A\na.jpg,1,1\n", "twice: A"),
        ("\n\n", "no column `image`"),
        ("file,A\na.jpg,1\n", r"no column `image` .* has 'file', 'A'"),
    ],
)
def test_heading_that_names_no_attributes_raises(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"attributes\.csv:1: .*{message}"):
        folder_faces(make(tmp_path, attributes=text))


def test_attributes_are_known_from_the_heading_alone(tmp_path: Path) -> None:
    assert folder_attributes(make(tmp_path, attributes="image,A,B\nbad\n")) == ["A", "B"]


def test_missing_table_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"attributes\.csv: not found: expected a line"):
        folder_faces(tmp_path)
