"""Where tests that take a device run."""

import torch

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
