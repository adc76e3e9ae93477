import json
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vision_shared.checkpoints import (
    ENTRY,
    CheckpointError,
    read_checkpoint,
    record,
    without_sources,
    write_checkpoint,
    write_weights,
)
from vision_shared.inputs import InputError
from vision_shared.newest_checkpoint import newest_checkpoint


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
    assert checkpoint.path == tmp_path / "best.ckpt"
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
    other = read_checkpoint(write(tmp_path / "other.ckpt", hyper_parameters={}))
    write_weights(tmp_path / "net.safetensors", other, overwrite=True)
    assert read_checkpoint(tmp_path / "net.safetensors").hyper_parameters == {}
    write_weights(tmp_path / "half.safetensors", original, half=True)
    half = read_checkpoint(tmp_path / "half.safetensors").state_dict["net.head.weight"]
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), original.state_dict["net.head.weight"].half().float())
    (tmp_path / "broken.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        read_checkpoint(tmp_path / "broken.safetensors")


def test_a_checkpoint_replaces_an_older_one_and_records_its_commit(tmp_path: Path) -> None:
    write(tmp_path / "best.ckpt", task="fashion")
    write(tmp_path / "best.ckpt")
    assert read_checkpoint(tmp_path / "best.ckpt").task == "voxel-flow"
    entry = {"format": 1, "task": "fashion", "data": {"choice": "cap"}, "commit": "abc"}
    assert record("fashion", data={"choice": "cap"}, commit="abc") == entry


def test_files_without_our_entry_are_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.ckpt")
    save_file({"w": torch.ones(1)}, tmp_path / "plain.safetensors")
    save_file({"w": torch.ones(1)}, tmp_path / "text.safetensors", metadata={ENTRY: '"text"'})
    for name in ("list.ckpt", "plain.safetensors", "text.safetensors"):
        with pytest.raises(CheckpointError, match=f"{name}: not a checkpoint of this project"):
            read_checkpoint(tmp_path / name)


def test_data_need_not_be_recorded(tmp_path: Path) -> None:
    content = {"hyper_parameters": {}, "state_dict": {}, ENTRY: {"format": 1, "task": "fashion"}}
    torch.save(content, tmp_path / "old.ckpt")
    assert read_checkpoint(tmp_path / "old.ckpt").data == {}


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
    os.utime(old, (3, 3))
    assert newest_checkpoint("voxel-flow", tmp_path) == old


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


def test_weights_of_any_memory_format_are_written(tmp_path: Path) -> None:
    original = read_checkpoint(write(tmp_path / "best.ckpt"))
    kernels = torch.rand(4, 3, 3, 3)
    kernels = kernels.to(memory_format=torch.channels_last)  # pyrefly: ignore[no-matching-overload]
    written = replace(original, state_dict={"net.head.weight": kernels})
    write_weights(tmp_path / "net.safetensors", written)
    read = read_checkpoint(tmp_path / "net.safetensors").state_dict["net.head.weight"]
    torch.testing.assert_close(read, kernels)


def test_sources_of_first_weights_are_left_out_however_deep() -> None:
    trunk = {"name": "vgg16", "width": 4, "weights": "gone.pth"}
    network = {"name": "dpn", "pretrained": True, "trunk": trunk}
    kept = {"name": "vgg16", "width": 4, "weights": None}
    assert without_sources(network) == {"name": "dpn", "pretrained": False, "trunk": kept}
    assert network["pretrained"] is True and trunk["weights"] == "gone.pth"


CALL = {"_target_": "os.mkdir", "path": "owned"}


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"choice": "sample", "values": {"root": CALL}}},
        {"data": {"choice": "sample", "values": {"sizes": [1, [CALL]]}}},
        {"data": {"choice": "sample", "values": CALL}},
        {"data": {"choice": "sample", "values": {"folder": "runs/${oc.env:SECRET}"}}},
        {"data": {"choice": "../../x", "values": {}}},
        {"data": {"choice": ["sample"], "values": {}}},
        {"data": {"choice": "sample", "values": [1]}},
        {"data": ["sample"]},
        {"hyper_parameters": {"network": {"name": "compact", "_recursive_": False}}},
        {"hyper_parameters": {"network": {"name": "${oc.env:SECRET}"}}},
        {"hyper_parameters": {"network": {1: "compact"}}},
        {"hyper_parameters": {"network": {"name": "a\0b"}}},
        {"hyper_parameters": {"rates": torch.ones(2)}},
        {"task": "voxel-flow\nsecond line"},
        {"task": 3},
        {"state_dict": {"net.weight": [1.0]}},
        {"state_dict": {"net.weight": torch.ones(2).to_sparse()}},
    ],
)
@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_records_that_are_not_plain_are_refused_in_one_line(
    tmp_path: Path, changes: dict, suffix: str
) -> None:
    path = tmp_path / f"evil{suffix}"
    (write_evil if suffix == ".ckpt" else write_evil_weights)(path, changes)
    with pytest.raises(CheckpointError, match=r"evil\.\w+: ") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def write_evil(path: Path, changes: dict) -> None:
    content = {"hyper_parameters": {}, "state_dict": {}, **changes}
    entry = {"format": 1, "task": "voxel-flow", "data": {}}
    torch.save({**content, ENTRY: {key: changes.get(key, entry[key]) for key in entry}}, path)


def write_evil_weights(path: Path, changes: dict) -> None:
    """Write the records as JSON; what JSON or the format has not is a nonsense of their kind."""
    entry = {"format": 1, "task": "voxel-flow", "data": {}, "hyper_parameters": {}, **changes}
    if entry.pop("state_dict", None) is not None:
        entry["format"] = "1"
    text = json.dumps(entry, default=lambda _: CALL).replace('{"1": ', '{"_1": ')
    save_file({"net.weight": torch.ones(2)}, path, metadata={ENTRY: text})


@pytest.mark.parametrize("entry", ["[" * 10_000 + "]" * 10_000, "[1", '{"format": 1}', "3"])
def test_metadata_that_is_no_record_is_refused(tmp_path: Path, entry: str) -> None:
    save_file({"w": torch.ones(1)}, tmp_path / "evil.safetensors", metadata={ENTRY: entry})
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(tmp_path / "evil.safetensors")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("version", [None, "1", 1.0, True, 0, -3, [1]])
def test_formats_that_are_no_number_are_refused(tmp_path: Path, version: object) -> None:
    torch.save({ENTRY: {"format": version, "task": "voxel-flow"}}, tmp_path / "evil.ckpt")
    with pytest.raises(CheckpointError, match="expected a number from 1 to 1"):
        read_checkpoint(tmp_path / "evil.ckpt")


@pytest.mark.parametrize("missing", ["task", "hyper_parameters", "state_dict"])
def test_missing_entries_are_named(tmp_path: Path, missing: str) -> None:
    content = {ENTRY: {"format": 1, "task": "voxel-flow"}, "hyper_parameters": {}, "state_dict": {}}
    (content if missing in content else content[ENTRY]).pop(missing)
    torch.save(content, tmp_path / "evil.ckpt")
    with pytest.raises(CheckpointError, match=rf"evil\.ckpt: .*{missing}"):
        read_checkpoint(tmp_path / "evil.ckpt")


def test_refused_pickle_does_not_advise_to_load_it_all_the_same(tmp_path: Path) -> None:
    torch.save({ENTRY: Malicious(tmp_path)}, tmp_path / "evil.ckpt")
    with pytest.raises(CheckpointError, match="never loaded") as caught:
        read_checkpoint(tmp_path / "evil.ckpt")
    assert "weights_only" not in str(caught.value) and "\n" not in str(caught.value)


def test_archive_that_unpacks_to_more_than_it_is_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "bomb.ckpt")
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with pytest.raises(CheckpointError, match="compressed"):
        read_checkpoint(path)


def test_first_weights_are_never_fetched_for_a_checkpoint(tmp_path: Path) -> None:
    network = {"name": "vgg16", "trunk": {"pretrained": True, "weights": "file.pth"}}
    path = write(tmp_path / "best.ckpt", hyper_parameters={"network": network})
    trunk = read_checkpoint(path).hyper_parameters["network"]["trunk"]
    assert trunk == {"pretrained": False, "weights": None}
