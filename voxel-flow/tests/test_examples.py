"""The examples of the docstrings: they give what they say."""

import pytest

from vision_shared.testing import check_examples, modules_with_examples


@pytest.mark.parametrize("module", modules_with_examples("voxel_flow"))
def test_examples_give_what_they_say(module: str) -> None:
    check_examples(module)
