"""A small network of texts, saved as transformers saves one: with weights drawn at random."""

import torch
import transformers

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", "good", "bad", "film"]
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL |= {"intermediate_size": 32}


def write_texts(folder, kind="Bert", head="Model", **options):
    """Save a model and its tokenizer in a folder; return the model."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(VOCABULARY), max_position_embeddings=20, **SMALL, **options
    )
    model = getattr(transformers, f"{kind}{head}")(config)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    transformers.BertTokenizerFast.from_pretrained(folder).save_pretrained(folder)
    return model.eval()
