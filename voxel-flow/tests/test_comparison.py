"""The tables of a test: scores by hand, regions, coherence, published rows, flow."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from vision_shared.panels import to_picture
from voxel_flow.evaluation.comparison import Comparison
from voxel_flow.evaluation.metrics import psnr
from voxel_flow.evaluation.protocols import (
    CENTRE_256,
    MIDDLEBURY,
    UCF101,
    UCF101_MASKED,
    UCF101_MOTION,
    Protocol,
    kitti_flow,
)
from voxel_flow.evaluation.regions import find_regions
from voxel_flow.models import Synthesis

SIZE = 96


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Flat on the left, textured on the right; uint8 (SIZE, SIZE + 40, 3)."""
    noise = np.random.default_rng(0).uniform(0, 255, (SIZE, SIZE + 40, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    smooth = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    smooth[:, : SIZE // 2] = 128
    return smooth.astype(np.uint8)


def seen(picture: np.ndarray, shift: int) -> Tensor:
    """What a camera `shift` px to the right sees, (3, SIZE, SIZE)."""
    window = np.ascontiguousarray(picture[:, shift : shift + SIZE].transpose(2, 0, 1))
    return torch.from_numpy(window).float() / 255


def panning(picture: np.ndarray, starts: list[int], step: int = 4) -> dict[str, Tensor]:
    """Triplets of a camera that moves by `step` px a frame."""
    frames = [torch.stack([seen(picture, s), seen(picture, s + 2 * step)]) for s in starts]
    return {
        "frames": torch.stack(frames),
        "target": torch.stack([seen(picture, s + step) for s in starts]),
        "time": torch.full((len(starts),), 0.5),
        "clip": torch.zeros(len(starts), dtype=torch.int64),
        "follows": torch.tensor(
            [i > 0 and s == starts[i - 1] + step for i, s in enumerate(starts)]
        ),
    }


def synthesis(image: Tensor, flow: Tensor | None = None) -> Synthesis:
    flow = torch.zeros_like(image[:, :2]) if flow is None else flow
    return Synthesis(image, flow, torch.full_like(image[:, :2], 0.5))


def compared(protocol: Protocol, *batches: dict[str, Tensor], offset: float = 0.02) -> Comparison:
    """Ours is the truth plus `offset`."""
    comparison = Comparison()
    comparison.reset(protocol)
    for batch in batches:
        comparison.update(batch, synthesis(batch["target"] + offset))
    return comparison


def cell(table, row: str, column: str) -> str:
    columns = [name.split(" (")[0] for name in table.columns]
    return next(cells for cells in table.rows if cells[0] == row)[columns.index(column)]


def test_image_table_has_every_method_and_its_regions(picture: np.ndarray) -> None:
    batch = panning(picture, [0, 9])
    comparison = compared(CENTRE_256, batch)
    table = comparison.tables(["pan"], CENTRE_256)[0]
    assert table.columns == ["", "pan (2)", "all", "texture", "motion", "large motion"]
    assert [row[0] for row in table.rows] == ["previous frame", "frame average", "DIS flow", "ours"]
    expected = float(psnr(batch["target"] + 0.02, batch["target"]).mean())
    assert cell(table, "ours", "pan").startswith(f"{expected:.2f} dB / ")
    assert comparison.means()["psnr"] == pytest.approx(expected)
    assert "centre-256" in table.title
    assert "px per frame step" in table.note


def test_regions_are_where_texture_and_motion_are(picture: np.ndarray) -> None:
    first, target, last = (to_picture(seen(picture, s).numpy()) for s in (0, 4, 8))
    everything, texture, motion, large = find_regions(target, first, last, 0.5)
    assert everything.all()
    assert texture[:, 56:].mean() > 0.95
    assert texture[:, :36].mean() == 0
    assert motion[10:-10, 60:80].mean() > 0.95  # 8 px from input to input
    second = to_picture(seen(picture, 5).numpy())
    assert large[10:-10, 60:80].mean() > 0.95
    slow = find_regions(target, target, second, 0.5)[2:, 10:-10, 60:80]  # 1 px of half a step
    assert (slow[0].mean() > 0.95, slow[1].mean() < 0.05) == (True, True)
    still = find_regions(target, target, target, 0.5)
    assert still[2:].sum() == 0
    assert still[1].sum() == texture.sum()


def test_pixel_counts_of_regions_are_printed(picture: np.ndarray) -> None:
    batch = panning(picture, [0])
    batch["frames"] = batch["target"][:, None].repeat(1, 2, 1, 1, 1)  # nothing moves
    table = compared(CENTRE_256, batch).tables(["pan"], CENTRE_256)[0]
    assert cell(table, "ours", "large motion") == "-"
    assert "(0 px)" in table.note


def test_each_protocol_of_the_same_images_has_a_table(picture: np.ndarray) -> None:
    protocol = replace(UCF101, also=(UCF101_MASKED, UCF101_MOTION))
    batch = panning(picture, [0, 9])
    mask = torch.zeros(2, SIZE, SIZE)
    mask[0, :, :40] = 1  # the second mask has no white
    comparison = compared(protocol, batch | {"mask": mask})
    plain, masked, motion = comparison.tables(["ucf101"], protocol)[:3]
    assert plain.columns[1] == "ucf101 (2)"
    assert masked.columns == ["", "ucf101 (1)"]
    assert "texture" not in motion.columns
    assert cell(plain, "DVF (published)", "ucf101") == "34.12 dB / 0.9631"
    assert cell(plain, "DVF (published)", "texture") == ""
    assert cell(motion, "DVF (published)", "ucf101") == "29.37 dB / 0.861 / 16.37"
    assert not [row for row in masked.rows if "published" in row[0]]
    assert "DSepConv" in plain.note
    assert {"psnr", "ssim_3d", "masked_psnr", "motion_ie"} <= comparison.means().keys()


def test_a_figure_that_a_source_lacks_is_a_dash(picture: np.ndarray) -> None:
    table = compared(MIDDLEBURY, panning(picture, [0])).tables(["other"], MIDDLEBURY)[0]
    assert cell(table, "RIFE (published)", "other") == "- / 1.956"


def test_coherence_is_of_consecutive_frames_over_batches_too(picture: np.ndarray) -> None:
    first, second = panning(picture, [0, 4]), panning(picture, [8, 30])
    second["follows"][0] = True
    comparison = compared(CENTRE_256, first, second)
    table = comparison.tables(["pan"], CENTRE_256)[1]
    assert table.columns == ["", "pan (2)"]  # 0-4 and 4-8; 30 is reinitialised
    assert [row[0] for row in table.rows][:2] == ["truth", "previous frame"]
    assert float(cell(table, "truth", "pan")) < 3


def test_flicker_costs_coherence_and_a_constant_error_does_not(picture: np.ndarray) -> None:
    batch = panning(picture, [0, 4, 8])
    steady = compared(CENTRE_256, batch, offset=0.02)
    flickering = Comparison()
    offsets = torch.tensor([0.02, -0.02, 0.02])[:, None, None, None]
    flickering.update(batch, synthesis(batch["target"] + offsets))
    steady_error, error = (
        float(c.tables(["pan"], CENTRE_256)[1].rows[-1][1]) for c in (steady, flickering)
    )
    assert steady_error < 3
    assert error > 9  # 0.04 is 10 levels


def kitti_batch(picture: np.ndarray) -> dict[str, Tensor]:
    frames = torch.stack([seen(picture, 0), seen(picture, 6)])[None]
    flow = torch.zeros(1, 2, SIZE, SIZE)
    flow[:, 0] = -6
    known = torch.ones(1, SIZE, SIZE, dtype=torch.bool)
    known[..., :64] = False
    unoccluded = known.clone()
    unoccluded[..., 90:] = False
    facts = {"flow": flow, "known": known, "unoccluded": unoccluded}
    start = {"time": torch.zeros(1), "clip": torch.zeros(1, dtype=torch.int64)}
    return {"frames": frames, "target": frames[:, 0], **start, **facts}


def test_flow_at_time_zero_is_scored_and_its_target_is_not(picture: np.ndarray) -> None:
    batch, protocol = kitti_batch(picture), kitti_flow(2015)
    comparison = Comparison()
    comparison.reset(protocol)
    flow = batch["flow"].clone()
    flow[..., 90:] += 100  # wrong where occluded
    flow[..., :64] = torch.nan  # never looked at
    comparison.update(batch, synthesis(batch["target"], flow.nan_to_num(50)))
    (table,) = comparison.tables(["KITTI 2015"], protocol)
    assert cell(table, "no motion", "KITTI 2015") == "6.00 / 6.00 / 100.0%"
    assert cell(table, "ours", "KITTI 2015") == f"{6 / 32 * 141.421356:.2f} / 0.00 / 18.8%"
    assert float(cell(table, "DIS flow", "KITTI 2015").split(" / ")[1]) < 0.5
    assert cell(table, "DVF (published)", "KITTI 2015") == "9.5"
    assert set(comparison.means()) == {"epe", "epe_noc", "fl"}


def test_flow_is_a_table_beside_the_images(picture: np.ndarray) -> None:
    batch = panning(picture, [0])
    del batch["follows"]
    comparison = compared(CENTRE_256, batch | {"flow": torch.zeros(1, 2, SIZE, SIZE)})
    _, flow = comparison.tables(["pan"], CENTRE_256)
    assert "endpoint error" in flow.title
    assert cell(flow, "ours", "pan") == "0.00"
    assert comparison.means()["epe"] == 0


def test_reset_forgets(picture: np.ndarray) -> None:
    comparison = compared(CENTRE_256, panning(picture, [0]))
    comparison.reset(CENTRE_256)
    assert comparison.means() == {}
    later = panning(picture, [4])
    later["follows"][:] = True
    comparison.update(later, synthesis(later["target"]))
    assert len(comparison.tables(["pan"], CENTRE_256)) == 1  # no frame before it
