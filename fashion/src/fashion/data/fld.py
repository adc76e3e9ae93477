"""Fashion Landmark Detection (Liu et al., ECCV 2016): 123,016 pictures.

Eval/list_eval_partition.txt   train, val, test
Anno/list_bbox.txt
Anno/list_landmarks.txt        with a variation type
Anno/list_joints.txt           of the body; not read
img/img_00000001.jpg
"""

from pathlib import Path

from fashion.data.garments import Garments, Vocabulary, unknown_columns
from fashion.data.labels import Labels
from fashion.data.layout import PARTS
from fashion.data.official import (
    Files,
    encoded,
    fill_boxes,
    fill_landmarks,
    need_list,
    picture_folder,
    places,
    read_partition,
    unique_pictures,
)
from fashion.data.text import Report

BENCHMARK = "Fashion Landmark Detection Benchmark"
FOLDERS = ("Anno", "Eval", "Anno/Anno")
LISTS = {
    "partition": "list_eval_partition.txt",
    "boxes": "list_bbox.txt",
    "landmarks": "list_landmarks.txt",
}


def find_fld(root: Path) -> Files:
    """Find the files.

    Raises:
        FileNotFoundError: a list or the pictures are not there; says where to get them.
    """
    lists = {key: need_list(root, name, FOLDERS, BENCHMARK) for key, name in LISTS.items()}
    return Files(picture_folder(root, lists["partition"]), lists)


def read_fld(files: Files, report: Report) -> Garments:
    """Read the lists and join them by the names of the pictures.

    Raises:
        InputError: a list that cannot be used at all.
    """
    lists = files.lists
    pictures = unique_pictures(read_partition(lists["partition"], PARTS, 2, report), report)
    rows = places(pictures)
    columns = unknown_columns(len(rows))
    columns.parts[:] = [PARTS.index(row.fields[1]) for row in pictures.values()]
    fill_boxes(lists["boxes"], rows, columns, report)
    fill_landmarks(lists["landmarks"], rows, columns, report, has_variation=True)
    labels = Labels.unknown(len(rows))
    names = encoded(pictures)
    return Garments(files.folder, names, columns, labels, Vocabulary(), lists["partition"])
