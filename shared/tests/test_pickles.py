"""What others pickle beside tensors comes back plain; the rest is refused by name."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from vision_shared.checkpoints import CheckpointError, load_torch


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize(
    "value",
    [np.float64(30.25), np.float32(-0.5), np.float16(2), np.int64(-7), np.uint8(200), np.bool_(1)],
)
def test_numpy_scalars_are_numbers(tmp_path: Path, value: np.generic, is_zip: bool) -> None:
    torch.save([value], tmp_path / "file.pth", _use_new_zipfile_serialization=is_zip)
    (read,) = load_torch(tmp_path / "file.pth")
    assert type(read) in (float, int, bool)
    assert read == value.item()


def test_scalar_as_python_2_and_old_numpy_wrote_it(tmp_path: Path) -> None:
    # protocol 2; scalar(dtype('f8'), the bytes of 30.3 as a text), as pickletools shows such files
    data = np.float64(30.3).tobytes()
    scalar = (
        b"cnumpy.core.multiarray\nscalar\nq\x01cnumpy\ndtype\nq\x02U\x02f8K\x00K\x01\x87Rq\x03"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x08" + data + b"\x86R."
    )
    legacy = [torch.serialization.MAGIC_NUMBER, torch.serialization.PROTOCOL_VERSION, {}]
    parts = [*(pickle.dumps(part, 2) for part in legacy), b"\x80\x02" + scalar, pickle.dumps([], 2)]
    (tmp_path / "file.pth").write_bytes(b"".join(parts))
    assert load_torch(tmp_path / "file.pth") == 30.3


@pytest.mark.parametrize("value", [np.array([{}, 1], object), np.datetime64("2020-01-01")])
def test_other_arrays_are_refused(tmp_path: Path, value: object) -> None:
    torch.save([value], tmp_path / "file.pth")
    with pytest.raises(CheckpointError, match=r"file\.pth: cannot be read as a checkpoint"):
        load_torch(tmp_path / "file.pth")


def test_a_refused_name_is_shown_without_its_escape_codes(tmp_path: Path) -> None:
    name = b"cnot\x1b[31mthere\nname\n."
    legacy = [torch.serialization.MAGIC_NUMBER, torch.serialization.PROTOCOL_VERSION, {}]
    parts = [*(pickle.dumps(part, 2) for part in legacy), b"\x80\x02" + name]
    (tmp_path / "file.pth").write_bytes(b"".join(parts))
    with pytest.raises(CheckpointError, match=r"it holds 'not\\x1b\[31mthere\.name'") as caught:
        load_torch(tmp_path / "file.pth")
    assert str(caught.value).isprintable()
