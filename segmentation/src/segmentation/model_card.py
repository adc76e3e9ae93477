"""The model card that `vision_shared.export` writes beside a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision_shared.model_card import (
    ASK_OWNERS,
    NOT_STATED,
    PEOPLE,
    RESEARCH_ONLY,
    Terms,
    write_card,
)

if TYPE_CHECKING:
    from vision_shared.checkpoints import Checkpoint

FLICKR = "Photographs are from Flickr, under Flickr's terms and their owners'"
RESEARCH = "Non-commercial research only, by the data set's page; the photographs belong to others"
WEB = "What people put on the web in rich countries; rare things and other places it hardly shows."

TERMS = {
    "people": PEOPLE,
    "people_smoke": PEOPLE,
    "voc": Terms(
        "PASCAL VOC 2012 (Everingham et al., IJCV 2015), perhaps with SBD's labels",
        FLICKR,
        ASK_OWNERS,
        WEB,
    ),
    "coco": Terms("COCO (Lin et al., ECCV 2014)", f"Labels CC BY 4.0. {FLICKR}", ASK_OWNERS, WEB),
    "cityscapes": Terms(
        "Cityscapes (Cordts et al., CVPR 2016): German streets from a car, by day",
        "Non-commercial research only, by the agreement on its page",
        RESEARCH_ONLY,
        "No night, no snow, hardly another country.",
    ),
    "person_part": Terms("Pascal-Person-Part (Chen et al., CVPR 2014)", FLICKR, ASK_OWNERS, WEB),
    "lip": Terms("LIP (Gong et al., CVPR 2017)", RESEARCH, RESEARCH_ONLY, WEB),
    "cihp": Terms("CIHP (Gong et al., ECCV 2018)", RESEARCH, RESEARCH_ONLY, WEB),
    "atr": Terms("ATR (Liang et al., PAMI 2015)", NOT_STATED, ASK_OWNERS, WEB),
}
"""By the choice of `data=`. What the pages of the data sets say is to be read there, not here."""

ABOUT = """\
* Task: semantic segmentation by the Layer Cascade or the Deep Parsing Network, after Li, Liu, Luo,
  Loy, Tang, CVPR 2017, and Liu, Li, Luo, Loy, Tang, ICCV 2015.
* In: images, float32 RGB in [0, 1], (B, 3, H, W). Out: logits, (B, L, H, W)."""

LIMITS = """\
* It gives every pixel a class of its list, also where none of them is.
* Things that are smaller than a few of the network's cells are lost; images of another size than
  it was trained on are answered worse.
* Figures hold for images like those of its test set. Look at your own before you rely on it, most
  of all where a person's safety does."""

SHOWN = ("classes", "crop_size", "scale", "long_side")


def model_card(checkpoint: Checkpoint) -> str:
    """Describe a checkpoint of segmentation in Markdown: data, licences, metrics, limits."""
    return write_card(checkpoint, TERMS, about=ABOUT, limits=LIMITS, shown=SHOWN)
