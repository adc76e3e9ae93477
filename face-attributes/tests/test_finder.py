"""Networks of checkpoints that look for faces and describe them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from face_attributes.finder import FaceFinder, aligned_box
from predicting import ALL, write
from vision_shared.checkpoints import CheckpointError


def test_boxes_are_in_pixels_of_the_picture(lnet: Path) -> None:
    blob = np.zeros((192, 192, 3), np.uint8)
    blob[100:160, 20:70] = 255
    finder = FaceFinder.from_checkpoint(lnet)
    once = finder(blob).faces[0].box
    twice = finder(blob.repeat(2, 0).repeat(2, 1)).faces[0].box
    assert np.array(twice) == pytest.approx(2 * np.array(once), abs=8)


@pytest.mark.parametrize(("part", "has_lnet_s"), [("lnet_o", False), ("lnet_s", True)])
def test_parts_that_have_not_learned_yet_are_not_used(
    tmp_path: Path, part: str, has_lnet_s: bool
) -> None:
    finder = FaceFinder.from_checkpoint(write(tmp_path / "a.ckpt", ALL, 0.0, part=part))
    assert finder.localizer is not None and finder.tagger is not None
    assert (finder.localizer.lnet_s is not None) == has_lnet_s
    expected = finder.localizer.lnet_s if has_lnet_s else finder.localizer.lnet_o
    assert finder.tagger.network is expected


def test_network_that_learned_identities_describes_nobody(tmp_path: Path) -> None:
    people = write(tmp_path / "people.ckpt", ALL, 0.0, part="anet", num_identities=7)
    with pytest.raises(CheckpointError, match="who people are, not their attributes"):
        FaceFinder.from_checkpoint(people)


def test_faces_of_a_picture_are_described_in_one_pass(anet: Path) -> None:
    tagger = FaceFinder.from_checkpoint(anet).tagger
    assert tagger is not None
    sizes = []
    tagger.network.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    regions = torch.tensor([[0.0, 0, 40, 50], [10, 5, 60, 70], [-5, 0, 30, 40]])
    image = torch.rand(3, 80, 90)
    together = tagger(image, regions)
    assert sizes == [3]
    alone = torch.cat([tagger(image, region[None]) for region in regions])
    assert torch.allclose(together, alone, atol=1e-6)


def test_aligned_head_is_where_celeba_has_it() -> None:
    box = aligned_box(np.zeros((218, 178, 3), np.uint8))
    assert box == pytest.approx([27, 29, 150, 187], abs=1)
    assert aligned_box(np.zeros((436, 356, 3), np.uint8)) == pytest.approx(2 * box)


def test_networks_in_each_others_place_are_refused(lnet: Path, anet: Path) -> None:
    with pytest.raises(CheckpointError, match=r"anet\.ckpt: an ANet, expected the LNet"):
        FaceFinder.from_checkpoint(anet, anet=anet)
    with pytest.raises(CheckpointError, match=r"lnet\.ckpt: an LNet, expected an ANet"):
        FaceFinder.from_checkpoint(lnet, anet=lnet)
