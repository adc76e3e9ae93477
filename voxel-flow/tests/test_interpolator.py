from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from vision_shared.checkpoints import CheckpointError, write_checkpoint
from vision_shared.video.colour import from_levels, to_levels, to_rgb
from vision_shared.video.reader import TimedFrame
from voxel_flow.interpolation.interpolator import FrameInterpolator, Precision
from voxel_flow.interpolation.scene_cuts import Tally
from voxel_flow.interpolation.timeline import TooFewFrames
from voxel_flow.models import build_network

SETTINGS = {"name": "compact", "width": 4}
RATE = Fraction(24000, 1001)


@pytest.fixture(scope="module")
def interpolator() -> FrameInterpolator:
    torch.manual_seed(0)
    return FrameInterpolator(build_network(**SETTINGS), "cpu")  # starts as the plain average


def flat(level: int, time: Fraction | int, pixel_format: str = "yuv444p") -> TimedFrame:
    frame = av.VideoFrame(48, 32, pixel_format)
    image = np.full_like(to_levels(frame), level)
    return TimedFrame(from_levels(image, frame), Fraction(time))


def clip(num_frames: int) -> list[TimedFrame]:
    return [flat(40 + 20 * k, k / RATE) for k in range(num_frames)]


def save(path: Path, task: str = "voxel-flow", **settings: int | str) -> Path:
    network = build_network(**SETTINGS)
    state = {f"net.{name}": value for name, value in network.state_dict().items()}
    hyper_parameters = {"network": {**SETTINGS, **settings}}
    write_checkpoint(path, task=task, hyper_parameters=hyper_parameters, state_dict=state)
    return path


@pytest.mark.parametrize("num_frames", [1, 2, 5])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_multiply_makes_times_n_less_1_plus_1_frames(
    interpolator: FrameInterpolator, times: int, num_frames: int
) -> None:
    source = clip(num_frames)
    made = list(interpolator.multiply(source, times))
    assert [time for _, time in made] == [k / (times * RATE) for k in range(len(made))]
    assert len(made) == times * (num_frames - 1) + 1
    for before, after in zip(source, made[::times], strict=True):
        assert after.frame is before.frame


def test_multiply_halves_each_step_of_a_variable_rate(interpolator: FrameInterpolator) -> None:
    source = [flat(50 + 9 * time, time) for time in (0, 1, 5)]
    times = [time for _, time in interpolator.multiply(source, 2)]
    assert times == [0, Fraction(1, 2), 1, 3, 5]


def test_frame_in_the_middle_lies_between_its_neighbours(interpolator: FrameInterpolator) -> None:
    made = [to_rgb(frame) for frame, _ in interpolator.multiply(clip(3), 2)]
    assert [round(image.mean()) for image in made] == pytest.approx([40, 50, 60, 70, 80], abs=1)


def test_synthesis_is_asked_for_its_time_and_rounded() -> None:
    class Clock(torch.nn.Module):
        def forward(self, frames: torch.Tensor, time: torch.Tensor) -> object:
            level = time.reshape(1, 1, 1, 1).expand_as(frames[:, 0])
            return type("Result", (), {"image": level})

    source = [flat(0, 0, "gbrp"), flat(99, 1, "gbrp")]
    made = FrameInterpolator(Clock(), "cpu").multiply(source, 4)
    levels = [np.unique(to_rgb(frame)).tolist() for frame, _ in made]
    assert levels == [[0], [64], [128], [191], [99]]  # 63.75, 127.5 and 191.25


@pytest.mark.parametrize("rate", [Fraction(60), Fraction(24), Fraction(60000, 1001), Fraction(10)])
def test_resample_follows_the_rate_up_to_the_last_frame(
    interpolator: FrameInterpolator, rate: Fraction
) -> None:
    source = [frame._replace(time=frame.time + Fraction(1, 7)) for frame in clip(9)]
    times = [time for _, time in interpolator.resample(source, rate)]
    assert times == [source[0].time + k / rate for k in range(len(times))]
    assert times[-1] <= source[-1].time < times[-1] + 1 / rate


def test_resample_passes_frames_that_it_meets(interpolator: FrameInterpolator) -> None:
    source = clip(5)
    made = list(interpolator.resample(source, RATE * Fraction(3, 2)))
    met = {timed.time: timed.frame for timed in source}
    assert [timed.time for timed in made if met.get(timed.time) is timed.frame] == [
        0 / RATE,
        2 / RATE,
        4 / RATE,
    ]
    halved = list(interpolator.resample(source, RATE / 2))
    assert [timed.frame for timed in halved] == [timed.frame for timed in source[::2]]


def test_resample_takes_times_from_a_variable_rate(interpolator: FrameInterpolator) -> None:
    source = [flat(level, time) for level, time in ((40, 0), (80, 1), (160, 3))]
    made = list(interpolator.resample(source, Fraction(1)))
    assert [round(to_rgb(frame).mean()) for frame, _ in made] == pytest.approx(
        [40, 80, 120, 160], abs=1
    )


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le", "yuv422p", "gray", "gbrp"])
def test_brightness_and_depth_are_kept(interpolator: FrameInterpolator, pixel_format: str) -> None:
    """No bias in brightness, and no loss of depth, in frames that are made."""
    unit = 256 if pixel_format.endswith("10le") else 1
    level = 127 * unit + unit // 2
    source = [flat(level + unit * change, time, pixel_format) for time, change in ((0, -9), (1, 9))]
    _, made, _ = interpolator.multiply(source, 2)
    assert made.frame.format.name == pixel_format
    size = 2 if pixel_format.endswith("10le") else 1
    expected = flat(level, 0, pixel_format).frame
    for before, after in zip(expected.planes, made.frame.planes, strict=True):
        row = size * before.width  # rows are padded beyond it
        assert bytes(after)[:row] == bytes(before)[:row]


def test_few_frames_are_read_ahead(interpolator: FrameInterpolator) -> None:
    num_read = 0

    def endless() -> Iterator[TimedFrame]:
        nonlocal num_read
        while True:
            num_read += 1
            yield flat(50 + 20 * (num_read % 2), num_read)

    made = interpolator.multiply(endless(), 2)
    for _ in range(10):
        next(made)
    assert num_read == 5 + 2


def test_impossible_rates_are_refused(interpolator: FrameInterpolator) -> None:
    with pytest.raises(ValueError, match="times of at least 1, got 0"):
        interpolator.multiply([], 0)
    with pytest.raises(ValueError, match="a rate above 0, got 0"):
        interpolator.resample([], Fraction(0))


def test_settings_out_of_range_are_refused() -> None:
    network = build_network(**SETTINGS)
    with pytest.raises(ValueError, match="scale above 0 and up to 1, got 2"):
        FrameInterpolator(network, "cpu", scale=2)
    with pytest.raises(ValueError, match="tile of at least 384 pixels, got 16"):
        FrameInterpolator(network, "cpu", tile=16)
    with pytest.raises(ValueError, match="fp32, fp16 or bf16, got 'fp8'"):
        FrameInterpolator(network, "cpu", precision="fp8")  # type: ignore[arg-type]


def texture(seed: int, shift: int, time: int) -> TimedFrame:
    coarse = np.random.default_rng(seed).integers(30, 220, (4, 6, 3), np.uint8)
    image = np.roll(coarse.repeat(16, 0).repeat(16, 1), shift, axis=1)
    return TimedFrame(av.VideoFrame.from_ndarray(image, "rgb24"), Fraction(time))


def test_cut_is_held_and_changes_no_count(interpolator: FrameInterpolator) -> None:
    source = [texture(k // 3, 2 * k, k) for k in range(6)]
    tally = Tally()
    made = list(interpolator.multiply(source, 4, tally))
    assert [time for _, time in made] == [Fraction(k, 4) for k in range(21)]
    across = [timed.frame for timed in made if 2 <= timed.time <= 3]
    assert across == [source[2].frame] * 3 + [source[3].frame] * 2
    assert tally == Tally(num_source=6, num_synthesised=12, num_duplicates=0, cuts=[Fraction(3)])
    resampled = list(interpolator.resample(source, Fraction(5, 2)))
    assert [timed.frame for timed in resampled if 2 <= timed.time <= 3] == [
        source[2].frame,
        source[2].frame,
        source[3].frame,
    ]


class Ramp(torch.nn.Module):
    """Answers with the flat level that two flat frames have at a time between or after them."""

    def forward(self, frames: torch.Tensor, time: torch.Tensor) -> object:
        image = frames[:, 0] + (frames[:, 1] - frames[:, 0]) * time[:, None, None, None]
        return type("Result", (), {"image": image})


def test_duplicates_are_timed_anew() -> None:
    levels = (20, 20, 80, 80, 80, 170, 190)
    source = [flat(level, time, "gbrp") for time, level in enumerate(levels)]
    ramp, tally = FrameInterpolator(Ramp(), "cpu"), Tally()
    ramp.evens_brightness = False
    made = list(ramp.multiply(source, 2, tally))
    assert [timed.time for timed in made] == [Fraction(k, 2) for k in range(13)]
    assert [to_rgb(timed.frame)[0, 0, 0] for timed in made] == pytest.approx(
        [20, 35, 50, 65, 80, 95, 110, 125, 140, 155, 170, 180, 190], abs=1
    )
    assert [k for k, timed in enumerate(source) if timed.frame is made[2 * k].frame] == [0, 2, 5, 6]
    assert tally.num_duplicates == 3
    assert tally.num_source == 7


def test_still_picture_passes() -> None:
    source = [flat(50, time, "gbrp") for time in range(12)]
    made = list(FrameInterpolator(Ramp(), "cpu").multiply(source, 1))
    assert [timed.frame for timed in made] == [timed.frame for timed in source]


@pytest.mark.parametrize("num_frames", [1, 2, 5])
def test_slow_motion_lasts_times_as_long(interpolator: FrameInterpolator, num_frames: int) -> None:
    source = [frame._replace(time=frame.time + Fraction(1, 10)) for frame in clip(num_frames)]
    made = list(interpolator.slow_down(source, 3))
    count = 3 * num_frames if num_frames > 1 else 1
    assert [time for _, time in made] == [Fraction(3, 10) + k / RATE for k in range(count)]
    for before, after in zip(source, made[::3], strict=True):
        assert after.frame is before.frame


def test_slow_motion_keeps_the_steps_of_a_variable_rate(interpolator: FrameInterpolator) -> None:
    source = [flat(50 + 9 * time, time) for time in (0, 1, 5)]
    times = [time for _, time in interpolator.slow_down(source, 2)]
    assert times == [0, 1, 2, 6, 10, 14]


def test_extend_goes_on_after_the_last_frame() -> None:
    source = [flat(level, time, "gbrp") for time, level in enumerate((20, 40, 40, 60, 60))]
    made = list(FrameInterpolator(Ramp(), "cpu").extend(source, 3))
    assert [timed.time for timed in made] == list(range(8))
    assert [timed.frame for timed in made[:5]] == [timed.frame for timed in source]
    assert [to_rgb(timed.frame)[0, 0, 0] for timed in made[5:]] == [80, 90, 100]


def test_extend_asks_a_network_for_times_beyond_its_frames() -> None:
    torch.manual_seed(0)
    network = build_network(**SETTINGS).eval()
    frames = torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        image = network(frames[None], torch.tensor([2.0]), torch.tensor([0.0, 1.0])).image[0]
    made = FrameInterpolator(network, "cpu").synthesise(frames[0], frames[1], 2.0)
    torch.testing.assert_close(made, image)


def test_extend_holds_a_scene_of_one_frame_and_refuses_one_frame(
    interpolator: FrameInterpolator,
) -> None:
    source = [texture(k // 3, 2 * k, k) for k in range(4)]
    made = list(interpolator.extend(source, 2))
    assert [timed.frame for timed in made[3:]] == [source[3].frame] * 3
    with pytest.raises(TooFewFrames):
        list(interpolator.extend(clip(1), 1))
    with pytest.raises(ValueError, match="count of at least 1, got 0"):
        interpolator.extend(clip(2), 0)


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_lower_precision_is_near_full_precision(precision: Precision) -> None:
    torch.manual_seed(0)
    network = build_network(**SETTINGS).eval()
    for name, parameter in network.named_parameters():
        if "head.weight" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    first, second = torch.rand(2, 3, 16, 24).repeat_interleave(8, 2).repeat_interleave(8, 3)
    exact = FrameInterpolator(network, "cpu").estimate(first, second, 0.5)
    rough = FrameInterpolator(network, "cpu", precision=precision).estimate(first, second, 0.5)
    assert rough.image.dtype == torch.float32
    assert not torch.equal(rough.flow, exact.flow)
    assert (rough.image - exact.image).abs().max() < 0.02


def test_no_frames_make_none(interpolator: FrameInterpolator) -> None:
    assert list(interpolator.multiply([], 2)) == []
    assert list(interpolator.resample([], Fraction(60))) == []


def test_checkpoint_alone_rebuilds_the_network(tmp_path: Path) -> None:
    torch.manual_seed(1)
    path = save(tmp_path / "best.ckpt")
    torch.manual_seed(1)
    expected = build_network(**SETTINGS).eval()
    frames = torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        image = expected(frames[None], torch.tensor([0.3])).image[0]
    loaded = FrameInterpolator.from_checkpoint(path, device="cpu")
    torch.testing.assert_close(loaded.synthesise(frames[0], frames[1], 0.3), image)


def test_unfit_checkpoints_are_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    save(tmp_path / "other.ckpt", task="fashion")
    save(tmp_path / "wider.ckpt", width=8)
    save(tmp_path / "unknown.ckpt", name="unknown")
    for name in ("text", "other", "wider", "unknown"):
        with pytest.raises(CheckpointError, match=f"{name}.ckpt: ") as caught:
            FrameInterpolator.from_checkpoint(tmp_path / f"{name}.ckpt", device="cpu")
        assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"missing\.ckpt"):
        FrameInterpolator.from_checkpoint(tmp_path / "missing.ckpt", device="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no CUDA GPU"):
        FrameInterpolator(build_network(**SETTINGS), "cuda")
    assert FrameInterpolator(build_network(**SETTINGS)).device.type == "cpu"


@pytest.mark.parametrize("settings", [{}, {"scale": 0.5, "quality": "best"}, {"tile": 384}])
@pytest.mark.parametrize("pixel_format", ["gbrp", "gbrap"])
def test_times_that_are_made_together_are_those_made_one_by_one(
    settings: dict[str, Any], pixel_format: str
) -> None:
    class Together(FrameInterpolator):
        def _at_once(self, image: torch.Tensor) -> int:
            return 2

    torch.manual_seed(0)
    network = build_network("compact", width=4, trust=1.0)
    rng, frames = np.random.default_rng(0), []
    for time in range(2):
        like = av.VideoFrame(416, 32, pixel_format)
        image = rng.integers(0, 255, to_levels(like).shape, dtype=np.uint8)
        frames.append(TimedFrame(from_levels(image, like), Fraction(time)))
    alone, together = (
        list(kind(network, "cpu", **settings).multiply(frames, 4))
        for kind in (FrameInterpolator, Together)
    )
    for one, other in zip(alone, together, strict=True):
        assert one.time == other.time
        difference = to_levels(one.frame).astype(int) - to_levels(other.frame)
        assert abs(difference).max() <= 1  # a level, by rounding
