"""What a scoring run returns: the scores of all examples, and what follows from them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from torch import Tensor

from torch_cgprune.inputs.labels import ClassName
from torch_cgprune.scores import groups
from torch_cgprune.scores.calibration import Calibration, measure
from torch_cgprune.scores.file import read_scores, write_scores
from torch_cgprune.scores.judging import Judgement, judge
from torch_cgprune.scores.missing import no_classes_predicted, too_many_predictions
from torch_cgprune.scores.posterior import Outputs, Posterior
from torch_cgprune.scores.said import suspicion_rule
from torch_cgprune.scores.shown import as_html, as_text
from torch_cgprune.scores.table import as_frame
from torch_cgprune.utils.devices import own_settings


@dataclass(frozen=True, eq=False, repr=False)
class CGScores:
    r"""Complexity-gap scores of n examples of k classes, and what follows from the same solve.

    With :math:`H` the Gram matrix, :math:`y` the labels as +-1 (an example's own class against the
    rest), :math:`\alpha = H^{-1} y` and :math:`d_i = (H^{-1})_{ii}`:

    Attributes:
        values: (n,) float64 CG-scores :math:`\alpha_i^2 / d_i` (paper eq. 2, 6); high is irregular.
        terms: (n, 3) float64, the three terms of eq. 6 (Table 5), which add up to ``values``:
            :math:`(\alpha_i - y_i d_i)^2 / d_i`, :math:`2 y_i (\alpha_i - y_i d_i)`, :math:`d_i`.
        cg_prime: (n,) float64 CG', the gap of :math:`y^T H y` (sec. 3.2): no inverse in it.
        labels: (n,) int64 class codes, into ``classes``.
        classes: k class names, integers or strings, sorted.
        complexity: (k,) float64 data complexity :math:`y^T H^{-1} y` of each class against the rest
            (sec. 3.1); the mean over blocks where there are several.
        bound: (k,) float64 generalisation bound :math:`\sqrt{2 y^T H^{-1} y / n}`, likewise.
        digests: (n,) int64 content hash of every feature row.
        conflicts: (n,) bool, the examples of which an exact copy has another label.
        first_partial: (n,) float64 partial CG-score; a later exact copy has that of the first.
        own: (n,) leave-one-out prediction of the own class's prior-centred target
            :math:`E_{ic} - p_c` (one-hot minus class share), or None where the method has none
            (``stochastic``, which knows one class a block); as are the three that follow.
        rival: (n,) int64 the other class of the highest prediction; of one class alone, itself.
        margin: (n,) ``own`` minus the rival's prediction; negative where the rival wins.
        loo: (n, k) all these predictions, or None where n k exceeds 2^27: with several runs,
            ``margin`` is then the mean of each run's, ``rival`` that of the highest prediction.
        judgement: what is said of the labels, None until somebody asks (where ``loo`` is there).
        near_copies: (m, 2) int64 pairs i < j of examples whose rows have a cosine of ``near`` or
            more, the closest first, at most 10 n; None where ``cg_scores`` was not asked for them.
            Of equal rows the first alone is paired with others, and with each later one.
        near_cosines: (m,) float64 cosines of these pairs, up to 1; None likewise.
        position: (n, 2) float32 principal components of a sketch of the unit rows: a map of them.
        cleared: (n,) bool, labels that a person has looked at and found right: they are suspects
            no more; None for none.
        names: n file names of the examples, relative to their folder; None where they are no files.
        metadata: method, options, library version, fingerprint: JSON values.

    """

    values: Tensor
    terms: Tensor
    cg_prime: Tensor
    labels: Tensor
    classes: tuple[ClassName, ...]
    complexity: Tensor
    bound: Tensor
    digests: Tensor
    conflicts: Tensor
    first_partial: Tensor
    own: Tensor | None = None
    rival: Tensor | None = None
    margin: Tensor | None = None
    loo: Tensor | None = None
    judgement: Judgement | None = None
    near_copies: Tensor | None = None
    near_cosines: Tensor | None = None
    position: Tensor | None = None
    cleared: Tensor | None = None
    names: tuple[str, ...] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def partial(self) -> Tensor:
        """(n,) partial CG-score, the second term; positive flags a mislabel (App. B, Table 2)."""
        return self.terms[:, 1]

    @property
    def prediction(self) -> Tensor:
        r"""(n,) leave-one-out prediction :math:`y_i - \alpha_i / d_i` of the own class's +1.

        Rasmussen and Williams, Gaussian Processes for Machine Learning, eq. 5.12. Over several
        runs, with the means of :math:`\alpha_i` and :math:`d_i`. A later exact copy, whose terms
        are 0, is predicted by the first: 1.
        """
        d = self.terms[:, 2]
        return (-self.terms[:, 1] / (2 * d)).where(d > 0, 1.0)

    @property
    def residual(self) -> Tensor:
        """(n,) leave-one-out residual ``|1 - prediction|``; in one run CG is d times its square."""
        return (1 - self.prediction).abs()

    @property
    def wrong_probability(self) -> Tensor | None:
        r"""(n,) float64 probability that the given label is wrong; None for ``stochastic`` scores.

        From a posterior that is fitted to the leave-one-out outputs when first asked for: the
        class probabilities :math:`P_{ij}` of :meth:`pred_probs`, and how often an example of class
        j carries the label g, :math:`T_{jg}`. With the given label g it is
        :math:`1 - T_{gg} P_{ig} / \sum_j T_{jg} P_{ij}`. A later exact copy has that of the first;
        what is ``cleared`` has 0.
        """
        judged = self.judged()
        if judged is None or self.cleared is None:
            return None if judged is None else judged.wrong
        return judged.wrong.masked_fill(self.cleared, 0)

    @property
    def suspicion(self) -> Tensor:
        """(n,) float64 evidence that the label is wrong, in favour where positive.

        ``wrong_probability`` minus a threshold that lies between 0.2 and 0.5 and depends on how
        well wrong labels can be told; never positive where no other class is likelier by
        :meth:`pred_probs`. For ``stochastic`` scores, the paper's partial score.
        """
        judged = self.judged()
        return self.without_cleared(self.first_partial if judged is None else judged.evidence)

    def without_cleared(self, evidence: Tensor) -> Tensor:
        """Return (n,) evidence that is negative, and the lowest, where labels are ``cleared``."""
        if self.cleared is None:
            return evidence
        return evidence.masked_fill(self.cleared, min(float(evidence.min()), 0.0) - 1)

    @property
    def suspects(self) -> Tensor:
        """(n,) bool, the examples whose label looks wrong: ``suspicion > 0``."""
        return self.suspicion > 0

    def judged(self, *, progress: bool = False) -> Judgement | None:
        """Return ``judgement``, made now if it is not there; None for ``stochastic`` scores."""
        if self.judgement is None and self.loo is not None:
            with own_settings():
                made = judge(self.loo, self.labels, self.priors, progress=progress)
            # Frozen for others; as a field it goes along into what replaces these scores.
            object.__setattr__(self, "judgement", made)
        return self.judgement

    @cached_property
    def copy_groups(self) -> Tensor:
        """(n,) int64 number of the group of copies that each example is in; -1 without a copy.

        Groups are numbered by their first members. Copies are examples of the same content, and
        pairs of ``near_copies``; copies of copies are in one group.
        """
        return groups.copy_groups(self.digests, self.near_copies)

    @cached_property
    def later_copies(self) -> Tensor:
        """(n,) bool, the members of groups of copies, but for one of each label.

        That is the first whose label does not look wrong, or else the first: which of several
        labels is right, copies do not tell.
        """
        return groups.later_copies(self.copy_groups, self.labels, self.suspects)

    @property
    def class_names(self) -> tuple[str, ...]:
        """K names to read, of ``classes``: those of the dataset's attribute, where it has them."""
        listed: list[str] = self.metadata.get("class_names") or [str(name) for name in self.classes]
        return tuple(listed)

    @property
    def priors(self) -> Tensor:
        """(k,) float64 share of each class among the given labels."""
        return self.labels.bincount(minlength=len(self.classes)).double() / len(self)

    @property
    def suggested_labels(self) -> Tensor:
        """(n,) int64 class codes: of suspects the likeliest other class, else the given ones.

        Raises:
            ValueError: the method predicts no classes (``stochastic``).

        """
        return self.alternatives("suggested_labels").where(self.suspects, self.labels)

    def alternatives(self, what: str) -> Tensor:
        """Return (n,) int64 the likeliest other class of each example, which ``what`` needs.

        Raises:
            ValueError: the method predicts no classes (``stochastic``).

        """
        judged = self.judged()
        return self.needed(what, "rival") if judged is None else judged.suggested

    def posterior(self, what: str) -> Posterior:
        """Return what is fitted to the predictions of all classes, which ``what`` needs.

        Raises:
            ValueError: the method predicts no classes (``stochastic``).

        """
        judged = self.judged()
        if judged is None:
            self.needed(what, "loo")
        assert judged is not None  # noqa: S101
        return judged.posterior

    def pred_probs(self) -> Tensor:
        r"""Return (n, k) float64 class probabilities, each without its own label; rows add up to 1.

        :math:`P_{ij} \propto \exp((f_{ij} + b_j) / \tau)` of the leave-one-out outputs f, class
        shares included, with one temperature and a bias a class, fitted together with the noise of
        the labels: they are of the *true* classes.

        Raises:
            ValueError: the predictions of all classes are not there: the method is
                ``stochastic``, or n k exceeds 2^27.

        """
        loo = self.needed("pred_probs", "loo")
        outputs = Outputs(loo, self.labels, self.priors, len(self))
        return self.posterior("pred_probs").all_probabilities(outputs)

    @cached_property
    def calibration(self) -> Calibration:
        """How well the given labels are predicted, by :meth:`pred_probs` and the noise.

        Raises:
            ValueError: as :meth:`pred_probs`.

        """
        self.needed("calibration", "loo")
        probs, posterior = self.pred_probs(), self.posterior("calibration")
        return measure(posterior.predicted_(probs), self.labels, posterior.temperature)

    def needed(self, what: str, name: str) -> Tensor:
        """Return an optional attribute that ``what`` cannot do without.

        Raises:
            ValueError: it is None; the message says why, and the cure.

        """
        tensor: Tensor | None = getattr(self, name)
        if tensor is not None:
            return tensor
        if self.own is None:
            raise no_classes_predicted(what, self.metadata.get("options", {}).get("method"))
        raise too_many_predictions(what, len(self), len(self.classes))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file, whole or not at all.

        Raises:
            FileNotFoundError, PermissionError: the folder is missing or cannot be written.

        """
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        write_scores(path, {**found, "judgement": self.judged()})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CGScores:
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: no such file.
            CacheError: truncated, another format, or another version of it.

        """
        return cls(**read_scores(path))

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` with a row an example, as ``export`` writes it.

        Its columns are ``index``, ``path``, ``label``, ``score``, ``wrong_probability``,
        ``suggested_label``, ``suggested_probability`` and ``copy_group``; what the method does not
        have, and ``path`` where examples are no files, is ``NA``.

        Raises:
            ImportError: pandas is not installed.

        """
        return as_frame(self)

    def __repr__(self) -> str:
        return as_text(self, suspicion_rule(self))

    def _repr_html_(self) -> str:
        """Show the same in a notebook, with a histogram of the scores."""
        return as_html(self, suspicion_rule(self))
