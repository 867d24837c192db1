"""A small model of images, of transformers, as the commands and tests load one."""

import torch
import transformers


def saved_in(folder):
    """Write the model; return what names it as an encoder."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.ViTConfig(image_size=16, patch_size=8, intermediate_size=32, **sizes)
    transformers.ViTModel(config).save_pretrained(folder)
    processor = transformers.ViTImageProcessor(size={"height": 16, "width": 16})
    processor.save_pretrained(folder)
    return f"transformers:{folder}"
