"""The correction of a motion that the frames themselves ask for."""

import torch
import torch.nn.functional as F
from torch import Tensor

from voxel_flow.models.synthesis import enlarge

CELL = 4  # pixels to a side, of the default network
DAMPING = 1e-4  # of squared differences on [-1, 1]: where nothing is to be seen, nothing moves
LIMIT = 1.0  # pixels per unit of time: beyond, a difference says little about the motion


def lucas_kanade(aligned: Tensor, offsets: Tensor, cell: int = CELL) -> Tensor:
    """One step of Lucas and Kanade's least squares, for K frames at once.

    Frames that a velocity aligns change with time only by what the velocity is wrong by. Their
    slope in time and the gradient of their mean give that error in closed form, to a fraction of a
    pixel, which convolutions learn slowly.

    Args:
        aligned: (B, K, 3, H, W), the frames on [-1, 1] as a velocity aligns them with the target's
            time; K > 1, H and W divide by ``cell``. Nothing is differentiated through them.
        offsets: (B, K), their times relative to the target's.
        cell: pixels to a side: a cell and its eight neighbours move as one.

    Returns:
        (B, 2, H, W), x then y: what to add to the velocity, pixels per unit of time, within +-1.

    Source: Lucas, Kanade, "An Iterative Image Registration Technique with an Application to Stereo
    Vision", 1981; symmetric in time, as the target's pixels are those of no frame.
    """
    grey = aligned.detach().float().mean(2)  # (B, K, H, W)
    centred = offsets - offsets.mean(1, keepdim=True)
    share = centred / centred.square().sum(1, keepdim=True)
    slope = (grey * share[:, :, None, None]).sum(1)
    across, down = gradient(grey.mean(1))
    pairs = ((across, across), (across, down), (down, down), (across, slope), (down, slope))
    products = F.avg_pool2d(torch.stack([a * b for a, b in pairs], 1), cell)
    sums = F.avg_pool2d(products, 3, 1, 1, count_include_pad=False)
    xx, xy, yy, xt, yt = sums.unbind(1)
    xx, yy = xx + DAMPING, yy + DAMPING
    step = torch.stack([xy * yt - yy * xt, xy * xt - xx * yt], 1) / (xx * yy - xy * xy)[:, None]
    return enlarge(step.clamp(-LIMIT, LIMIT), cell)


def gradient(plane: Tensor) -> tuple[Tensor, Tensor]:
    """(B, H, W) -> its central differences along x and along y, the border repeated."""
    padded = F.pad(plane, (1, 1, 1, 1), mode="replicate")
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    return across / 2, down / 2
