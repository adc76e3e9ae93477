"""A folder of product photos: a folder an item, or a table."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion.data.folder import read_folder
from fashion.data.taxonomy import CONSUMER, SHOP, UNKNOWN
from vision_shared.faults import stop
from vision_shared.inputs import InputError

TABLE = (
    "image,item,category,type,part,domain,x_1,y_1,x_2,y_2,striped,v-neck\r\n"
    "1.jpg,dress,Dress,full,train,shop,1,2,30.5,40,1,-1\r\n"
    "2.jpg,dress,Dress,full,test,consumer,,,,,0,\r\n"
    "\r\n"
    "3.jpg,,,,,,,,,,-1,1\r\n"
)


def photos(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (50, 60)).save(root / name)
    return root


def test_folders_are_items(tmp_path: Path) -> None:
    names = [f"{item}/{i}.jpg" for item in ("a dress", "b", "c", "d", "e") for i in (1, 2)]
    garments = read_folder(photos(tmp_path, *names, "loose.png"), stop)
    by_name = {garments.name(i): i for i in range(len(garments))}
    assert len(garments) == 11 and set(by_name) == {*names, "loose.png"}
    items = garments.columns.items
    assert [items[by_name[name]] for name in names] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert items[by_name["loose.png"]] == UNKNOWN
    val = {garments.name(i) for i in range(11) if garments.columns.splits[i] == 1}
    assert val == {"e/1.jpg", "e/2.jpg"}  # whole items


def test_table_says_what_is_known(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    (tmp_path / "items.csv").write_text(TABLE, "utf-8-sig", newline="")
    garments = read_folder(tmp_path, stop)
    columns = garments.columns
    assert columns.items.tolist() == [0, 0, UNKNOWN]
    assert columns.categories.tolist() == [0, 0, UNKNOWN]
    assert columns.types.tolist() == [2, 2, UNKNOWN]
    assert columns.splits[:2].tolist() == [0, 2]
    assert columns.domains.tolist() == [SHOP, CONSUMER, UNKNOWN]
    assert columns.boxes[0].tolist() == [1, 2, 30.5, 40] and np.isnan(columns.boxes[1:]).all()
    assert garments.vocabulary.attributes == ("striped", "v-neck")
    assert garments.labels[:].tolist() == [[1, -1], [0, 0], [-1, 1]]
    garments.check()


def test_table_of_a_spreadsheet_is_read_by_name(tmp_path: Path) -> None:
    text = (
        "striped;height;width;y_1;x_1;Type;Image\n1,0;38;29,5;2;1;Full;1.jpg\nFALSCH;;;;;;2.jpg\n"
    )
    (tmp_path / "items.csv").write_text(text.replace("FALSCH", "FALSE"), "utf-8-sig")
    garments = read_folder(tmp_path, stop)
    assert garments.columns.boxes[0].tolist() == [1, 2, 30.5, 40]
    assert garments.columns.types.tolist() == [2, UNKNOWN]
    assert garments.labels[:].tolist() == [[1], [-1]]
    (tmp_path / "items.csv").write_text("image,x_1,y_1,x_2\n1.jpg,1,2,3\n")
    with pytest.raises(InputError, match=r"items\.csv:1: no column y_2; expected x_1, y_1, x_2"):
        read_folder(tmp_path, stop)


def test_faults_of_the_table_are_reported(tmp_path: Path) -> None:
    rows = [
        *("1.jpg,sock,train,1,2,30,40,1", "1.jpg,full,train,1,2,30,40,1"),
        *(
            "2.jpg,full,train,1,2,1,40,1",
            "3.jpg,full,train,a,2,1,40,1",
            "4.jpg,full",
            "5.jpg,,,,,,,2",
        ),
    ]
    path = tmp_path / "items.csv"
    path.write_text("image,type,part,x_1,y_1,x_2,y_2,red\n" + "\n".join(rows) + "\n")
    faults: list[str] = []
    read_folder(tmp_path, faults.append)
    assert faults == [
        f"{path}:3: 1.jpg comes twice, before in line 2",
        f"{path}:6: expected 8 fields, got 2",
        f"{path}:2: type 'sock', expected one of upper, lower, full",
        f"{path}:4: expected a box with an area, got 1 2 1 40",
        f"{path}:5: x_1 is 'a', expected a number",
        f"{path}:7: red is '2', expected 1, -1, 0 or nothing",
    ]


def test_unusable_folder_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such folder, expected .*items\.csv"):
        read_folder(tmp_path / "absent", stop)
    with pytest.raises(InputError, match="no image in it"):
        read_folder(tmp_path, stop)
    (tmp_path / "items.csv").write_text("photo,item\n")
    with pytest.raises(InputError, match=r"items\.csv:1: no column `image`"):
        read_folder(tmp_path, stop)
