"""Data in shards and streams: lists of what is kept, and streams that have nothing else."""

from torch_cgprune.streams.encode import encode_stream
from torch_cgprune.streams.keep import KeepList
from torch_cgprune.streams.pruned import PrunedStream
from torch_cgprune.streams.shards import Shards

__all__ = ["KeepList", "PrunedStream", "Shards", "encode_stream"]
