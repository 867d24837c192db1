"""The paper, regenerated.

The way of an example from its data set to a table:

1. ``data`` reads the data sets, as many examples of each as ``scale`` says; ``cache`` keeps what
   is computed once.
2. ``scored`` gives them the paper's scores, ``trained`` (by ``training``, ``networks`` and
   ``baselines``) the scores of methods that train; ``pruned`` trains on a part of them.
3. A module a table or figure (``table1``, ``figure2``, ``noise`` for Figures 3, 13 and 14) has
   ``cells``, what it measures, and ``render``, its section of the page; ``velocity`` is for
   ``figure4``.
4. ``results`` measures the cells that are not there yet, and appends each to a file of JSON lines.
5. ``page`` writes RESULTS.md from these lines, with tables and pictures by ``shown`` and the
   verdicts on ``claims``; ``command`` is the command line.
"""
