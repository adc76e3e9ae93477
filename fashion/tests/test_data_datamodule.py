"""Datamodules: batches, their order, splits and roles, and what they answer to bad data."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fashion.data.datamodule import FashionData, PeopleData
from fashion.data.garments import Garments, Vocabulary, unknown_columns
from fashion.data.labels import Labels
from fashion.data.people.garments import PEOPLE_ATTRIBUTES, PEOPLE_TYPES
from fashion.data.retrieval_splits import renumbered, with_roles, with_validation
from fashion.data.taxonomy import (
    CATEGORIES,
    CONSUMER,
    GALLERY,
    LOWER,
    QUERY,
    SHOP,
    TYPES,
    UNKNOWN,
    UPPER,
)
from vision_shared.inputs import InputError
from vision_shared.testing import are_equal, epochs, expect_epochs_to_repeat


def arguments(folder: Path, **changes: Any) -> dict[str, Any]:
    common: dict[str, Any] = {
        "root": str(folder.parent.parent),
        "folder": str(folder),
        "attributes": None,
        "region": "box",
        "context": 1.1,
        "size": [32, 24],
        "scale": [0.9, 1.1],
        "shift": 0.05,
        "jitter": 0.1,
        "num_train": None,
        "batch_size": 8,
        "eval_batch_size": 16,
        "epoch_size": None,
        "images_per_item": None,
        "num_workers": 0,
        "seed": 0,
    }
    return common | changes


@pytest.fixture
def make(rendered: Path, render: dict[str, Any], tmp_path: Path) -> Any:
    """Makes a datamodule of the rendered people, or of one of their benchmarks."""

    def made(benchmark: str = "people", **changes: Any) -> FashionData:
        if benchmark == "people":
            common = arguments(rendered, root=str(tmp_path), **changes)
            return PeopleData(render=render, **common)
        common = arguments(rendered / benchmark, root=str(tmp_path), **changes)
        return FashionData(benchmark=benchmark, **common)

    return made


def prepared(data: FashionData, stage: str = "fit") -> Any:
    data.prepare_data()
    data.setup(stage)
    return data


def table(splits: list[int], items: list[int], domains: list[int] | None = None) -> Garments:
    columns = unknown_columns(len(splits))
    columns.splits[:], columns.items[:] = splits, items
    if domains is not None:
        columns.domains[:] = domains
    names = np.array([f"{i}.jpg".encode() for i in range(len(splits))])
    return Garments(Path("p"), names, columns, Labels.unknown(len(splits)), Vocabulary(), Path("p"))


def test_facts_are_known_before_anything_is_rendered(
    tmp_path: Path, render: dict[str, Any]
) -> None:
    data = PeopleData(render=render, **arguments(tmp_path / "absent"))
    assert data.facts == {
        "categories": list(CATEGORIES),
        "attributes": list(PEOPLE_ATTRIBUTES),
        "attribute_types": list(PEOPLE_TYPES),
        "type_names": ["texture", "fabric", "shape", "part", "style"],
    }


def test_facts_are_those_of_the_data(make: Any) -> None:
    data = prepared(make())
    words = data.garments.vocabulary
    assert data.facts["attributes"] == list(words.attributes)
    assert data.facts["categories"] == list(words.categories)
    assert data.facts["attribute_types"] == list(words.attribute_types)
    assert data.facts["type_names"] == list(words.type_names)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # DataLoader, Python 3.12+
@pytest.mark.parametrize("images_per_item", [None, 2])
def test_epochs_repeat_whatever_the_workers_and_after_a_resume(
    make: Any, images_per_item: int | None
) -> None:
    def load(**changes: Any) -> FashionData:
        return prepared(make(images_per_item=images_per_item, **changes))

    expect_epochs_to_repeat(load)


def test_item_batches_hold_k_pictures_of_items_below_the_number_of_items(make: Any) -> None:
    data = prepared(make(images_per_item=4))
    assert data.num_items == 4
    for batch in epochs(data, 0):
        items, counts = batch["item"].unique(return_counts=True)
        assert counts.tolist() == [4, 4] and int(items.max()) < 4


def test_evaluation_sees_a_part_in_order(make: Any) -> None:
    data = prepared(make())
    batches = list(data.val_dataloader())
    index = torch.cat([batch["index"] for batch in batches])
    assert index.tolist() == list(range(len(data.of_split("val"))))
    items = torch.cat([batch["item"] for batch in batches])
    assert int(items[items != UNKNOWN].min()) >= data.num_items
    assert are_equal(batches, list(prepared(make()).val_dataloader()))


def test_validation_and_test_have_queries_and_answers(make: Any) -> None:
    data = make()
    for split in ("val", "test"):
        columns = data.of_split(split).columns
        assert ((columns.roles != UNKNOWN) == (columns.items != UNKNOWN)).all()
        for in_shop in (True, False):
            chosen = columns.take((columns.series != UNKNOWN) == in_shop)
            queries = chosen.items[chosen.roles == QUERY]
            assert len(queries) and np.isin(queries, chosen.items[chosen.roles == GALLERY]).all()
    assert (data.of_split("train").columns.roles == UNKNOWN).all()


def test_inshop_holds_out_whole_items_to_validate(make: Any) -> None:
    data = make("inshop")
    train, val = data.of_split("train").columns, data.of_split("val").columns
    assert len(np.unique(val.items)) == 1 and not set(train.items) & set(val.items)
    assert {QUERY, GALLERY} == set(val.roles.tolist())
    assert set(train.items.tolist()) == set(range(data.num_items))


def test_gallery_of_consumer_to_shop_is_that_of_val_and_test(make: Any) -> None:
    data = make("consumer2shop")
    test, val = data.of_split("test").columns, data.of_split("val").columns
    assert (test.roles == GALLERY).sum() == 4 and (val.roles == GALLERY).sum() == 2
    assert len(np.unique(test.items[test.roles == QUERY])) == 2


def test_positive_rates_are_those_of_training(make: Any) -> None:
    data = make("cap")
    labels = data.of_split("train").labels[:]
    assert np.allclose(data.positive_rates(), (labels > 0).mean(0))


def test_types_of_categories_are_those_of_training(make: Any) -> None:
    types = make().category_types()
    assert len(types) == len(CATEGORIES) and {UNKNOWN, 0, 1} <= set(types)
    assert {types[CATEGORIES.index(name)] for name in UPPER} <= {UNKNOWN, 0}
    assert {types[CATEGORIES.index(name)] for name in LOWER} <= {UNKNOWN, 1}


def test_garments_of_one_type_alone(make: Any) -> None:
    number = int(make("cap").of_split("train").columns.types[0])
    data = make("cap", kind=TYPES[number])
    assert set(data.garments.columns.types) == {number} and len(data.of_split("train"))
    with pytest.raises(InputError, match=r"data\.kind to be one of upper, lower, full, got 'hat'"):
        make("cap", kind="hat")


def test_attributes_are_chosen_by_name_in_the_order_asked_for(make: Any) -> None:
    chosen = ["denim", "striped"]
    data = make(attributes=chosen)
    assert data.facts["attributes"] == chosen and data.facts["attribute_types"] == [1, 0]
    columns = [PEOPLE_ATTRIBUTES.index(name) for name in chosen]
    assert np.array_equal(data.garments.labels[:], make().garments.labels[:][:, columns])
    with pytest.raises(InputError, match=r"data\.attributes to be one of .*, got 'tweed'"):
        _ = make("cap", attributes=["tweed"]).garments


def test_items_that_train_are_numbered_first() -> None:
    garments = renumbered(table([2, 0, 1, 0, 0], [9, 7, 3, 2, UNKNOWN]))
    assert garments.columns.items.tolist() == [3, 1, 2, 0, UNKNOWN]


def test_roles_follow_from_domains_else_the_first_picture_asks() -> None:
    items = [0, 0, 1, 1, 1, 2, 3, UNKNOWN]
    domains = [CONSUMER, SHOP, SHOP, SHOP, SHOP, SHOP, CONSUMER, SHOP]
    roles = with_roles(table([1] * 8, items, domains)).columns.roles
    lonely = UNKNOWN  # nothing answers items 2 and 3
    assert roles.tolist() == [QUERY, GALLERY, QUERY, GALLERY, GALLERY, lonely, lonely, UNKNOWN]
    assert (with_roles(table([0] * 8, items, domains)).columns.roles == UNKNOWN).all()


def test_nothing_is_held_out_of_data_with_a_val() -> None:
    garments = table([0] * 30 + [1], list(range(31)))
    assert with_validation(garments) is garments
    held = with_validation(garments.take(np.arange(30))).columns.splits
    assert (held == 1).sum() == 2


def test_own_folder_tests_on_its_validation_split(rendered: Path, tmp_path: Path) -> None:
    folder = rendered / "img" / "WOMEN"
    common = arguments(folder, root=str(tmp_path), region="whole")
    data = prepared(FashionData(benchmark="folder", **common), "test")
    assert len(data.test_set) == len(data.of_split("val")) > 0
    batch = next(iter(data.test_dataloader()))
    assert batch["attributes"].shape[1] == 0 and batch["box"].isnan().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"benchmark": "mnist"}, r"data\.benchmark to be one of cap, .*got 'mnist'"),
        ({"region": "face"}, r"data\.region"),
        ({"size": [24]}, r"data\.size"),
        ({"images_per_item": 3}, r"data\.images_per_item"),
        ({"images_per_item": 2, "epoch_size": 10}, r"data\.epoch_size"),
        ({"images_per_item": 4, "batch_size": 20}, r"lower data\.batch_size"),
        ({"batch_size": 30}, r"data\.batch_size=30"),
        ({"num_train": 0}, r"data\.num_train"),
    ],
)
def test_impossible_choice_names_its_key(make: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepared(make(**{"benchmark": "cap", **changes})).train_dataloader()


def test_missing_data_says_where_to_get_it(tmp_path: Path) -> None:
    data = FashionData(benchmark="inshop", **arguments(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match=r"get DeepFashion's In-shop .* at https://"):
        data.setup("fit")


def test_what_a_folder_lacks_is_said_before_training(tmp_path: Path) -> None:
    def setup() -> None:
        FashionData(**arguments(tmp_path, benchmark="folder", epoch_size=4)).setup("fit")

    for number in range(4):
        Image.new("RGB", (9, 9)).save(tmp_path / f"{number}.jpg")
    with pytest.raises(InputError, match="no item, category, attribute, landmark or box"):
        setup()
    rows = ["0.jpg,a,train", "1.jpg,a,train", "2.jpg,b,val", "gone.jpg,c,test"]
    (tmp_path / "items.csv").write_text("\n".join(["image,item,part", *rows]))
    with pytest.raises(InputError, match=r"gone\.jpg: no such image, but .*csv:5 lists it"):
        setup()
    (tmp_path / "items.csv").write_text("\n".join(["image,item,part", *rows[:2]]))
    with pytest.raises(InputError, match=r"items\.csv: no image of the split val"):
        setup()


def test_truncated_images_are_skipped_where_that_is_asked_for(
    rendered: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(rendered / "img" / "WOMEN", tmp_path / "own" / "images"))
    common = arguments(folder, region="whole", batch_size=2)

    def load(**changes: Any) -> FashionData:
        return prepared(FashionData(benchmark="folder", **common | changes))

    whole = load()
    truncated = [data.garments.names[0].decode() for data in (whole.train_set, whole.val_set)]
    for name in truncated:
        (folder / name).write_bytes((folder / name).read_bytes()[:300])
    with pytest.raises(InputError, match=truncated[0]):
        load()
    expect_epochs_to_repeat(lambda **changes: load(on_fault="skip", **changes))
    skipping = load(on_fault="skip")
    evaluated = torch.cat([batch["index"] for batch in skipping.val_dataloader()]).tolist()
    assert evaluated == list(range(1, len(whole.val_set)))
    named = [message for message in caplog.messages if "left out" in message]
    assert truncated[0] in named[0] and truncated[1] in named[-1]
