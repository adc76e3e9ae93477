"""Networks of faces rebuilt from the plain hyper-parameters of their checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from face_attributes.data.found import name_of
from face_attributes.localize import Localizer, PyramidSearch
from face_attributes.models import ANet, LNet, LNetsANet, TagMaps, build_network
from face_attributes.tagger import SURROUNDINGS, Tagger
from vision_shared.checkpoints import (
    Checkpoint,
    CheckpointError,
    fits_version,
)
from vision_shared.prediction import rebuild_network


def rebuild(checkpoint: Checkpoint) -> Any:
    """Return the network of a checkpoint, see `face_attributes.models.build_network`.

    Raises:
        CheckpointError: it does not fit this version.
    """
    return rebuild_network(checkpoint, build)


def learner(checkpoint: Checkpoint, network: Any) -> Any:
    """Return the part of a checkpoint's network that its run has trained; else the network."""
    part = checkpoint.hyper_parameters.get("part")
    return network if part is None else getattr(network, part)


def build(hyper_parameters: Mapping[str, Any]) -> nn.Module:
    """Return a network with new weights, from the settings that a checkpoint records."""
    settings: dict[str, Any] = {**hyper_parameters["network"]}
    settings["num_outputs"] = len(hyper_parameters["attributes"])
    if hyper_parameters.get("num_identities") is not None:
        settings["num_identities"] = hyper_parameters["num_identities"]
    return build_network(**settings)


def localizer_of(
    checkpoint: Checkpoint,
) -> tuple[Callable[[Sequence[Tensor]], Tensor], str]:
    """Return what `face_attributes.data.face_data.FaceData.show_found` takes.

    The name is the one under which the run that wrote the checkpoint keeps what it found.

    Raises:
        CheckpointError: of an ANet alone, which finds nothing.
    """
    network = rebuild(checkpoint)
    if isinstance(network, ANet):
        raise CheckpointError(
            f"{checkpoint.path}: an ANet, which finds no faces; choose data.region=box or whole"
        )
    finder = make_localizer(checkpoint, network.eval())
    finder.threshold = -torch.inf
    if checkpoint.hyper_parameters["part"] == "lnet_s":  # it learned from what LNet_o finds
        finder.lnet_s = None
    used = [net for net in (finder.lnet_o, finder.lnet_s) if net is not None]
    tensors = [tensor for net in used for tensor in net.state_dict().values()]
    name = name_of(*tensors, repr(checkpoint.hyper_parameters["localizer"]))
    return finder.best_boxes, name


def data_of(*checkpoints: Checkpoint) -> list[str]:
    """Return the names of the data sets that checkpoints were trained on, each once."""
    choices = [checkpoint.data.get("choice") for checkpoint in checkpoints]
    return sorted({choice for choice in choices if choice is not None})


def make_localizer(checkpoint: Checkpoint, network: Any) -> Localizer | PyramidSearch:
    """Return the search with LNet_o and, where it has learned, LNet_s."""
    lnet_o, lnet_s = network, None
    if isinstance(network, LNetsANet):
        lnet_o = network.lnet_o
        lnet_s = None if checkpoint.hyper_parameters["part"] == "lnet_o" else network.lnet_s
    search: dict[str, Any] = {**checkpoint.hyper_parameters["localizer"]}
    if isinstance(lnet_o, TagMaps):
        return PyramidSearch(lnet_o, lnet_s=lnet_s, **search)
    search["image_side"] = search.get("image_side") or min(_lnet_size(checkpoint, lnet_o))
    return Localizer(lnet_o, lnet_s, float(lnet_o.threshold), **search)


def make_tagger(checkpoint: Checkpoint, network: Any) -> Tagger | None:
    """Return what has learned last: ANet, or LNet where there is none; None for a `TagMaps`."""
    settings, values = checkpoint.hyper_parameters, checkpoint.data.get("values", {})
    if settings.get("num_identities") is not None:
        raise CheckpointError(
            f"{checkpoint.path}: learned who people are, not their attributes; expected a "
            "checkpoint of a later step"
        )
    with fits_version(checkpoint.path):
        net, names = learner(checkpoint, network), settings["attributes"]
        if isinstance(net, TagMaps):
            return None
        size = net.view if isinstance(net, ANet) else _lnet_size(checkpoint, net)
        if isinstance(net, LNet) and values.get("region", "whole") == "whole":
            return Tagger(net, names, size, SURROUNDINGS, "whole")
        reliable = checkpoint.data.get("reliable")
        return Tagger(net, names, size, float(values.get("context", 1.0)), "box", reliable)


def _lnet_size(checkpoint: Checkpoint, lnet: LNet) -> tuple[int, int]:
    """Return the height and width of what an LNet was tested on."""
    values, side = checkpoint.data.get("values", {}), lnet.trunk.input_size
    height, width = values.get("eval_size") or values.get("size") or (side, side)
    return height, width
