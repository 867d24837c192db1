"""What several tests of commands need."""

import pytest
import tiny_images


@pytest.fixture
def small(tmp_path):
    """A small model of images, of transformers."""
    return tiny_images.saved_in(tmp_path / "vit")
