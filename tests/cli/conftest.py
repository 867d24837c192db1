"""What several tests of commands need."""

import pytest
import torch
import transformers


@pytest.fixture
def small(tmp_path):
    """A folder with a small model of images, of transformers."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.ViTConfig(image_size=16, patch_size=8, intermediate_size=32, **sizes)
    transformers.ViTModel(config).save_pretrained(tmp_path / "vit")
    processor = transformers.ViTImageProcessor(size={"height": 16, "width": 16})
    processor.save_pretrained(tmp_path / "vit")
    return f"transformers:{tmp_path / 'vit'}"
