"""The reference of the API, from the docstrings: `.ci/docs/build FOLDER`."""

import pydoc
import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.logging import getLogger
from sphinx.util.nodes import make_refnode

project = "torch_cgprune"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
nitpicky = True
# What is documented where it is defined is not documented again where it is re-exported.
autodoc_default_options = {"members": True, "ignore-module-all": True}
autodoc_typehints = "none"  # shapes and dtypes stand in the docstrings
napoleon_use_ivar = True
napoleon_use_rtype = False

_log = getLogger(__name__)


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Find what a docstring calls by its public path, or by its name in its module."""
    name, module = node["reftarget"], node.get("py:module")
    if not re.fullmatch(r"\w{2,}(\.\w+)*", name):  # napoleon takes "(n,) bool" for a type
        return content
    for path in (name, f"{module}.{name}", f"torch_cgprune.{name}"):
        found = pydoc.locate(path)
        if found is not None:
            named = hasattr(found, "__qualname__")  # a property is not
            full = f"{found.__module__}.{found.__qualname__}" if named else path
            where = env.domains.python_domain.objects.get(full)
            if where is not None:
                return make_refnode(
                    app.builder, node["refdoc"], where.docname, where.node_id, [content], full
                )
            return None if full.startswith("torch_cgprune") else content  # torch's, say
    return None


def check_formulas(_: Sphinx, doctree: nodes.document, name: str) -> None:
    """Warn of formulas that are no LaTeX."""
    for formula in [*doctree.findall(nodes.math), *doctree.findall(nodes.math_block)]:
        text = formula.astext()
        try:
            tex2mathml(text)
            error = "unbalanced braces" if text.count("{") != text.count("}") else None
        except Exception as raised:  # noqa: BLE001 (whatever the parser stumbles on)
            error = str(raised)
        if error:
            _log.warning("%s: formula %r: %s", name, text, error, location=formula)


def setup(app: Sphinx) -> dict[str, Any]:
    """Extend Sphinx by the two."""
    app.connect("missing-reference", resolve)
    app.connect("doctree-resolved", check_formulas)
    return {"parallel_read_safe": True}
