"""Which tables of attributes a test prints: what the data allows."""

from collections.abc import Mapping, Sequence

import torch

from face_attributes.data.datamodule import CelebaData, LfwaData, PeopleData
from face_attributes.data.face_data import CANVASES, FaceData
from face_attributes.data.names import CELEBA_ATTRIBUTES
from face_attributes.evaluation.answers import Answers
from face_attributes.evaluation.attributes import attributes_table, published_table, systems_table
from face_attributes.evaluation.published import DatasetName
from face_attributes.evaluation.subgroups import (
    contradiction_table,
    people_table,
    subgroup_table,
)
from vision_shared.tables import Table


def attribute_tables(
    systems: Mapping[str, Answers], names: Sequence[str], data: FaceData
) -> list[Table]:
    """Return all tables of attributes that a test has: means, each, published, groups.

    Args:
        systems: predictions of each system for the test's images, by name, ours first; all but the
            means
            are of ours.
        names: names of the attributes.
        data: data that was tested on; its validation split says what the majority is, its official
            test is what the paper's figures are of, and its groups divide recall and false alarms.
    """
    ours, rates = next(iter(systems.values())), data.positive_rates()
    tables = [attributes_table(ours, names, rates), systems_table(systems, rates)]
    dataset = published_dataset(data)
    if dataset is not None and set(names) & set(CELEBA_ATTRIBUTES):
        tables.append(published_table(ours, names, rates, dataset))
    tables += [subgroup_table(ours, names, group) for group in data.groups if group in names]
    if isinstance(data, PeopleData) and data.region != CANVASES:
        groups = data.groups_of_people("test").items()
        known = {name: torch.from_numpy(members[: len(ours.labels)]) for name, members in groups}
        tables.append(people_table(ours, names, known))
    contradictions = contradiction_table(ours, names)
    return tables if contradictions is None else [*tables, contradictions]


def published_dataset(data: FaceData) -> DatasetName | None:
    """Return whose published figures are of this data's test; None of any other data."""
    if isinstance(data, CelebaData):
        return "celeba"
    return "lfwa" if isinstance(data, LfwaData) else None
