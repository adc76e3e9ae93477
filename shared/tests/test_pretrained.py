"""Networks that start from weights: by name, in order, or not at all."""

import time
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from vision_shared import pretrained
from vision_shared.inputs import InputError
from vision_shared.pretrained import create_network

MODEL = "resnet10t"


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    state = timm.create_model(MODEL).state_dict()
    return {name: torch.rand_like(v) if v.is_floating_point() else v for name, v in state.items()}


def same(network: torch.nn.Module, weights: dict[str, torch.Tensor]) -> bool:
    state = network.state_dict()
    return all(torch.equal(state[n], v) for n, v in weights.items() if n in state and "fc" not in n)


def test_weights_are_taken_by_name_for_features_and_other_classes(
    tmp_path: Path, weights: dict[str, torch.Tensor]
) -> None:
    save_file(weights, tmp_path / "net.safetensors")
    path = str(tmp_path / "net.safetensors")
    assert same(create_network(MODEL, path, num_classes=3), weights)
    assert same(create_network(MODEL, path, features_only=True), weights)


def test_weights_of_other_names_are_taken_in_order(
    tmp_path: Path, weights: dict[str, torch.Tensor]
) -> None:
    counted = [value for name, value in weights.items() if "num_batches" not in name]
    torch.save({f"layer{i}": value for i, value in enumerate(counted)}, tmp_path / "net.pth")
    assert same(create_network(MODEL, str(tmp_path / "net.pth")), weights)


def test_an_installed_package_stands_in_for_the_hub(
    tmp_path: Path, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights_of_ours").mkdir()
    (tmp_path / "weights_of_ours/__init__.py").touch()
    torch.save(weights, tmp_path / "weights_of_ours/net.pth")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(pretrained.PACKAGES, MODEL, "weights-of-ours")
    assert same(create_network(MODEL, True), weights)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such"),
        ({"a": torch.zeros(2)}, "expected the"),
        ({"a": 3}, "expected tensors by name"),
    ],
)
def test_weights_that_do_not_fit_are_one_line(tmp_path: Path, content: object, said: str) -> None:
    path = tmp_path / "net.pth"
    if content is not None:
        torch.save(content, path)
    with pytest.raises(InputError, match=said) as caught:
        create_network(MODEL, str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_cache_of_the_hub_is_used_and_without_it_the_answer_comes_at_once(
    tmp_path: Path, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # where no one answers
    start = time.monotonic()
    with pytest.raises(InputError, match=r"pretrained=FILE.*pretrained=false"):
        create_network(MODEL, True)
    assert time.monotonic() - start < pretrained._PATIENCE + 5  # the hub's retries take 31 s

    config = timm.get_pretrained_cfg(MODEL)
    assert config is not None and config.hf_hub_id is not None
    repo = tmp_path / f"models--{config.hf_hub_id.replace('/', '--')}"
    (repo / "snapshots/0a").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text("0a")
    save_file(weights, repo / "snapshots/0a/model.safetensors")
    assert same(create_network(MODEL, True), weights)
