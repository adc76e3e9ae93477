import os
import pickle
from pathlib import Path

import pytest
import torch

from vision_shared.checkpoints import (
    ENTRY,
    CheckpointError,
    newest_checkpoint,
    read_checkpoint,
    without_sources,
    write_checkpoint,
    write_weights,
)
from vision_shared.inputs import InputError


def write(path: Path, **changes: object) -> Path:
    content = {
        "task": "voxel-flow",
        "hyper_parameters": {"network": {"name": "compact"}},
        "state_dict": {"net.head.weight": torch.ones(2), "other": torch.zeros(1)},
        "data": {"choice": "sample", "values": {"crop_size": 128}},
    }
    write_checkpoint(path, **{**content, **changes})  # type: ignore[arg-type]
    return path


def test_written_checkpoint_reads_back(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(write(tmp_path / "best.ckpt"), task="voxel-flow")
    assert checkpoint.hyper_parameters == {"network": {"name": "compact"}}
    assert checkpoint.data == {"choice": "sample", "values": {"crop_size": 128}}
    assert list(checkpoint.weights()) == ["head.weight"]
    assert list(tmp_path.iterdir()) == [tmp_path / "best.ckpt"]


def test_weights_alone_read_back_as_a_checkpoint(tmp_path: Path) -> None:
    original = read_checkpoint(write(tmp_path / "best.ckpt"))
    write_weights(tmp_path / "net.safetensors", original)
    weights = read_checkpoint(tmp_path / "net.safetensors", task="voxel-flow")
    assert weights.hyper_parameters == original.hyper_parameters
    assert weights.data == original.data
    assert list(weights.state_dict) == ["net.head.weight"]
    with pytest.raises(InputError, match=r"net\.safetensors: exists"):
        write_weights(tmp_path / "net.safetensors", original)
    (tmp_path / "broken.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        read_checkpoint(tmp_path / "broken.safetensors")


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.ckpt: no such checkpoint; train one"):
        read_checkpoint(tmp_path / "nothing.ckpt")


def test_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match="a checkpoint of voxel-flow, expected one of fashion"
    ):
        read_checkpoint(write(tmp_path / "best.ckpt"), task="fashion")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half a zip"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"file\.ckpt: ") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "best.ckpt")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
        read_checkpoint(path)


def test_foreign_torch_file_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "foreign.pt")
    with pytest.raises(CheckpointError, match="not a checkpoint of this project"):
        read_checkpoint(tmp_path / "foreign.pt")


class Malicious:
    def __reduce__(self) -> tuple:
        return os.mkdir, (str(Path(self.folder)),)

    def __init__(self, folder: Path) -> None:
        self.folder = folder


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    torch.save({ENTRY: Malicious(tmp_path / "owned")}, tmp_path / "evil.ckpt", pickle_module=pickle)
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "owned").exists()


def test_newer_format_asks_for_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vision_shared.checkpoints.FORMAT", 99)
    path = write(tmp_path / "best.ckpt")
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"format 99.*upgrade vision-shared"):
        read_checkpoint(path)


def test_newest_checkpoint_looks_into_runs_and_sweeps(tmp_path: Path) -> None:
    old = write(tmp_path / "voxel-flow/2026-01-01/checkpoints/best.ckpt")
    new = write(tmp_path / "voxel-flow/2026-01-02_sweep/3/checkpoints/best.ckpt")
    write(tmp_path / "fashion/2026-01-03/checkpoints/best.ckpt", task="fashion")
    os.utime(old, (1, 1))
    os.utime(new, (2, 2))
    assert newest_checkpoint("voxel-flow", tmp_path) == new


def test_run_is_of_the_task_that_it_names(tmp_path: Path) -> None:
    for when, task in ((1, "voxel-flow"), (2, "fashion")):  # the folders say nothing of it
        path = write(tmp_path / f"mine/{when}/attributes/checkpoints/last.ckpt")
        (path.parent.parent / "config.yaml").write_text(f"seed: 0\ntask: {task}\n")
        os.utime(path, (when, when))
    found = tmp_path / "mine/1/attributes/checkpoints/last.ckpt"
    assert newest_checkpoint("voxel-flow", tmp_path, name="last.ckpt") == found
    elsewhere = write(tmp_path / "elsewhere/checkpoints/last.ckpt")
    folders = (tmp_path / "mine", tmp_path / "elsewhere")
    assert newest_checkpoint("voxel-flow", *folders, name="last.ckpt") == elsewhere
    without = tmp_path / "elsewhere"
    assert newest_checkpoint("voxel-flow", *folders, name="last.ckpt", without=without) == found


def test_no_run_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="train one with `make train TASK=voxel-flow`"):
        newest_checkpoint("voxel-flow", tmp_path)


def test_sources_of_first_weights_are_left_out_however_deep() -> None:
    trunk = {"name": "vgg16", "width": 4, "weights": "gone.pth"}
    network = {"name": "dpn", "pretrained": True, "trunk": trunk}
    kept = {"name": "vgg16", "width": 4, "weights": None}
    assert without_sources(network) == {"name": "dpn", "pretrained": False, "trunk": kept}
    assert network["pretrained"] is True and trunk["weights"] == "gone.pth"
