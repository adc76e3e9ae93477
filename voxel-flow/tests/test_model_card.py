"""The card of a model: every data set of the configs has its terms."""

from importlib.resources import files

from voxel_flow.model_card import TERMS


def test_terms_are_known_of_every_data_set_but_the_users_own() -> None:
    configs = {
        path.name.removesuffix(".yaml") for path in (files("voxel_flow") / "conf/data").iterdir()
    }
    assert configs - set(TERMS) == {"middlebury", "video"}  # only tested on; of the user
    assert set(TERMS) <= configs
