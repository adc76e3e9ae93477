"""The card of a model: every data set of the configs has its terms."""

from importlib.resources import files

from fashion.model_card import TERMS


def test_terms_are_known_of_every_data_set_but_the_users_own() -> None:
    configs = {
        path.name.removesuffix(".yaml") for path in (files("fashion") / "conf/data").iterdir()
    }
    assert configs - set(TERMS) == {"folder"}
    assert set(TERMS) <= configs
