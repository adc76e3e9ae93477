"""One network of Deep Fashion Alignment: landmarks, or what to change of the previous ones."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fashion.models.fashionnet import landmark_head
from fashion.models.recognition import NUM_LANDMARKS, NUM_STATES
from fashion.models.trunk import FullyConnected, Trunk, conv_bn_relu, fc, start_fc
from vision_shared.layers import Normalise, sample_bilinear


class Answer(NamedTuple):
    """What one network of a stage says.

    Attributes:
        change: (B, 8, 2): in the first stage the landmarks themselves, fractions; in later ones
            what to take off the previous landmarks, in fractions times the cascade's scale.
        state_logits: (B, 8, 3), as `fashion.models.Recognition`'s.
        label_logits: (B, k), of the pseudo-labels; None where there are none.
    """

    change: Tensor
    state_logits: Tensor
    label_logits: Tensor | None


class AlignmentStage(nn.Module):
    """A trunk and two full connections, the second of which also sees the previous landmarks.

    Args:
        trunk: trunk with one branch.
        num_labels: k.
        is_first: there are no previous landmarks.
        width: width of the two full connections; all defaults of widths are the released nets'.
        previous_width: width of what the previous landmarks are made to.
        local_patch: pixels a side of patches around the previous landmarks, which are seen too: our
            extension; 0, as released, has none.
        shrink: the trunk sees the image averaged over this many pixels a side, the patches see it
            as it is.
        dropout: dropout of the full connections.
    """

    def __init__(
        self,
        trunk: Trunk,
        num_labels: int,
        is_first: bool,
        width: int = 4096,
        previous_width: int = 512,
        local_patch: int = 0,
        shrink: int = 1,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.AvgPool2d(shrink) if shrink > 1 else nn.Identity(), trunk.shared, *trunk.branches
        )
        self.fc6 = FullyConnected(trunk.branch_channels, trunk.grid, width, dropout)
        self.previous = None if is_first else fc(2 * NUM_LANDMARKS, previous_width, 0)
        self.patches = LocalPatches(local_patch) if local_patch and not is_first else None
        inputs = width if is_first else width + previous_width
        if self.patches is not None:
            inputs += NUM_LANDMARKS * self.patches.channels
        self.fc7 = fc(inputs, width, dropout)
        start_fc((self.fc6, self.fc7), trunk.fc)
        self.change = landmark_head(width, 0.5 if is_first else 0.0)
        self.states = nn.Linear(width, NUM_LANDMARKS * NUM_STATES)
        self.labels = nn.Linear(width, num_labels) if num_labels else None

    def forward(self, image: Tensor, previous: Tensor | None = None) -> Answer:
        """(B, 3, H, W), RGB in [0, 1], and in later stages (B, 8, 2), fractions -> Answer."""
        parts = [self.fc6(self.features(image))]
        if self.previous is not None:
            assert previous is not None
            parts.append(self.previous(previous.flatten(1) - 0.5))
            if self.patches is not None:
                parts.append(self.patches(image, previous))
        x = self.fc7(torch.cat(parts, 1))
        return Answer(
            self.change(x).view(-1, NUM_LANDMARKS, 2),
            self.states(x).view(-1, NUM_LANDMARKS, NUM_STATES),
            None if self.labels is None else self.labels(x),
        )

    @torch.no_grad()
    def start_from(self, other: "AlignmentStage") -> None:
        """Take the weights of a stage that is trained: what it sees, and of whom it speaks.

        What the two do not share is reinitialised: landmarks or changes, pseudo-labels, and the
        inputs of fc7 besides fc6, which start at a tenth of their size and disturb nothing.
        """
        for name in ("features", "fc6", "states"):
            getattr(self, name).load_state_dict(getattr(other, name).state_dict())
        mine, theirs = self.fc7[0], other.fc7[0]
        assert isinstance(mine, nn.Linear) and isinstance(theirs, nn.Linear)
        seen = self.fc6.layers[0].out_features
        mine.weight[:, :seen] = theirs.weight[:, :seen]
        mine.weight[:, seen:] *= 0.1
        mine.bias.copy_(theirs.bias)


class LocalPatches(nn.Module):
    """Describes the image around each landmark, pixel by pixel.

    Args:
        size: pixels a side of a patch, with the landmark in its middle.
        channels: channels of a patch's description.
    """

    def __init__(self, size: int, channels: int = 32) -> None:
        super().__init__()
        self.size, self.channels = size, channels
        self.layers = nn.Sequential(
            Normalise(),
            conv_bn_relu(3, 16, stride=2),
            conv_bn_relu(16, 32, stride=2),
            FullyConnected(32, 4, channels, 0),
        )

    def forward(self, image: Tensor, landmarks: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1], (B, K, 2), fractions -> (B, K * channels)."""
        batch, number = landmarks.shape[:2]
        steps = torch.arange(self.size, device=image.device) - (self.size - 1) / 2
        down, right = torch.meshgrid(steps, steps, indexing="ij")
        extent = landmarks.new_tensor([image.shape[3], image.shape[2]])
        centres = (landmarks * extent - 0.5)[:, :, None, None]
        points = centres + torch.stack([right, down], -1)  # (B, K, size, size, 2), pixels
        patches = sample_bilinear(image, points.flatten(1, 2))  # (B, 3, K * size, size)
        patches = patches.unflatten(2, (number, self.size)).transpose(1, 2).flatten(0, 1)
        return self.layers(patches).view(batch, -1)
