"""How Sphinx makes the site: `make docs`, without network, warnings as errors."""

import accelsim

project = "accelsim"
author = "the accelsim contributors"
copyright = author
version = release = accelsim.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
]
exclude_patterns = ["_build"]
smartquotes = False  # `--options` are no dashes

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # the anchors that GitHub makes, which the pages link to

python_maximum_signature_line_length = 79
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"accelsim {release}"
html_show_sphinx = False
pygments_style = "default"
pygments_dark_style = "monokai"
