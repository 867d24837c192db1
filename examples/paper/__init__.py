"""The paper, regenerated: its networks, its training and the methods it compares with."""
