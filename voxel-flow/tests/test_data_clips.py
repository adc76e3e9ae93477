"""Finding and decoding the user's videos and folders of images."""

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vision_shared.inputs import InputError
from voxel_flow.data.clips import cache_file, decode_all, find_clips, open_all


def write_video(path: Path, frames: np.ndarray) -> Path:
    """Write uint8 RGB (N, H, W, 3) without loss but for the turn to YUV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv444p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def write_images(folder: Path, frames: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(folder / f"im{number}.png")
    return folder


def grey_ramp(num_frames: int, height: int, width: int) -> np.ndarray:
    levels = 10 + 5 * np.arange(num_frames, dtype=np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (num_frames, height, width, 3)).copy()


def decoded(source: Path, cache: Path, short_side: int = 32) -> np.ndarray:
    decode_all({"clip": source}, cache, short_side)
    return open_all({"clip": source}, cache, short_side)["clip"]


def test_find_clips_names_videos_and_folders_of_images(tmp_path: Path) -> None:
    ramp = grey_ramp(3, 16, 16)
    write_video(tmp_path / "mine" / "b.mkv", ramp)
    write_images(tmp_path / "mine" / "walks" / "a", ramp)
    write_images(tmp_path / "mine" / "posters", ramp[:1])  # an image beside videos is no clip
    (tmp_path / "mine" / "notes.txt").write_text("")
    clips = find_clips(tmp_path / "mine")
    assert list(clips) == ["mine/b.mkv", "mine/walks/a"]


def test_missing_and_empty_folders_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such folder: .*data\.folder"):
        find_clips(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=rf"^{tmp_path}: no video .*data\.folder"):
        find_clips(tmp_path)


def test_video_becomes_its_frames_in_order(tmp_path: Path) -> None:
    frames = grey_ramp(7, 24, 40)
    frames[:, :12, :20] = (200, 30, 60)  # colours would show a wrong channel order
    clip = decoded(write_video(tmp_path / "a.mkv", frames), tmp_path / "cache")
    assert (clip.shape, clip.dtype) == (frames.shape, np.uint8)
    assert abs(clip.astype(int) - frames).max() <= 2


def test_images_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    frames = grey_ramp(12, 16, 16)  # im10.png follows im9.png, not im1.png
    clip = decoded(write_images(tmp_path / "a", frames), tmp_path / "cache")
    assert np.array_equal(clip, frames)


@pytest.mark.parametrize(("size", "scaled"), [((64, 100), (32, 50)), ((20, 30), (20, 30))])
def test_short_side_is_scaled_down_never_up(
    tmp_path: Path, size: tuple[int, int], scaled: tuple[int, int]
) -> None:
    clip = decoded(write_images(tmp_path / "a", grey_ramp(3, *size)), tmp_path / "cache")
    assert clip.shape == (3, *scaled, 3)


def test_clip_is_decoded_once_and_again_when_it_changes(tmp_path: Path) -> None:
    video, cache = write_video(tmp_path / "a.mkv", grey_ramp(4, 16, 16)), tmp_path / "cache"
    decoded(video, cache)
    file = cache_file(video, cache, 32)
    written = file.stat().st_mtime_ns
    decoded(video, cache)
    assert file.stat().st_mtime_ns == written
    write_video(video, grey_ramp(6, 16, 16))
    assert len(decoded(video, cache)) == 6


def test_broken_clip_is_left_out_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = write_video(tmp_path / "good.mkv", grey_ramp(4, 16, 16))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    mixed = write_images(tmp_path / "mixed", grey_ramp(3, 16, 16))
    Image.new("RGB", (20, 20)).save(mixed / "im4.png")
    sources = {"broken": broken, "good": good, "mixed": mixed}
    decode_all(sources, tmp_path / "cache", 32)
    assert list(open_all(sources, tmp_path / "cache", 32)) == ["good"]
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(lines) == 2
    assert str(broken) in lines[0]
    assert "\n" not in lines[0]
    assert "mixed" in lines[1]
    assert len(list((tmp_path / "cache").iterdir())) == 1  # nothing half-written


def test_no_usable_clip_names_the_folder(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    decode_all({"broken": broken}, tmp_path / "cache", 32)
    with pytest.raises(ValueError, match=f"^{tmp_path}: none of its 1 clips could be decoded"):
        open_all({"broken": broken}, tmp_path / "cache", 32)


@pytest.mark.parametrize("damage", ["cut", "header", "kind", "empty"])
def test_damaged_cache_is_named_in_one_line(tmp_path: Path, damage: str) -> None:
    video, cache = write_video(tmp_path / "a.mkv", grey_ramp(4, 16, 16)), tmp_path / "cache"
    decoded(video, cache)
    (file,) = cache.iterdir()
    content = file.read_bytes()
    damaged = {
        "cut": content[:-1],
        "header": content.replace(b"descr", b"desc("),
        "kind": content.replace(b"|u1", b"|i1"),
        "empty": b"",
    }
    file.write_bytes(damaged[damage])
    with pytest.raises(InputError, match=f"^{file}: a damaged cache .*: remove it$"):
        open_all({"clip": video}, cache, 32)


def test_processes_that_decode_at_once_leave_one_whole_clip(tmp_path: Path) -> None:
    frames = grey_ramp(40, 64, 64)
    video, cache = write_video(tmp_path / "a.mkv", frames), tmp_path / "cache"
    script = (
        "import sys; from pathlib import Path; from voxel_flow.data.clips import decode_all;"
        "decode_all({'a': Path(sys.argv[1])}, Path(sys.argv[2]), 64)"
    )
    command = [sys.executable, "-c", script, str(video), str(cache)]
    both = [subprocess.Popen(command, env={**os.environ}) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert [path.name for path in cache.iterdir()] == [cache_file(video, cache, 64).name]
    assert open_all({"a": video}, cache, 64)["a"].shape == frames.shape
