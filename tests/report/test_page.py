"""The report's page as a file: what is in it, and how large it gets."""

import base64
import dataclasses
import io
import json
import re
import threading
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset
from torchvision import transforms
from torchvision.datasets import FakeData

from torch_cgprune import CGScoredDataset, PrunedSampler, cg_scores
from torch_cgprune.noise import evidence
from torch_cgprune.report import plane, write_report
from torch_cgprune.report.contents import Drawing, Request
from torch_cgprune.report.copies import copies
from torch_cgprune.report.page import SCRIPTS, STYLES, page_of
from torch_cgprune.report.pictures import Pictures, as_image, side_for
from torch_cgprune.scores.said import repeats

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
    page = written(tmp_path, train.scores, train, title="What is in it")
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
        chances = scores.pred_probs()[wanted, scores.alternatives("the test")[wanted]]
        assert [row[4] for row in rows] == pytest.approx(chances.tolist(), rel=1e-3)
        assert [row[5] for row in rows] == pytest.approx(scores.values[wanted].tolist(), rel=1e-3)
        probabilities = scores.pred_probs().tolist()
        for index, given, suggested, *_, likely in rows:
            by_chance = sorted(range(3), key=lambda c: -probabilities[index][c])
            assert likely == [c for c in by_chance if c not in (given, suggested)]
        assert (rule or "posterior") in page.text
        assert "artial score" not in page.text.partition("Labels that look wrong")[2]


def test_pictures_are_of_the_examples_they_stand_beside(tmp_path):
    """Images of one grey each: the picture tells which one it is."""
    n = 40
    greys = (torch.arange(n) * 6).to(torch.uint8)
    pixels = greys[:, None, None].expand(n, 16, 16).contiguous()
    scores = scores_of(n=n, k=2)
    page = written(tmp_path, scores, pixels, rule="centred-sign")
    rows = page.data["suspects"]
    assert len(rows) > 10
    for index, *_, picture, _, _, _ in rows:
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
    assert written(tmp_path, train.scores, train).data["examples"]["0"]["lowest"][0][2]


def test_pictures_stop_where_the_room_ends(tmp_path):
    pixels = torch.randint(0, 256, (600, 32, 32, 3), dtype=torch.uint8)
    scores = scores_of(n=600, k=2)
    asked = Request("Title", rule="centred-sign")
    text = page_of(scores, Drawing(pixels, 4, budget=100_000), asked)
    (tmp_path / "r.html").write_text(text, encoding="utf-8")
    page = Page(tmp_path / "r.html")
    having = [bool(row[6]) for row in page.data["suspects"]]
    assert 10 < sum(having) < len(having)
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
    assert page.data["examples"]["0"]["lowest"]
    assert "ant/1.png" in page.content


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
    x = torch.randn(30, 20, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(30) % 2, progress=False)
    for source in (None, x, TensorDataset(x)):
        page = written(tmp_path, scores, source, rule="centred-sign")
        rows = page.data["suspects"]
        assert rows
        assert all(row[6] == row[7] == row[8] == 0 for row in rows)
        assert not any(page.data["typical"].values())
        assert "have pictures" not in page.text


def test_a_table_shows_its_columns_and_few_numbers_themselves(tmp_path):
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(30) % 2, progress=False)
    names = [f"person {i}" for i in range(30)]
    frame = pl.DataFrame({"id": names, "age": torch.arange(30).numpy(), "income": x[:, 0].numpy()})
    text = page_columns(tmp_path, scores, frame, "text")
    assert text
    for index, shown in text.items():
        assert shown == f"id: person {index}; age: {index}; income: {float(x[index, 0]):.4g}"
    for index, shown in page_columns(tmp_path, scores, frame[["id"]], "text").items():
        assert shown == f"id: person {index}"
    for index, shown in page_columns(tmp_path, scores, x, "text").items():
        assert shown == ", ".join(f"{number:.4g}" for number in x[index].tolist())


def page_columns(tmp_path, scores, source, column):
    """Return a column of the list by the index of the example."""
    page = written(tmp_path, scores, source, rule="centred-sign")
    place = page.data["columns"].index(column)
    return {row[0]: row[place] for row in page.data["suspects"]}


def test_images_in_a_column_are_shown(tmp_path):
    rows = [{"img": image, "y": label, "id": 3} for image, label in FakeData(40, (3, 8, 8), 2)]
    train = CGScoredDataset(rows, features="img", labels="y", ridge=0, progress=False)
    page = written(tmp_path, train.scores, train, rule="centred-sign")
    assert all(row[6] for row in page.data["suspects"])
    assert page.data["suspects"]


def test_scores_without_predictions(tmp_path):
    scores = scores_of(method="stochastic", ratio=1, runs=2)
    page = written(tmp_path, scores)
    order = scores.partial.argsort(descending=True, stable=True)
    assert [row[0] for row in page.data["suspects"]] == order[scores.partial[order] > 0].tolist()
    assert [row[3] for row in page.data["suspects"]] == pytest.approx(
        scores.partial[order][scores.partial[order] > 0].tolist(), rel=1e-3
    )
    assert all(row[2] == -1 for row in page.data["suspects"])
    section = page.text.partition("Labels that look wrong")[2].partition("How much can")[0]
    assert "robab" not in section.replace("Likely wrong any", "")
    assert page.data["suspects"]
    assert "partial-sign" in page.text
    assert 'id="pairs"' not in page.content
    assert not page.data["probable"]
    assert "which tells no probability" in page.text


def test_one_class_alone(tmp_path):
    x = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    page = written(tmp_path, cg_scores(x, ["only"] * 12, progress=False))
    assert page.data["suspects"] == []
    assert "no label can be compared" in page.text


def test_two_examples_are_enough(tmp_path):
    scores = cg_scores(torch.eye(2), [0, 1], progress=False)
    assert "2 examples of 2 classes" in written(tmp_path, scores).text.replace(",", "")


@pytest.mark.slow
def test_many_classes_stay_readable_and_small(tmp_path):
    page = written(tmp_path, scores_of(n=1200, k=400, d=30))
    assert len(page.data["examples"]) == 30
    assert len(page.data["classRows"]) == 400
    assert page.data["policies"]["percents"] == [*range(5, 101, 5)]
    assert len(page.data["policies"]["balanced"]["low-first"][0][0]) == 400
    assert "Of the 30 classes of 400" in page.text
    assert len(page.content) < 3e6
    # The table is made by the script, a part at a time.
    assert len([tag for tag, _ in page.tags if tag == "tr"]) < 10
    assert 'id="class-box" open' not in page.content


def test_the_cards_have_the_numbers(tmp_path):
    x = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
    x[7], x[9] = x[3], x[4]
    labels = torch.arange(50) % 2
    labels[9] = 1 - labels[4]
    labels[7] = labels[3]
    scores = cg_scores(x, labels, progress=False)
    page = written(tmp_path, scores, rule="centred-sign")
    suspects = evidence(scores, "centred-sign") > 0
    share = float(suspects.double().mean())
    tenths = round(10 * float(scores.wrong_probability[suspects].mean()))
    assert f"Likely wrong labels {int(suspects.sum())} {share:.1%} of all; " in page.text
    assert f"about {tenths} in 10 of them really wrong" in page.text or tenths in (0, 10)
    assert "Copies 3 1 exact of the same label, near ones were not looked for." in page.text
    assert "2 examples with a copy of another label: one must be wrong." in page.text
    accuracy = scores.calibration.accuracy
    assert f"tells the given label of {accuracy:.0%} of the examples without" in page.text
    means = [float(scores.values[labels == c].mean()) for c in range(2)]
    hardest = scores.class_names[means[1] > means[0]]
    assert f"Hardest class {hardest} The easiest is “{1 - int(hardest)}”" in page.text
    assert page.text.index("example 4") < page.text.index("example 3")  # the conflict comes first


def test_commands_are_those_of_the_shell_where_there_is_a_file(tmp_path):
    page = written(tmp_path, scores_of(), called="my.safetensors")
    commands = re.findall(r'<div class="command"><code>(.*?)</code>', page.content)
    assert len(commands) == 5
    assert all(command.startswith("torch-cgprune ") for command in commands)
    assert all("my.safetensors" in command for command in commands)
    commands = re.findall(r'<div class="command"><code>(.*?)</code>', written_in_python(tmp_path))
    assert not any(command.startswith("torch-cgprune ") for command in commands)


def written_in_python(tmp_path):
    return written(tmp_path, scores_of()).content


def test_what_is_reviewed_is_no_suspect_and_stays_decided(tmp_path):
    scores = scores_of(ridge=0.1)
    before = [row[0] for row in written(tmp_path, scores, rule="margin").data["suspects"]]
    fine, wrong = before[:2]
    path = tmp_path / "relabel.csv"
    path.write_text(f"index,new_label,decision\n{fine},,fine\n{wrong},1,wrong\n")
    page = written(tmp_path, scores, rule="margin", reviewed=path)
    assert [row[0] for row in page.data["suspects"]] == [i for i in before if i != fine]
    given = {row[0]: row[:3] for row in page.data["decided"]}
    assert given == {fine: [fine, False, -1], wrong: [wrong, True, 1]}


def test_the_map_has_every_example_where_it_lies(tmp_path):
    scores = scores_of(n=90)
    plane = written(tmp_path, scores).data["map"]
    assert plane["count"] == 90
    kinds = {
        "index": "<u4",
        "x": "<u2",
        "y": "<u2",
        "given": "<u2",
        "score": "<f4",
        "flagged": "u1",
    }
    found = {
        name: np.frombuffer(base64.b64decode(plane[name]), kind) for name, kind in kinds.items()
    }
    assert found["index"].tolist() == [*range(90)]
    assert found["given"].tolist() == scores.labels.tolist()
    assert found["flagged"].tolist() == scores.suspects.tolist()
    assert found["score"] == pytest.approx(scores.values.numpy(), rel=1e-6)
    for axis, name in enumerate("xy"):
        there = scores.position[:, axis].numpy()
        inside = (found[name] > 0) & (found[name] < 65535)
        assert inside.sum() > 80
        assert np.corrcoef(there[inside], found[name][inside])[0, 1] > 0.99999


def test_without_positions_there_is_no_map(tmp_path):
    scores = dataclasses.replace(scores_of(), position=None)
    page = written(tmp_path, scores)
    assert page.data["map"] is None
    assert "Score again" in page.text


def test_of_many_examples_the_map_has_all_suspects_that_fit(monkeypatch):
    monkeypatch.setattr(plane, "POINTS_UP_TO", 40)
    flagged = torch.arange(100) % 5 == 0
    shown = plane._shown(flagged)
    assert len(shown) == 40
    assert {*flagged.nonzero().flatten().tolist()} <= {*shown.tolist()}
    assert shown.tolist() == sorted(shown.tolist())


def test_every_part_of_the_page_is_in_it():
    here = Path(plane.__file__).parent / "assets"
    assert {path.stem for path in here.glob("css/*.css")} == {*STYLES}
    assert {path.stem for path in here.glob("js/*.js")} == {*SCRIPTS}
    assert all(len(path.read_text().splitlines()) < 300 for path in here.glob("*/*"))


def test_fewer_pictures_are_larger():
    assert [side_for(count) for count in (1, 300, 301, 1000, 1001, 10**5)] == [
        256,
        256,
        160,
        160,
        96,
        96,
    ]


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
    section = written(tmp_path, scores).content.partition('<section id="copies"')[2]
    section = section.partition("</section>")[0]
    assert "3 groups of copies, exact or nearly, those with different labels first" in section
    cosine = float(scores.near_cosines[3])
    assert 0.999 < cosine < 0.99999
    shown = re.findall(r'<span class="name">(example \d+), cosine ([\d.]+)</span>', section)
    assert [name for name, _ in shown] == [f"example {i}" for i in (3, 7, 8, 4, 9, 0, 10)]
    digits = f"{int(cosine * 1e4) / 1e4:.4f}"
    assert [number for _, number in shown] == ["1", "1", digits, "1", "1", "1", "1"]
    assert section.count("different labels</strong>") == 1
    assert "but for brightness" not in section
    exact = int(repeats(scores).sum())
    said = f"Groups of copies 3 {exact} exact of the same label, 4 pairs of cosine 0.999 or more."
    assert said in written(tmp_path, scores).text


def test_members_of_a_group_stand_side_by_side_each_with_its_label():
    scores = near_copies()
    images = torch.arange(50).view(50, 1, 1).expand(50, 4, 4) / 50
    groups, count = copies(scores, Pictures(images, 10**6))
    assert count == 3
    drawn = Pictures(images, 10**6).draw(range(50))
    for group, wanted in zip(groups, ([3, 7, 8], [4, 9], [0, 10]), strict=True):
        members = group["members"]
        assert [member["name"] for member in members] == [f"example {i}" for i in wanted]
        assert [member["picture"] for member in members] == [drawn[i] for i in wanted]
        assert [member["label"] for member in members] == [
            str(scores.labels[i].item()) for i in wanted
        ]
    assert [group["conflict"] for group in groups] == [True, False, False]
    assert [group["exact"] for group in groups] == [False, False, True]


def test_of_a_large_group_every_label_is_shown():
    x = torch.eye(30)
    x[:20] = x[0]
    labels = torch.arange(30) % 2
    labels[:20] = 0
    labels[15] = 1
    groups, _ = copies(cg_scores(x, labels, progress=False), Pictures(None, 0))
    names = [member["name"] for member in groups[0]["members"]]
    assert names == [f"example {i}" for i in (0, 1, 2, 3, 4, 15)]
    assert groups[0]["more"] == 14


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
    assert json.dumps(name) in page.content  # which a browser shows with a mark for the letter


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
    assert (tmp_path / "x.html").read_text().count("UklGR") > 10
    with pytest.raises(ValueError, match="'num_workers' parameter of write_report"):
        write_report(scores, tmp_path / "x.html", dataset, num_workers=-1)


@pytest.mark.parametrize("shown", [False, True])
def test_its_long_steps_have_bars(tmp_path, capsys, monkeypatch, shown):
    monkeypatch.setattr("torch_cgprune.utils.progress._DELAY", 0)
    images = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(images, torch.arange(40) % 2, progress=False)
    write_report(scores, tmp_path / "x.html", images, progress=shown)
    said = capsys.readouterr().err
    assert ("Drawing pictures: " in said) == shown
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
    assert all(len(row[text]) <= 241 for row in rows)
    ends = [
        one for entry in page.data["examples"].values() for part in entry.values() for one in part
    ]
    assert len(ends) == 2 * 8 * 3
    long = next(one[3] for one in ends if one[3].startswith("text 3 "))
    assert (len(long), long[-1]) == (241, "…")
    assert "Name or text" in page.text
    assert "text 9 " in page.text  # beside its copy
