"""Checkpoints are whole or not there, whatever the disk does."""

import errno
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from vision_shared.checkpoint_io import AtomicCheckpointIO
from vision_shared.training_command import first_cause

SMALL, LARGE = {"weights": torch.zeros(10)}, {"weights": torch.zeros(1_000_000)}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode
    except FileNotFoundError:
        done = 1
    if done:
        pytest.skip("may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def file_size_limit(num_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def expect_older_to_survive(folder: Path, reason: int) -> None:
    path = folder / "last.ckpt"
    with pytest.raises(OSError, match=r"last\.ckpt") as caught:
        AtomicCheckpointIO().save_checkpoint(LARGE, path)
    assert caught.value.errno == reason
    assert [file.name for file in folder.iterdir()] == ["last.ckpt"]
    assert torch.load(path, weights_only=True)["weights"].numel() == 10


def test_saved_checkpoint_is_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    for content in (LARGE, SMALL):
        AtomicCheckpointIO().save_checkpoint(content, path)
    loaded = AtomicCheckpointIO().load_checkpoint(path, weights_only=True)
    assert torch.equal(loaded["weights"], SMALL["weights"])


def test_full_disk_leaves_the_older_checkpoint(small_disk: Path) -> None:
    AtomicCheckpointIO().save_checkpoint(SMALL, small_disk / "last.ckpt")
    expect_older_to_survive(small_disk, errno.ENOSPC)


def test_failed_write_leaves_the_older_checkpoint(tmp_path: Path) -> None:
    AtomicCheckpointIO().save_checkpoint(SMALL, tmp_path / "last.ckpt")
    with file_size_limit(100_000):
        expect_older_to_survive(tmp_path, errno.EFBIG)


def test_first_cause_is_the_error_that_names_a_file() -> None:
    error = OSError(errno.EIO, "flush failed")
    error.__context__ = OSError(errno.ENOSPC, "No space left on device", "last.ckpt")
    error.__context__.__context__ = OSError(errno.ENOSPC, "No space left on device")
    assert first_cause(error) is error.__context__
