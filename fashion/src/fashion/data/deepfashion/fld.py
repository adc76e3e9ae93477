"""Fashion Landmark Detection (Liu et al., ECCV 2016): 123,016 images.

Eval/list_eval_partition.txt   train, val, test
Anno/list_bbox.txt
Anno/list_landmarks.txt        with a variation type
Anno/list_joints.txt           of the body; not read
img/img_00000001.jpg
"""

from pathlib import Path

from fashion.data.deepfashion.annotations import fill_boxes, fill_landmarks, read_splits
from fashion.data.deepfashion.files import Files, find_files
from fashion.data.garments import Garments, Vocabulary, encoded
from fashion.data.labels import Labels
from vision_shared.faults import Report

BENCHMARK = "Fashion Landmark Detection Benchmark"
FOLDERS = ("Anno", "Eval", "Anno/Anno")
LISTS = {
    "partition": "list_eval_partition.txt",
    "boxes": "list_bbox.txt",
    "landmarks": "list_landmarks.txt",
}


def find_fld(root: Path) -> Files:
    """Find the files; raises as `find_files`."""
    return find_files(root, BENCHMARK, FOLDERS, LISTS)


def read_fld(files: Files, report: Report) -> Garments:
    """Read the lists and join them by the names of the images.

    Raises:
        InputError: a list that cannot be used at all.
    """
    lists = files.lists
    rows, columns = read_splits(files, report)
    fill_boxes(lists["boxes"], rows, columns, report)
    fill_landmarks(lists["landmarks"], rows, columns, report, has_variation=True)
    labels = Labels.unknown(len(rows))
    names = encoded(rows)
    return Garments(files.folder, names, columns, labels, Vocabulary(), lists["partition"])
