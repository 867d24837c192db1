"""The scores and selections that the paper compares with (App. D.3, F), one module each.

A score is (n,) float32, high for hard or valuable examples, as ``PrunedSampler`` takes it.
"""
