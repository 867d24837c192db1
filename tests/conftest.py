import pytest
import torch
from hypothesis import settings

# A busy machine must not fail a property.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)
