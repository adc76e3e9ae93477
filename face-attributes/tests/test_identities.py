"""Whether features tell people apart."""

import math

import pytest
import torch

from face_attributes.evaluation.identities import identities_table, same_person_auc


def test_same_person_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    features = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)).round()  # with ties
    identities = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, -1, 3, 3, -1])
    pairs = [(i, j) for i in range(12) for j in range(i) if min(identities[i], identities[j]) >= 0]
    apart = {(i, j): float((features[i] - features[j]).norm()) for i, j in pairs}
    same = [d for (i, j), d in apart.items() if identities[i] == identities[j]]
    other = [d for (i, j), d in apart.items() if identities[i] != identities[j]]
    wins = [(near < far) + 0.5 * (near == far) for near in same for far in other]
    expected = sum(wins) / len(wins)
    assert same_person_auc(features, identities) == pytest.approx(expected, abs=1e-6)


def test_same_person_needs_pairs_of_both_kinds() -> None:
    assert math.isnan(same_person_auc(torch.eye(3), torch.tensor([0, 0, 0])))
    assert math.isnan(same_person_auc(torch.eye(3), torch.tensor([0, 1, 2])))


def test_identities_table_counts_who_is_known() -> None:
    features = torch.tensor([[0.0], [0.1], [5.0], [5.1], [9.0]])
    table = identities_table({"ours": features}, torch.tensor([0, 0, 1, 1, -1]))
    assert table.rows == [["ours", "1.000"]]
    assert "5 images of 2 people" in table.note
