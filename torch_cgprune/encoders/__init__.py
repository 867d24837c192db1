"""Networks and functions that turn the images of a dataset into features."""

from torch_cgprune.encoders.by_name import load
from torch_cgprune.encoders.encode import Encoded, encode_dataset
from torch_cgprune.encoders.encoder import IMAGENET, Encoder

__all__ = ["IMAGENET", "Encoded", "Encoder", "encode_dataset", "load"]
