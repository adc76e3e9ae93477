"""Training on boxes alone: masks are estimated from them again and again (BoxSup)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch

from segmentation.data.boxes import boxes_of, mask_of_boxes
from segmentation.data.masks import Mask
from segmentation.data.sets import Sample, SegmentationSet


class BoxSupervision(pl.Callback):
    """Trains on masks that are estimated from boxes of the classes' components, see `data.boxes`.

    Nothing else of the true masks is used in training; tests are against the true ones.

        python -m segmentation.train module=deeplab \\
            +callbacks.boxes._target_=segmentation.box_supervision.BoxSupervision

    Args:
        rounds: number of times that the network's view is used, evenly over the epochs.
    """

    def __init__(self, rounds: int = 2) -> None:
        self.rounds = rounds
        self.true_set: SegmentationSet | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Estimate the masks again, every so many epochs, from boxes and the network's scores."""
        every = max(1, (trainer.max_epochs or 1) // (self.rounds + 1))
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if self.true_set is not None and trainer.current_epoch % every:
            return
        network = None if self.true_set is None else pl_module
        self.true_set = self.true_set or data.train_set.pictures
        masks = estimate(self.true_set, network)
        data.train_set.pictures = replace(self.true_set, read_mask_of=Lookup(masks))


class Lookup:
    """Returns estimated masks by the names of samples."""

    def __init__(self, masks: Mapping[str, Mask]) -> None:
        self.masks = masks

    def __call__(self, sample: Sample) -> Mask:
        """Return the estimated mask of a sample, (H, W) uint8."""
        return self.masks[sample.name]


@torch.no_grad()
def estimate(pictures: SegmentationSet, module: Any = None) -> dict[str, Mask]:
    """Return a mask for each image, estimated from boxes of its true one.

    Args:
        pictures: images with masks, of which the boxes alone are used.
        module: a module whose ``net`` sees the images; None before it has learned anything.
    """
    masks = {}
    was_training = module is not None and module.training
    if module is not None:
        module.eval()
    for index, sample in enumerate(pictures.samples):
        image, truth = pictures.read(index)
        seen = None
        if module is not None:
            pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float().div_(255)
            seen = module.net(pixels.to(module.device)).logits[0].softmax(0).float().cpu().numpy()
        masks[sample.name] = mask_of_boxes(image, boxes_of(truth), seen)
    if module is not None:
        module.train(was_training)
    return masks
