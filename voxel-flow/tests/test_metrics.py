"""PSNR, SSIM and flow error against slow references, and the rules of the protocol."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from voxel_flow.evaluation.masked import box_psnr, box_ssim, masked_psnr, masked_ssim, motion_error
from voxel_flow.evaluation.metrics import (
    MAX_PSNR,
    GroupedMean,
    PooledPsnr,
    absolute_error,
    endpoint_error,
    interpolation_error,
    outlier_share,
    psnr,
)
from voxel_flow.evaluation.protocols import CENTRE_256
from voxel_flow.evaluation.ssim import ssim, ssim_volume


def images(count: int = 2, size: tuple[int, int] = (40, 33)) -> tuple[Tensor, Tensor]:
    """Smooth random images in whole levels, and noisy copies."""
    rng = np.random.default_rng(0)
    smooth = gaussian_filter(rng.uniform(0, 255, (count, 3, *size)), (0, 0, 3, 3))
    levels = ((smooth - smooth.min()) / np.ptp(smooth) * 255).round()
    noisy = (levels + rng.normal(0, 8, levels.shape)).clip(0, 255).round()
    return torch.from_numpy(levels / 255).float(), torch.from_numpy(noisy / 255).float()


def slow_ssim(image: np.ndarray, target: np.ndarray) -> float:
    """What skimage 0.25 computes for one image (3, H, W) of levels, in float64."""

    def mean(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, truncate=3.5, mode="reflect")

    values = []
    for x, y in zip(image.astype(float), target.astype(float), strict=True):
        x_mean, y_mean = mean(x), mean(y)
        x_variance, y_variance = mean(x * x) - x_mean**2, mean(y * y) - y_mean**2
        covariance = mean(x * y) - x_mean * y_mean
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        above = (2 * x_mean * y_mean + c1) * (2 * covariance + c2)
        below = (x_mean**2 + y_mean**2 + c1) * (x_variance + y_variance + c2)
        values.append((above / below)[5:-5, 5:-5].mean())
    return float(np.mean(values))


def test_psnr_is_per_image_over_all_channels() -> None:
    image, noisy = images()
    difference = (image.double() - noisy.double()) * 255
    expected = [10 * np.log10(255**2 / d.square().mean().item()) for d in difference]
    assert psnr(image, noisy).tolist() == pytest.approx(expected, abs=1e-4)


def test_ssim_equals_the_reference() -> None:
    image, noisy = images()
    pairs = zip((image * 255).round().numpy(), (noisy * 255).round().numpy(), strict=True)
    assert ssim(image, noisy).tolist() == pytest.approx(
        [slow_ssim(a, b) for a, b in pairs], abs=1e-5
    )


def test_volume_ssim_equals_a_3d_window_with_its_border_repeated() -> None:
    image, noisy = images()
    x, y = (part.double().mul(255).round().numpy() for part in (image, noisy))

    def mean(volume: np.ndarray) -> np.ndarray:
        return np.stack([gaussian_filter(v, 1.5, radius=5, mode="nearest") for v in volume])

    x_mean, y_mean = mean(x), mean(y)
    covariance = mean(x * y) - x_mean * y_mean
    variances = mean(x * x) - x_mean**2 + mean(y * y) - y_mean**2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * x_mean * y_mean + c1) * (2 * covariance + c2)
    expected = (above / ((x_mean**2 + y_mean**2 + c1) * (variances + c2))).mean((1, 2, 3))
    assert ssim_volume(image, noisy).tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_ssim_is_right_where_images_are_flat_and_bright() -> None:
    image = torch.full((1, 3, 32, 32), 250 / 255)
    other = image.clone()
    other[..., ::2] = 251 / 255
    expected = slow_ssim((image[0] * 255).round().numpy(), (other[0] * 255).round().numpy())
    assert float(ssim(image, other)) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_images_are_rounded_to_levels_and_clipped(metric) -> None:
    image, noisy = images()
    nudged = (noisy + 0.4 / 255 * torch.randn_like(noisy).sign()) * 1.0
    assert torch.equal(metric(image, nudged.clamp(-1, 2)), metric(image, noisy))
    white = torch.ones_like(image)
    assert torch.equal(metric(white * 1.7, noisy), metric(white, noisy))


def test_identical_images_count_as_the_cap() -> None:
    image, _ = images()
    assert psnr(image, image).tolist() == [MAX_PSNR, MAX_PSNR]
    assert ssim(image, image).tolist() == pytest.approx([1, 1])


def test_ssim_refuses_images_below_its_window() -> None:
    with pytest.raises(ValueError, match="11x11"):
        ssim(torch.rand(1, 3, 10, 20), torch.rand(1, 3, 10, 20))


def test_endpoint_error_is_the_mean_distance() -> None:
    truth = torch.zeros(2, 2, 4, 6)
    flow = truth.clone()
    flow[0, 0], flow[0, 1] = 3, 4
    flow[1, 0, :2] = 2  # half of the rows
    assert endpoint_error(flow, truth).tolist() == [5, 1]
    upper = torch.zeros(2, 4, 6, dtype=torch.bool)
    upper[:, :2] = True
    assert endpoint_error(flow, truth, upper).tolist() == [5, 2]


def test_grouped_mean_is_per_image_overall_and_per_group() -> None:
    scores = GroupedMean()
    scores.update(torch.tensor([1.0, 2.0]), torch.tensor([7, 7]))
    scores.update(torch.tensor([9.0]), torch.tensor([3]))
    mean, by_group = scores.compute()
    assert float(mean) == 4
    assert {group: float(value) for group, value in by_group.items()} == {3: 9, 7: 1.5}


def test_protocol_says_all_that_a_number_depends_on() -> None:
    text = CENTRE_256.description
    words = (
        "centre-256",
        "256x256",
        "stride 1",
        "14 dB",
        "8 bits",
        "100 dB",
        "sigma 1.5",
        "per-image",
    )
    assert [word for word in words if word not in text] == []


def test_interpolation_error_is_of_colour_distances() -> None:
    image = torch.full((2, 3, 10, 10), 100 / 255)
    other = image.clone()
    other[0, :, 0, 0] = torch.tensor([103, 104, 112]) / 255  # 3, 4 and 12: 13 apart
    other[1, 1] = 90 / 255
    assert interpolation_error(image, other).tolist() == pytest.approx([1.3, 10])
    assert absolute_error(image, other).tolist() == pytest.approx([0.19 / 3, 10 / 3])


def half_mask(height: int = 40, width: int = 33) -> Tensor:
    """White above, black below: (2, H, W)."""
    mask = torch.zeros(2, height, width)
    mask[:, : height // 2] = 1
    return mask


def test_masked_psnr_is_that_of_the_white_alone() -> None:
    image, noisy = images()
    cropped = psnr(image[..., :20, :], noisy[..., :20, :])
    assert masked_psnr(image, noisy, half_mask()).tolist() == pytest.approx(cropped.tolist())


def test_masked_psnr_weighs_grey_as_the_script_does() -> None:
    image, other = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 10 / 255)
    mask = torch.tensor([[[0.5, 1.0], [0.0, 0.0]]])
    error = (0.5**2 + 1) * 100 / 1.5  # sum of (mask difference)^2 over the sum of the mask
    expected = 10 * np.log10(255**2 / error)
    assert float(masked_psnr(image, other, mask)) == pytest.approx(expected)


def test_masked_ssim_is_of_rounded_grey_with_black_outside() -> None:
    image, noisy = images()
    mask = half_mask()
    grey = []
    for part in (image, noisy):
        levels = (part * 255).round().numpy() * mask[:, None].numpy()
        weights = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
        grey.append(np.floor(np.tensordot(levels, weights, axes=(1, 0)) + 0.5))
    for index, value in enumerate(masked_ssim(image, noisy, mask).tolist()):
        x, y = (np.pad(g[index], 5, mode="edge") for g in grey)  # MATLAB: every pixel counts
        assert value == pytest.approx(slow_ssim(x[None], y[None]), abs=1e-4)


def test_masked_scores_leave_out_empty_masks_and_equal_images() -> None:
    image, noisy = images()
    none, some = torch.zeros(2, 40, 33), half_mask()
    for score in (masked_psnr, masked_ssim):
        assert score(image, noisy, none).isnan().all()
        assert score(image, image, some).isnan().all()
        assert not score(image, noisy, some).isnan().any()


def test_motion_scores_are_of_the_box_around_the_black() -> None:
    image, noisy = images()
    mask = torch.ones(2, 40, 33)
    mask[0, 4:21, 7] = 0  # 17 x 20, with white inside
    mask[0, 9, 7:27] = 0
    mask[1, 3:13, 2:30] = 0  # 10 rows: too small
    box = np.s_[:1, :, 4:21, 7:27]
    assert float(box_psnr(image, noisy, mask)[0]) == pytest.approx(
        float(psnr(image[box], noisy[box]))
    )
    assert float(box_ssim(image, noisy, mask)[0]) == pytest.approx(
        float(ssim(image[box], noisy[box])), abs=0.01
    )  # the sample covariance changes the third digit
    distance = ((image - noisy) * 255).square().sum(1).sqrt()[0][mask[0] == 0]
    assert float(motion_error(image, noisy, mask)[0]) == pytest.approx(
        float(distance.mean()), rel=1e-4
    )
    for score in (box_psnr, box_ssim, motion_error):
        assert score(image, noisy, mask)[1].isnan()
        assert score(image, noisy, torch.ones_like(mask)).isnan().all()


def test_outliers_are_off_by_3_px_and_5_percent() -> None:
    truth = torch.zeros(1, 2, 1, 4)
    truth[0, 0] = torch.tensor([0, 0, 100, 100])
    flow = truth.clone()
    flow[0, 0, 0] += torch.tensor([2.9, 3.1, 4.9, 5.1])
    known = torch.ones(1, 1, 4, dtype=torch.bool)
    assert float(outlier_share(flow, truth, known)) == 0.5
    known[..., 3] = False
    assert float(outlier_share(flow, truth, known)) == pytest.approx(1 / 3)


def test_grouped_mean_leaves_out_nan_and_says_how_many_count() -> None:
    scores = GroupedMean()
    scores.update(torch.tensor([1.0, torch.nan, 4.0]), torch.tensor([0, 0, 2]))
    mean, by_group = scores.compute()
    assert (float(mean), float(by_group[0])) == (2.5, 1)
    assert scores.counts() == {0: 1, 2: 1}


def test_pooled_psnr_is_of_all_pixels_of_a_kind() -> None:
    image, noisy = images()
    kinds = torch.zeros(2, 3, 40, 33, dtype=torch.bool)
    kinds[:, 0] = True
    kinds[0, 1, :20] = True  # half of the first image
    pooled = PooledPsnr(3)
    for i in range(2):
        pooled.update(image[i : i + 1], noisy[i : i + 1], kinds[i : i + 1])
    squared = ((image - noisy).double() * 255).square()
    expected = [float(10 * torch.log10(255**2 / e.mean())) for e in (squared, squared[0, :, :20])]
    assert pooled.compute()[:2].tolist() == pytest.approx(expected, abs=1e-3)
    assert pooled.compute()[2].isnan()
    assert pooled.pixels.tolist() == [2640, 660, 0]
