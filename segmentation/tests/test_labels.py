import pytest

from segmentation.data.labels import (
    CITYSCAPES,
    CITYSCAPES_IDS,
    COCO_TO_VOC,
    CREAM,
    VOC,
    ClassList,
    voc_colour_map,
)

# the first 21 colours of the development kit's VOClabelcolormap
FIRST_21 = [
    *[(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)],
    *[(0, 128, 128), (128, 128, 128), (64, 0, 0), (192, 0, 0), (64, 128, 0), (192, 128, 0)],
    *[(64, 0, 128), (192, 0, 128), (64, 128, 128), (192, 128, 128), (0, 64, 0), (128, 64, 0)],
    *[(0, 192, 0), (128, 192, 0), (0, 64, 128)],
]


def test_voc_colours_are_those_of_the_development_kit() -> None:
    assert list(VOC.palette) == FIRST_21
    assert tuple(voc_colour_map()[255].tolist()) == CREAM
    assert len({tuple(colour) for colour in voc_colour_map().tolist()}) == 256


def test_voc_has_its_classes_in_order() -> None:
    assert len(VOC) == 21
    assert (VOC.names[0], VOC.names[15], VOC.names[20]) == ("background", "person", "tvmonitor")
    assert sorted(VOC.names[1:]) == list(VOC.names[1:])


def test_cityscapes_train_ids_have_their_names_ids_and_colours() -> None:
    table = list(zip(CITYSCAPES.names, CITYSCAPES_IDS, CITYSCAPES.palette, strict=True))
    assert len(table) == 19
    assert table[0] == ("road", 7, (128, 64, 128))
    assert table[11] == ("person", 24, (220, 20, 60))
    assert table[13] == ("car", 26, (0, 0, 142))
    assert table[18] == ("bicycle", 33, (119, 11, 32))
    assert [number for _, number, _ in table[:6]] == [7, 8, 11, 12, 13, 17]
    assert [number for _, number, _ in table[6:]] == [*range(19, 29), 31, 32, 33]


def test_coco_categories_name_every_class_of_voc_once() -> None:
    assert sorted(COCO_TO_VOC.values()) == list(range(1, 21))
    named = {1: "person", 2: "bicycle", 3: "car", 18: "dog", 44: "bottle", 67: "diningtable"}
    assert {number: VOC.names[COCO_TO_VOC[number]] for number in named} == named


def test_colours_go_on_after_the_palette_as_voc_does() -> None:
    colours = ClassList(("a", "b"), ((1, 2, 3), (4, 5, 6))).colours()
    assert colours[:3].tolist() == [[1, 2, 3], [4, 5, 6], list(FIRST_21[2])]
    assert tuple(colours[255].tolist()) == CREAM


@pytest.mark.parametrize(
    ("names", "palette", "message"),
    [
        ((), (), "expected 1 to 255 classes, got 0"),
        (("a", "a"), ((0, 0, 0), (1, 1, 1)), "expected every class once, got 'a' again"),
        (("a", "b"), ((0, 0, 0),), "2 classes, but 1 colours"),
    ],
)
def test_impossible_class_lists_are_refused(
    names: tuple[str, ...], palette: tuple[tuple[int, int, int], ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ClassList(names, palette)
