"""The report's page as a file: what is in it, and how large it gets."""

import base64
import io
import json
import re
import threading
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset
from torchvision import transforms
from torchvision.datasets import FakeData

from torch_cgprune import CGScoredDataset, PrunedSampler, cg_scores
from torch_cgprune.noise import evidence
from torch_cgprune.report import write_report
from torch_cgprune.report.copies import copies
from torch_cgprune.report.page import page_of
from torch_cgprune.report.pictures import Pictures, as_image

WITHOUT_END = {"br", "img", "input", "link", "meta"}


class Page(HTMLParser):
    """Tags, their nesting and their texts."""

    def __init__(self, path):
        super().__init__()
        self.stack, self.tags, self.texts = [], [], []
        self.content = Path(path).read_text(encoding="utf-8")
        self.feed(self.content)
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in WITHOUT_END:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, text):
        if self.stack and self.stack[-1] not in ("script", "style"):
            self.texts.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    @property
    def data(self):
        return json.loads(re.search(r'id="data">(.*?)</script>', self.content, re.DOTALL)[1])


@pytest.fixture
def images():
    return FakeData(60, (3, 8, 8), 3, transform=transforms.RandomHorizontalFlip())


def scores_of(n=60, k=3, d=6, **options):
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(0))
    return cg_scores(x, torch.arange(n) % k, progress=False, **options)


def written(tmp_path, scores, *arguments, **options):
    write_report(scores, tmp_path / "r.html", *arguments, **options)
    return Page(tmp_path / "r.html")


def test_nothing_in_it_points_outside(images, tmp_path):
    train = CGScoredDataset(images, progress=False)
    page = written(tmp_path, train.scores, train)
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "action", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, value)
    styles = re.findall(r"url\(([^)]*)\)|@import", page.content)
    assert all(url.startswith("#") for url in styles)
    policy = dict(tag for tag in page.tags if tag[0] == "meta" and "http-equiv" in tag[1])["meta"]
    assert "default-src 'none'" in policy["content"]


def test_the_suspects_are_those_of_the_rule_in_order(tmp_path):
    scores = scores_of(ridge=0.1)
    for rule in (None, "centred-sign", "margin", "partial-sign", "confident"):
        page = written(tmp_path, scores, rule=rule)
        found = evidence(scores, rule)
        wrong = scores.wrong_probability
        order = sorted(range(60), key=lambda i: (-float(wrong[i]), -float(found[i])))
        wanted = torch.tensor([i for i in order if found[i] > 0], dtype=torch.int64)
        assert len(wanted) > 10 or rule is None
        rows = page.data["suspects"]
        assert [row[0] for row in rows] == wanted.tolist()
        assert [row[1] for row in rows] == scores.labels[wanted].tolist()
        assert [row[2] for row in rows] == scores.alternatives("the test")[wanted].tolist()
        assert [row[3] for row in rows] == pytest.approx(wrong[wanted].tolist(), rel=1e-3)
        assert [row[4] for row in rows] == pytest.approx(scores.values[wanted].tolist(), rel=1e-3)
        assert (rule or "posterior") in page.text
        assert "Partial score" not in page.text.partition("Labels that look wrong")[2]


def test_pictures_are_of_the_examples_they_stand_beside(tmp_path):
    """Images of one grey each: the picture tells which one it is."""
    n = 40
    greys = (torch.arange(n) * 6).to(torch.uint8)
    pixels = greys[:, None, None].expand(n, 16, 16).contiguous()
    scores = scores_of(n=n, k=2)
    page = written(tmp_path, scores, pixels, rule="centred-sign")
    rows = page.data["suspects"]
    assert len(rows) > 10
    for index, *_, picture, _, _ in rows:
        image = Image.open(io.BytesIO(base64.b64decode(picture)))
        assert image.size == (16, 16)
        assert abs(float(np.asarray(image.convert("L")).mean()) - float(greys[index])) < 3


def test_pictures_are_without_the_training_transform(images, tmp_path):
    train = CGScoredDataset(images, progress=False)
    drawn = Pictures(train, 10**6).draw([3])[3]
    plain = FakeData(60, (3, 8, 8), 3)[3][0]
    found = Image.open(io.BytesIO(base64.b64decode(drawn)))
    buffer = io.BytesIO()
    plain.save(buffer, "WEBP", quality=70)
    assert np.array_equal(np.asarray(found), np.asarray(Image.open(buffer)))
    assert "<img" in written(tmp_path, train.scores, train).content


def test_pictures_stop_where_the_room_ends(tmp_path):
    pixels = torch.randint(0, 256, (600, 32, 32, 3), dtype=torch.uint8)
    scores = scores_of(n=600, k=2)
    text = page_of(scores, Pictures(pixels, 100_000), "Title", 0.6, "centred-sign", None)
    (tmp_path / "r.html").write_text(text, encoding="utf-8")
    page = Page(tmp_path / "r.html")
    having = [bool(row[5]) for row in page.data["suspects"]]
    assert 20 < sum(having) < len(having)
    assert having == sorted(having, reverse=True)
    assert f"The first {sum(having)} have pictures" in page.text


def test_a_file_that_is_gone_leaves_a_gap_and_no_error(folder, tmp_path):
    train = CGScoredDataset(folder, progress=False)
    Path(folder.samples[1][0]).unlink()
    assert [bool(x) for x in Pictures(train, 10**6).draw(range(4)).values()] == [
        True,
        False,
        True,
        True,
    ]
    page = written(tmp_path, train.scores, train)
    assert "ant/1.png" in page.text


@pytest.mark.parametrize(
    "value",
    [
        Image.new("RGBA", (5, 4)),
        Image.new("1", (5, 4)),
        Image.new("P", (5, 4)),
        torch.zeros(4, 5),
        torch.zeros(1, 4, 5),
        torch.zeros(3, 4, 5, dtype=torch.float16),
        torch.rand(3, 4, 5) * 9 - 4,
        torch.full((4, 5, 3), 255, dtype=torch.uint8),
        np.zeros((4, 5, 4), np.float64),
        np.zeros((4, 5, 1), np.uint8),
        np.zeros((4, 5), np.int64),
    ],
)
def test_what_is_a_picture(value):
    assert as_image(value).size == (5, 4)


@pytest.mark.parametrize("value", [torch.zeros(7), torch.zeros(2, 3, 4, 5), "text", None, 3])
def test_what_is_none(value):
    assert as_image(value) is None


def test_features_alone_give_a_page_without_pictures(tmp_path):
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(30) % 2, progress=False)
    for source in (None, x, TensorDataset(x)):
        page = written(tmp_path, scores, source, rule="centred-sign")
        assert "data:image/webp" not in page.content.split("<script")[0]
        assert page.data["suspects"]
        assert "have pictures" not in page.text


def test_images_in_a_column_are_shown(tmp_path):
    rows = [{"img": image, "y": label, "id": 3} for image, label in FakeData(40, (3, 8, 8), 2)]
    train = CGScoredDataset(rows, features="img", labels="y", ridge=0, progress=False)
    page = written(tmp_path, train.scores, train, rule="centred-sign")
    assert all(row[5] for row in page.data["suspects"])
    assert page.data["suspects"]


def test_the_most_frequent_suggestion_is_among_the_suspects(tmp_path):
    scores = scores_of(ridge=0.1)
    page = written(tmp_path, scores, rule="confident")
    pairs = Counter((row[1], row[2]) for row in page.data["suspects"])
    times = max(pairs.values())
    given, other = re.search(r"suggestion is “(.*?)” for “(.*?)” \((\d+) time", page.text).groups()[
        1::-1
    ]
    assert pairs[scores.class_names.index(given), scores.class_names.index(other)] == times
    assert f"({times} time" in page.text


def test_scores_without_predictions(tmp_path):
    scores = scores_of(method="stochastic", ratio=1, runs=2)
    page = written(tmp_path, scores)
    order = scores.partial.argsort(descending=True, stable=True)
    assert [row[0] for row in page.data["suspects"]] == order[scores.partial[order] > 0].tolist()
    assert [row[3] for row in page.data["suspects"]] == pytest.approx(
        scores.partial[order][scores.partial[order] > 0].tolist(), rel=1e-3
    )
    assert all(row[2] == -1 for row in page.data["suspects"])
    assert "robab" not in page.text.partition("Labels that look wrong")[2].partition("Copies")[0]
    assert "trains on what you put into the column" in page.text
    assert 'id="table" class="alone"' in page.content
    assert page.data["suspects"]
    assert "partial-sign" in page.text
    assert 'id="confusion-' not in page.content


def test_one_class_alone(tmp_path):
    x = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    page = written(tmp_path, cg_scores(x, ["only"] * 12, progress=False))
    assert page.data["suspects"] == []
    assert "no label can be compared" in page.text


def test_two_examples_are_enough(tmp_path):
    scores = cg_scores(torch.eye(2), [0, 1], progress=False)
    assert "2 examples of 2 classes" in written(tmp_path, scores).text


@pytest.mark.slow
def test_many_classes_stay_readable_and_small(tmp_path):
    page = written(tmp_path, scores_of(n=1200, k=400, d=30))
    headings = [tag for tag, _ in page.tags if tag == "h3"]
    assert len(headings) == 1 + 30
    assert page.data["policies"]["percents"] == [*range(5, 101, 5)]
    assert len(page.data["policies"]["balanced"]["low-first"][0][0]) == 400
    assert page.text.count("30 classes of 400") == 2
    assert page.text.count("Shown are the 15") == 2
    assert "Shown are the 30 classes most doubted" in page.text
    assert len(page.content) < 3e6


def test_the_words_have_the_numbers(tmp_path):
    x = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
    x[7], x[9] = x[3], x[4]
    labels = torch.arange(50) % 2
    labels[9] = 1 - labels[4]
    labels[7] = labels[3]
    scores = cg_scores(x, labels, progress=False)
    text = written(tmp_path, scores, rule="centred-sign").text
    suspects = int((evidence(scores, "centred-sign") > 0).sum())
    assert "50 examples of 2 classes" in text
    assert f"{suspects} labels ({suspects / 50:.1%}) look wrong" in text
    assert "1 example with an earlier exact copy of the same label" in text
    assert "2 examples with a copy of another label" in text
    assert text.index("example 4") < text.index("example 3")  # the conflict comes first


def test_copies_but_for_brightness_are_told(tmp_path):
    x = torch.rand(50, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 2
    x[7], x[9] = 0.5 * x[3], 2 * x[4]
    scores = cg_scores(x, labels, progress=False)
    text = written(tmp_path, scores).text
    assert "3 are copies but for brightness" in text  # one repeats a label, two are in conflict
    assert "No two examples are the same" not in text


def near_copies():
    """Row 7 is row 3, row 8 nearly so and of another label, 9 is 4 but for brightness, 10 is 0."""
    x = torch.rand(50, 5, generator=torch.Generator().manual_seed(0))
    x[7], x[8], x[9], x[10] = x[3], x[3] + 0.02, 2 * x[4], x[0]
    labels = torch.arange(50) % 2
    labels[9] = labels[4]
    return cg_scores(x, labels, near=0.999, progress=False)


def test_near_copies_are_beside_the_exact_ones(tmp_path):
    scores = near_copies()
    assert scores.near_copies.tolist() == [[0, 10], [3, 7], [4, 9], [3, 8]]
    section = written(tmp_path, scores).content.partition('<section id="copies">')[2]
    section = section.partition("</section>")[0]
    assert "3 groups of copies, exact or nearly, those with different labels first" in section
    cosine = float(scores.near_cosines[3])
    assert 0.999 < cosine < 0.99999
    shown = re.findall(r'<li>(\w): <span class="name">([^<]*)</span> <span class="quiet">', section)
    assert [name for _, name in shown] == [f"example {i}" for i in (3, 7, 8, 4, 9, 0, 10)]
    numbers = re.findall(r'<span class="quiet">cosine ([\d.]+)</span>', section)
    assert numbers == ["1", "1", f"{int(cosine * 1e4) / 1e4:.4f}", "1", "1", "1", "1"]
    assert section.count("different labels</strong>") == 1
    assert "but for brightness" not in section
    said = "4 pairs of examples are copies or nearly, of cosine 0.999 or more."
    assert said in written(tmp_path, scores).text


def test_near_copies_have_a_picture_each_and_exact_ones_one_for_all():
    scores = near_copies()
    images = torch.arange(50).view(50, 1, 1).expand(50, 4, 4) / 50
    groups, count = copies(scores, Pictures(images, 10**6))
    assert count == 3
    assert [len(group["pictures"]) for group in groups] == [2, 2, 1]
    assert groups[0]["pictures"] == [Pictures(images, 10**6).draw([i])[i] for i in (3, 8)]


def test_none_are_found_where_there_are_none(tmp_path):
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(30) % 2, near=1, progress=False)
    assert "No two examples are the same, or nearly." in written(tmp_path, scores).text


def test_the_same_page_every_time(tmp_path):
    scores = scores_of()
    first = written(tmp_path, scores).content
    assert written(tmp_path, scores).content == first


def test_names_that_are_no_utf8(folder, tmp_path):
    train = CGScoredDataset(folder, progress=False)
    train.scores.names[0]
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    object.__setattr__(train.scores, "names", (name, "b", "c", "d"))
    page = written(tmp_path, train.scores, train)
    assert "caf?.png" in page.content


def test_bad_arguments(tmp_path):
    scores = scores_of()
    with pytest.raises(ValueError, match=r"one item per score\. Got 3 for 60"):
        write_report(scores, tmp_path / "r.html", torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"'keep' .* Got 0 instead"):
        write_report(scores, tmp_path / "r.html", keep=0)
    with pytest.raises(ValueError, match="'rule'"):
        write_report(scores, tmp_path / "r.html", rule="best")
    with pytest.raises(FileNotFoundError, match="Create it first"):
        write_report(scores, tmp_path / "gone" / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_the_table_of_policies_counts_what_samplers_keep(tmp_path):
    scores = scores_of(n=90)
    policies = written(tmp_path, scores).data["policies"]
    place = policies["percents"].index(30)
    for name, balanced in (("balanced", True), ("overall", False)):
        for policy in ("low-first", "soft", "stratified"):
            kept = PrunedSampler(scores, 0.3, policy, balanced=balanced).selection
            counts, flagged = policies[name][policy][place]
            assert counts == scores.labels[kept].bincount(minlength=3).tolist()
            assert sum(flagged) == int(scores.suspects[kept].sum())


class Numbered(Dataset):
    """Sixty thousand images of 28 x 28 grey pixels, made as they are read."""

    def __len__(self):
        return 60_000

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        coarse = rng.integers(0, 256, (7, 7), dtype=np.uint8)
        return Image.fromarray(coarse).resize((28, 28)), index % 10


@pytest.mark.slow
def test_sixty_thousand_images_stay_below_ten_megabytes(tmp_path):
    """By a rule that suspects half of the labels of noise."""
    x = torch.randn(60_000, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(60_000) % 10
    scores = cg_scores(x, labels, method="local", runs=1, block_size=256, progress=False)
    assert (evidence(scores, "centred-sign") > 0).sum() > 20_000
    page = written(tmp_path, scores, Numbered(), rule="centred-sign")
    assert (tmp_path / "r.html").stat().st_size < 10e6
    assert len(page.data["suspects"]) == 20_000
    assert "Listed are the worst 20,000" in page.text


class OneAtATime(Dataset):
    """Items that notice who reads them, and whether others do at the same time."""

    def __init__(self, images):
        self.images, self.threads = images, set()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.threads.add(threading.get_ident())
        return self.images[index], 0


@pytest.mark.parametrize("num_workers", [None, 0, 2])
def test_items_are_read_in_as_many_threads_as_asked_for(tmp_path, num_workers):
    images = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(images, torch.arange(40) % 2, progress=False)
    dataset = OneAtATime(images)
    write_report(scores, tmp_path / "x.html", dataset, num_workers=num_workers, progress=False)
    here = threading.get_ident()
    assert (dataset.threads == {here}) == (num_workers == 0)
    assert (here in dataset.threads) == (num_workers == 0)
    assert (tmp_path / "x.html").read_text().count("data:image/webp") > 10
    with pytest.raises(ValueError, match="'num_workers' parameter of write_report"):
        write_report(scores, tmp_path / "x.html", dataset, num_workers=-1)


@pytest.mark.parametrize("shown", [False, True])
def test_its_long_steps_have_bars(tmp_path, capsys, monkeypatch, shown):
    monkeypatch.setattr("torch_cgprune.utils.progress._DELAY", 0)
    images = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(images, torch.arange(40) % 2, progress=False)
    write_report(scores, tmp_path / "x.html", images, progress=shown)
    said = capsys.readouterr().err
    assert ("Drawing plots: 100%" in said and "Drawing pictures: " in said) == shown
    assert shown or not said


def test_texts_are_shown_as_they_begin(tmp_path):
    texts = [f"text {i} <b>\n{'and more ' * (60 if i == 3 else 1)}" for i in range(60)]
    x = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    x[9] = x[3]
    scores = cg_scores(x, torch.arange(60) % 3, progress=False)
    written(tmp_path, scores, [*zip(texts, [0] * 60, strict=True)], rule="centred-sign")
    page = Page(tmp_path / "r.html")
    index, text, picture, name = (
        page.data["columns"].index(column) for column in ("example", "text", "picture", "name")
    )
    rows = page.data["suspects"]
    assert rows
    assert all(row[text].startswith(f"text {row[index]} <b> and more") for row in rows)
    assert all(row[picture] == row[name] == 0 for row in rows)
    assert not [tag for tag in page.tags if tag[0] == "img"]
    shown = [words for words in page.texts if words.startswith("text ")]
    assert len(shown) == 2 * 8 * 3 + 1  # of each class both ends, and of the copies one
    long = next(words for words in shown if words.startswith("text 3 "))
    assert (len(long), long[-1]) == (241, "…")
    assert "Wrong Text Given" in page.text
