"""Frames in files that are read when asked for, and triplets of them evaluated whole."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from vision_shared.images import read_image
from vision_shared.inputs import InputError
from voxel_flow.data.triplets import Clip, Triplet, as_sample, follows


class PictureClip:
    """Frames of a clip in image files.

    Args:
        folder: folder of the files.
        names: names of the files, in the order of time.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, frame: int, /) -> np.ndarray:
        """Read a frame, uint8 RGB (H, W, 3); raises as `vision_shared.images.read_image`."""
        return read_image(self.path(frame))

    def path(self, frame: int) -> Path:
        """Return the path of a frame by its index."""
        return self.folder / self.names[frame]


class PictureClips(Sequence[PictureClip]):
    """Clips that have a folder each, with the same names of files in all; nothing is listed.

    Args:
        root: folder of the folders.
        folders: folders of the clips, below `root`.
        names: names of each clip's frames, in the order of time.
    """

    def __init__(self, root: Path, folders: Sequence[str], names: Sequence[str]) -> None:
        self.root = root
        self.folders = folders
        self.names = names

    def __len__(self) -> int:
        return len(self.folders)

    def __getitem__(self, clip: int) -> PictureClip:  # type: ignore[override]
        return PictureClip(self.root / self.folders[clip], self.names)


class ShapedTriplets(Sequence[Triplet]):
    """Every triplet of some shapes in clips of one length, made when asked for.

    Args:
        clips: numbers of the clips.
        length: length of each clip, in frames.
        shapes: (span, target) as `voxel_flow.data.triplets.CENTRED`.
    """

    def __init__(self, clips: range, length: int, shapes: Sequence[tuple[int, int]]) -> None:
        self.clips = clips
        self.places = [
            (start, start + target, start + span)
            for span, target in shapes
            for start in range(length - span)
        ]

    def __len__(self) -> int:
        return len(self.clips) * len(self.places)

    def __getitem__(self, index: int) -> Triplet:  # type: ignore[override]
        clip, place = divmod(index, len(self.places))
        return Triplet(self.clips[clip], *self.places[place])

    def __iter__(self) -> Iterator[Triplet]:
        return (self[index] for index in range(len(self)))


class WholeFrames(Dataset[dict[str, Any]]):
    """Triplets evaluated on whole frames, in order and as one clip.

    A sample is `frames` (2, 3, H, W) and `target` (3, H, W), float32 RGB in [0, 1], `time` (),
    `clip`, always 0, `follows`, whether the target is the frame after the sample before, and with
    masks also `mask` (H, W), float32 in [0, 1].

    Args:
        clips: clips of one size, or evaluated in batches of one.
        triplets: triplets of the clips.
        masks: an image for each triplet, whose first channel counts; none if there are none.
    """

    def __init__(
        self, clips: Sequence[Clip], triplets: Sequence[Triplet], masks: Sequence[Path] = ()
    ) -> None:
        self.clips = clips
        self.triplets = triplets
        self.masks = masks

    def __len__(self) -> int:
        return len(self.triplets)

    def check(self, folder: Path, use: str) -> None:
        """Raise `InputError` unless there is a triplet, and each file of one; before a training."""
        if not len(self):
            raise InputError(f"{folder}: no triplet to {use}: the data set is not whole")
        for triplet in self.triplets:
            clip = self.clips[triplet.clip]
            frames = (triplet.frame0, triplet.target, triplet.frame1)
            paths = map(clip.path, frames) if isinstance(clip, PictureClip) else ()
            if missing := next((path for path in paths if not path.exists()), None):
                raise InputError(f"{missing}: no such image, needed to {use}")

    @property
    def clip_indices(self) -> list[int]:
        """The clip of every sample."""
        return [0] * len(self)

    def __getitem__(self, index: int) -> dict[str, Any]:
        triplet = self.triplets[index]
        clip = self.clips[triplet.clip]
        frames = [clip[frame] for frame in (triplet.frame0, triplet.target, triplet.frame1)]
        sample: dict[str, Any] = as_sample(frames, triplet.time)
        sample |= {"clip": 0, "follows": follows(self.triplets, index)}
        if self.masks:
            levels = read_image(self.masks[index])[..., 0]
            sample["mask"] = torch.from_numpy(levels.astype(np.float32) / 255)
        return sample
