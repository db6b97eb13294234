"""How Sphinx builds these documents: ``sphinx-build -nW docs build/docs``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import gntp_logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "gntp-logging"
author = "The gntp-logging developers"
project_copyright = "the gntp-logging developers"
version = release = gntp_logging.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_title = f"gntp-logging {release}"
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a page that shows a part of the README begins below its title

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# What comes from elsewhere: its documents are not at hand where this is built, so nothing can be linked.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!gntp_logging).*"),
    # Types that annotations use and nobody needs to name.
    (r"py:.*", r"gntp_logging(\.\w+)*\.(_\w+|T|R|Draft)"),
]


def _without_inherited(_app: Sphinx, what: str, _name: str, obj: object, _options: object, lines: list[str]) -> None:
    """Leave out what a class only inherits from a builtin: it tells nothing of ours."""
    if (what == "class" and isinstance(obj, type) and obj.__doc__ is None) or (
        what == "method" and not inspect.getdoc(obj)
    ):
        lines[:] = []


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("autodoc-process-docstring", _without_inherited)
