import pytest
import torch

from vision_shared.layers import Normalise

MEAN, STD = (0.5, 0.25, 0.0), (0.5, 2.0, 1.0)


def test_every_channel_has_its_own_statistics() -> None:
    image = torch.tensor([1.0, 0.75, 0.5])[None, :, None, None].expand(2, 3, 4, 5)
    expected = torch.tensor([1.0, 0.25, 0.5])[None, :, None, None].expand(2, 3, 4, 5)
    torch.testing.assert_close(Normalise(MEAN, STD)(image), expected)


def test_statistics_are_imagenet_s_unless_said() -> None:
    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[None, :, None, None]
    torch.testing.assert_close(Normalise()(mean + std), torch.ones(1, 3, 1, 1))


def test_state_is_empty() -> None:
    assert not Normalise().state_dict()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_type_of_the_image_is_kept(dtype: torch.dtype) -> None:
    assert Normalise()(torch.rand(1, 3, 2, 2, dtype=dtype)).dtype == dtype
