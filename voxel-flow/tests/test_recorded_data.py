from pathlib import Path

import pytest

from vision_shared.checkpoints import Checkpoint, CheckpointError
from vision_shared.inputs import InputError
from vision_shared.recorded_data import compose_config


def recorded(choice: str | None, **values: object) -> Checkpoint:
    return Checkpoint(Path("best.ckpt"), "voxel-flow", {}, {}, {"choice": choice, "values": values})


def test_recorded_values_stand_where_no_override_does() -> None:
    cfg, places = compose_config(
        recorded("video", crop_size=64, batch_size=3, folder="mine"), ["data.batch_size=5"]
    )
    assert (cfg.data.crop_size, cfg.data.batch_size, cfg.data.folder) == (64, 5, "mine")
    assert places == [Path("mine")]


def test_choice_has_to_be_one_of_the_packages_configs() -> None:
    with pytest.raises(CheckpointError, match="records the data nothing, this version has"):
        compose_config(recorded("nothing"), [])
    with pytest.raises(InputError, match="records no data"):
        compose_config(recorded(None), [])
    assert compose_config(recorded("nothing"), ["data=video"])[0].data.crop_size == 128


@pytest.mark.parametrize(
    "value", ["64", {"a": 1}, [64], 64.5, True], ids=["text", "dict", "list", "part", "bool"]
)
def test_values_of_another_kind_are_refused(value: object) -> None:
    with pytest.raises(CheckpointError, match=r"best\.ckpt: records data\.crop_size="):
        compose_config(recorded("sample", crop_size=value), [])


def test_checkpoint_does_not_say_where_this_machine_writes() -> None:
    cfg, _ = compose_config(recorded("sample", root="/somewhere", num_workers=500), [])
    assert cfg.data.root == "data" and cfg.data.num_workers == 2
