"""The model card that `vision_shared.export` writes beside a model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vision_shared.model_card import PEOPLE, RESEARCH_ONLY, Terms, write_card

if TYPE_CHECKING:
    from vision_shared.checkpoints import Checkpoint

DEEPFASHION = Terms(
    "DeepFashion (Liu, Luo, Qiu, Wang, Tang, CVPR 2016): photographs of shops and their customers",
    "Non-commercial research only, by the agreement on the data set's page; the photographs belong "
    "to others",
    RESEARCH_ONLY,
    "Shops' photographs of young and slim models are most of it; labels of attributes come from "
    "the words of web pages, and many that apply are missing.",
)

TERMS = {
    "people": PEOPLE,
    "people_smoke": PEOPLE,
    **dict.fromkeys(("cap", "cap_fine", "inshop", "consumer2shop"), DEEPFASHION),
    "fld": replace(
        DEEPFASHION, data="Fashion Landmark Detection (Liu, Yan, Luo, Wang, Tang, ECCV 2016)"
    ),
    "deepfashion2": replace(
        DEEPFASHION, data="DeepFashion2 (Ge, Zhang, Wu, Wang, Tang, Luo, CVPR 2019)"
    ),
}
"""By the choice of `data=`. What the pages of the data sets say is to be read there, not here."""

ABOUT = """\
* Task: categories, attributes, landmarks and retrieval of clothes by FashionNet and DFA, after Liu,
  Luo, Qiu, Wang, Tang, CVPR 2016, and Liu, Yan, Luo, Wang, Tang, ECCV 2016.
* In: images of one garment each, float32 RGB in [0, 1], (B, 3, H, W)."""

LIMITS = """\
* A garment that it does not find has no labels, and what it takes for a garment need not be one.
* Landmarks that it calls hidden are guesses.
* Items look alike to it that differ in what is small in the image: a button, a seam, a label.
* It tells clothes apart, not the people in them; none of its answers says anything about those."""

SHOWN = ("region", "size", "scale", "degrade")


def model_card(checkpoint: Checkpoint) -> str:
    """Describe a checkpoint of fashion in Markdown: data, licences, metrics, limits."""
    return write_card(checkpoint, TERMS, about=ABOUT, limits=LIMITS, shown=SHOWN)
