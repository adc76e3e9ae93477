"""Machines of an ANet whose layers rest: fitted to training, calibrated on validation."""

import torch
from torch import Tensor

from face_attributes.machine_fitting import MachineFitting
from face_attributes.models import ANet


def batch(number: int, seed: int) -> dict[str, Tensor]:
    """Noise; the first attribute is there in bright images, the second in half of them."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(number, 3, 63, 55, generator=generator)
    is_bright = torch.arange(number) % 3 == 0
    images[is_bright] = images[is_bright] / 2 + 0.5
    by_chance = torch.randint(0, 2, (number,), generator=generator) * 2 - 1
    labels = torch.stack([torch.where(is_bright, 1, -1), by_chance], 1)
    return {"image": images, "attributes": labels.to(torch.int8)}


def test_machines_are_fitted_and_calibrated_and_the_layers_rest() -> None:
    torch.manual_seed(0)
    anet = ANet(2, width=6, view=(63, 55), classifier="svm")
    before = {name: value.clone() for name, value in anet.named_parameters()}
    fitting = MachineFitting()
    for seed in (0, 1):
        fitting.add(anet, batch(30, seed))
    fitting.fit(anet)
    with torch.inference_mode():  # as Lightning validates
        fitting.add_validation(anet, batch(60, 2))
        answers = fitting.calibrate(anet)
    said, labels = answers.probabilities, answers.labels
    assert ((said[:, 0] > 0.5) == (labels[:, 0] > 0)).float().mean() > 0.95
    assert abs(float(said[:, 1].mean()) - float((labels[:, 1] > 0).float().mean())) < 0.02
    assert (said[:, 1] - 0.5).abs().mean() < 0.2  # nothing tells it, and so they say
    assert all(torch.equal(before[name], value) for name, value in anet.named_parameters())
    test = batch(30, 3)
    with torch.no_grad():
        right = (anet(test["image"]).logits[:, 0] > 0) == (test["attributes"][:, 0] > 0)
    assert right.float().mean() > 0.9
