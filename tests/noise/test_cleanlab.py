"""README's bridge to cleanlab, with the real package."""

import numpy as np
import pytest
from cleanlab import Datalab
from cleanlab.count import estimate_joint
from cleanlab.filter import find_label_issues
from noisy_data import noisy_digits
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from torch_cgprune import cg_scores


@pytest.fixture(scope="module")
def digits():
    x, given, wrong = noisy_digits(0.2)
    return x, given, wrong, cg_scores(x, given, ridge="auto", progress=False)


def test_find_label_issues_takes_pred_probs_as_they_are(digits):
    x, given, wrong, scores = digits
    issues = find_label_issues(given, scores.pred_probs().numpy())
    knn = cross_val_predict(KNeighborsClassifier(10), x, given, cv=5, method="predict_proba")
    assert f1_score(wrong, issues) > 0.95
    assert f1_score(wrong, issues) > f1_score(wrong, find_label_issues(given, knn))
    joint = estimate_joint(given, scores.pred_probs().numpy())
    assert 1 - np.trace(joint) == pytest.approx(0.2, abs=0.05)


@pytest.mark.filterwarnings("default")  # what cleanlab calls warns, and it skips what fails
def test_datalab_takes_the_same(digits, capsys):
    _, given, wrong, scores = digits
    lab = Datalab({"label": given.tolist()}, label_name="label", verbosity=0)
    lab.find_issues(pred_probs=scores.pred_probs().numpy())
    found = lab.get_issues("label")
    assert f1_score(wrong, found["is_label_issue"]) > 0.9
    assert roc_auc_score(wrong, -found["label_score"]) > 0.99
    suggested = found["predicted_label"].to_numpy()
    assert (suggested == scores.suggested_labels.numpy()).mean() > 0.99
    lab.report()
    assert "label issues" in capsys.readouterr().out
