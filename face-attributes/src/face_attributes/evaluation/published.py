"""The figures that the paper prints, to stand beside ours, marked as published.

Source: Liu, Luo, Wang, Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015, the table of
accuracies of section 4: accuracy in %, each attribute by itself, of 19,962 images of CelebA's test
partition and of 6,880 of LFWA's. The paper gives no positive rates and no majority vote; always
answering CelebA's majority class scores 79.9 % on its test partition.
"""

from typing import Literal

DatasetName = Literal["celeba", "lfwa"]

SYSTEMS = (
    "FaceTracer",
    "PANDA-w",
    "PANDA-l",
    "SC+ANet",
    "LNets+ANet(w/o)",
    "LNets+ANet",
)
"""Columns; SC is a trained face detector, w/o is without pre-training."""

PRINTED_MEANS: dict[DatasetName, tuple[int, ...]] = {
    "celeba": (81, 79, 85, 83, 83, 87),
    "lfwa": (74, 71, 81, 76, 79, 84),
}
"""As printed, which mixes truncation and rounding: some differ by one from the columns' means."""


def published_accuracies(dataset: DatasetName) -> dict[str, tuple[int, ...]]:
    """Return %, by attribute, of each of `SYSTEMS`."""
    first = {"celeba": 0, "lfwa": len(SYSTEMS)}[dataset]
    return {name: row[first : first + len(SYSTEMS)] for name, row in _ACCURACIES.items()}


_ACCURACIES = {  # CelebA, then LFWA
    "5_o_Clock_Shadow": (85, 82, 88, 86, 88, 91, 70, 64, 84, 78, 81, 84),
    "Arched_Eyebrows": (76, 73, 78, 75, 74, 79, 67, 63, 79, 66, 78, 82),
    "Attractive": (78, 77, 81, 79, 77, 81, 71, 70, 81, 75, 80, 83),
    "Bags_Under_Eyes": (76, 71, 79, 77, 73, 79, 65, 63, 80, 72, 79, 83),
    "Bald": (89, 92, 96, 92, 95, 98, 77, 82, 84, 86, 83, 88),
    "Bangs": (88, 89, 92, 94, 92, 95, 72, 79, 84, 84, 84, 88),
    "Big_Lips": (64, 61, 67, 63, 66, 68, 68, 64, 73, 70, 72, 75),
    "Big_Nose": (74, 70, 75, 74, 75, 78, 73, 71, 79, 73, 76, 81),
    "Black_Hair": (70, 74, 85, 77, 84, 88, 76, 78, 87, 82, 86, 90),
    "Blond_Hair": (80, 81, 93, 86, 91, 95, 88, 87, 94, 90, 94, 97),
    "Blurry": (81, 77, 86, 83, 80, 84, 73, 70, 74, 75, 70, 74),
    "Brown_Hair": (60, 69, 77, 74, 78, 80, 62, 65, 74, 71, 73, 77),
    "Bushy_Eyebrows": (80, 76, 86, 80, 85, 90, 67, 63, 79, 69, 79, 82),
    "Chubby": (86, 82, 86, 86, 86, 91, 67, 65, 69, 68, 70, 73),
    "Double_Chin": (88, 85, 88, 90, 88, 92, 70, 64, 75, 70, 74, 78),
    "Eyeglasses": (98, 94, 98, 96, 96, 99, 90, 84, 89, 88, 92, 95),
    "Goatee": (93, 86, 93, 92, 92, 95, 69, 65, 75, 68, 75, 78),
    "Gray_Hair": (90, 88, 94, 93, 93, 97, 78, 77, 81, 82, 81, 84),
    "Heavy_Makeup": (85, 84, 90, 87, 85, 90, 88, 86, 93, 89, 91, 95),
    "High_Cheekbones": (84, 80, 86, 85, 84, 87, 77, 75, 86, 79, 83, 88),
    "Male": (91, 93, 97, 95, 94, 98, 84, 86, 92, 91, 91, 94),
    "Mouth_Slightly_Open": (87, 82, 93, 85, 86, 92, 77, 74, 78, 76, 78, 82),
    "Mustache": (91, 83, 93, 87, 91, 95, 83, 77, 87, 79, 87, 92),
    "Narrow_Eyes": (82, 79, 84, 83, 77, 81, 73, 68, 73, 74, 77, 81),
    "No_Beard": (90, 87, 93, 91, 92, 95, 69, 63, 75, 69, 75, 79),
    "Oval_Face": (64, 62, 65, 65, 63, 66, 66, 64, 72, 66, 71, 74),
    "Pale_Skin": (83, 84, 91, 89, 87, 91, 70, 64, 84, 68, 81, 84),
    "Pointy_Nose": (68, 65, 71, 67, 70, 72, 74, 68, 76, 72, 76, 80),
    "Receding_Hairline": (76, 82, 85, 84, 85, 89, 63, 61, 84, 70, 81, 85),
    "Rosy_Cheeks": (84, 81, 87, 85, 87, 90, 70, 64, 73, 71, 72, 78),
    "Sideburns": (94, 90, 93, 94, 91, 96, 71, 68, 76, 72, 72, 77),
    "Smiling": (89, 89, 92, 92, 88, 92, 78, 77, 89, 82, 88, 91),
    "Straight_Hair": (63, 67, 69, 70, 69, 73, 67, 68, 73, 72, 71, 76),
    "Wavy_Hair": (73, 76, 77, 79, 75, 80, 62, 63, 75, 65, 73, 76),
    "Wearing_Earrings": (73, 72, 78, 77, 78, 82, 88, 85, 92, 87, 90, 94),
    "Wearing_Hat": (89, 91, 96, 93, 96, 99, 75, 78, 82, 82, 84, 88),
    "Wearing_Lipstick": (89, 88, 93, 91, 90, 93, 87, 83, 93, 86, 92, 95),
    "Wearing_Necklace": (68, 67, 67, 70, 68, 71, 81, 79, 86, 81, 83, 88),
    "Wearing_Necktie": (86, 88, 91, 90, 86, 93, 71, 70, 79, 72, 76, 79),
    "Young": (80, 77, 84, 81, 83, 87, 80, 76, 82, 79, 82, 86),
}
